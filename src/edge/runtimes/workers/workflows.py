"""The `Workflow` port on Cloudflare Workflows."""

from typing import Any

from pyodide.ffi import JsException

from edge.ports import PortError
from edge.runtimes.workers.js_bridge import from_object, message_of, raw, to_object


class WorkflowBinding:
    """A workflow to start."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def start(self, run_id: str, body: object) -> None:
        try:
            await self._binding.create(to_object({"id": run_id, "params": body}))
        except JsException as fault:
            if await self.status(run_id) is None:
                raise PortError(f"workflow: {message_of(fault)}") from None

    async def status(self, run_id: str) -> str | None:
        try:
            instance = await self._binding.get(run_id)
            state = from_object(await instance.status())
        except JsException:
            return None
        status: str = state["status"]
        return status

    async def terminate(self, run_id: str) -> None:
        try:
            await (await self._binding.get(run_id)).terminate()
        except JsException as fault:
            if await self.status(run_id) in {"queued", "running", "paused", "waiting"}:
                raise PortError(f"workflow: {message_of(fault)}") from None

    async def probe(self) -> None:
        """Do nothing: the binding has no request but a run, so a probe only confirms that it exists."""
