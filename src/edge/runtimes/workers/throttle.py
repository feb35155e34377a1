"""The `Throttle` port in a Worker, and the Durable Object behind it: one object, so one bucket, for each name."""

import time
from typing import Any

from pyodide.ffi import JsException
from workers import DurableObject

from edge.ports import Pace, PortError
from edge.runtimes.token_bucket import RESERVE, SCHEMA, wait
from edge.runtimes.workers.border import message_of, raw


class CallThrottle(DurableObject):
    """The bucket of one name, in its own SQLite."""

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self._sql = raw(getattr(self.ctx, "_ctx", ctx)).storage.sql
        self._sql.exec(SCHEMA)

    async def reserve(self, burst: int, rate: float) -> float:
        """Take one call out of the bucket and return its level."""
        return float(self._sql.exec(RESERVE, "bucket", float(burst), time.time(), float(rate)).one().level)


class DurableThrottle:
    """Asks a name's object: a call crosses into JavaScript for the stub, the call and the level."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def reserve(self, name: str, pace: Pace) -> float:
        try:
            return wait(float(await self._binding.getByName(name).reserve(pace.burst, pace.rate)), pace)
        except JsException as fault:
            raise PortError(f"throttle: {message_of(fault)}") from None

    async def probe(self) -> None:
        await self.reserve("probe", Pace(1000.0, 1000))
