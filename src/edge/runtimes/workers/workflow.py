"""A workflow: the class that Cloudflare runs, and its steps for a handler."""

from collections.abc import Awaitable, Callable
from typing import Any

from workers import WorkflowEntrypoint

from edge.app import App
from edge.ports.workflows import Run
from edge.runtimes.workers.entry import Isolate

RETRIES = {"retries": {"limit": 5, "delay": "10 seconds", "backoff": "exponential"}, "timeout": "10 minutes"}
"""The retry policy of a step."""


def workflow(app: App, binding: str) -> type[WorkflowEntrypoint]:
    """Return the class of the workflow that a binding starts."""
    isolate = Isolate(app)

    class SyncWorkflow(WorkflowEntrypoint):
        async def run(self, event: Any, step: Any) -> Any:
            run = Run(event["instanceId"], event["payload"], DurableSteps(step))
            return await app.workflow(binding, run, isolate.ports(self.env, self.ctx))

    return SyncWorkflow


class DurableSteps:
    """Steps that the platform remembers."""

    def __init__(self, step: Any) -> None:
        self._step = step

    async def do[T](self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        async def once() -> T:
            return await work()

        result: T = await self._step.do(name, config=RETRIES)(once)()
        return result

    async def sleep(self, name: str, seconds: float) -> None:
        await self._step.sleep(name, f"{seconds:g} seconds")
