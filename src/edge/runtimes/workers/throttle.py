"""The `Throttle` port in a Worker, and the Durable Object behind it: one object for each name."""

import time
from typing import Any

from pyodide.ffi import JsException
from workers import DurableObject

from edge.ports import Pace, PortError, Window
from edge.runtimes import moving_window, token_bucket
from edge.runtimes.token_bucket import RESERVE, wait
from edge.runtimes.workers.js_bridge import message_of, raw


class CallThrottle(DurableObject):
    """The bucket and the window of one name, in its own SQLite."""

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self._sql = raw(getattr(self.ctx, "_ctx", ctx)).storage.sql
        self._sql.exec(f"{token_bucket.SCHEMA};{moving_window.SCHEMA}")

    async def reserve(self, burst: int, rate: float) -> float:
        """Take one call out of the bucket and return its level."""
        return float(self._sql.exec(RESERVE, "bucket", float(burst), time.time(), float(rate)).one().level)

    async def admit(self, calls: int, seconds: float, patience: float) -> float:
        """Reserve one call in the window, within the patience, and return the seconds until then."""
        window = Window(int(calls), float(seconds))
        return moving_window.admit(_executed(self._sql), "window", window, float(patience), time.time())

    async def pause(self, seconds: float) -> None:
        """Admit no call for these seconds."""
        moving_window.pause(_executed(self._sql), "window", time.time() + float(seconds))


class DurableThrottle:
    """Calls a name's object: a call crosses into JavaScript for the stub, the call and the number."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def reserve(self, name: str, pace: Pace) -> float:
        return wait(float(await self._call(name, "reserve", pace.burst, pace.rate)), pace)

    async def admit(self, name: str, window: Window, patience: float = 0.0) -> float:
        return float(await self._call(name, "admit", window.calls, window.seconds, patience))

    async def pause(self, name: str, seconds: float) -> None:
        await self._call(name, "pause", seconds)

    async def probe(self) -> None:
        await self.reserve("probe", Pace(1000.0, 1000))

    async def _call(self, name: str, method: str, *arguments: float) -> Any:
        try:
            return await getattr(self._binding.getByName(name), method)(*arguments)
        except JsException as fault:
            raise PortError(f"throttle: {message_of(fault)}") from None


def _executed(sql: Any) -> moving_window.Execute:
    def execute(text: str, *params: Any) -> Any:
        rows = sql.exec(text, *params).raw().toArray()
        return rows[0][0] if rows.length else None

    return execute
