"""Workflows: work in durable steps, each retried separately and never repeated once it is done."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol


class Steps(Protocol):
    """The steps of one run, in their order. A run that is cut off begins again and skips finished steps."""

    async def do[T](self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do one step and return its result, a JSON value of at most 1 MiB; `name` is unique in the run."""

    async def sleep(self, name: str, seconds: float) -> None:
        """Wait, at no cost, also for days."""


class Run(NamedTuple):
    """One run of a workflow: its id, and in `body` its input, any JSON value."""

    id: str
    body: Any
    steps: Steps


class Workflow(Protocol):
    """A workflow that can be started. Only Cloudflare has them: without a binding, a queue does the work."""

    async def start(self, run_id: str, body: object) -> None:
        """Start a run; do nothing if one with this id exists."""

    async def status(self, run_id: str) -> str | None:
        """Return queued, running, paused, complete, errored, terminated, waiting or unknown; None without a run."""

    async def terminate(self, run_id: str) -> None:
        """End a run early; do nothing if there is none, or it has ended."""

    async def probe(self) -> None:
        """Raise `PortError` unless the workflow answers."""
