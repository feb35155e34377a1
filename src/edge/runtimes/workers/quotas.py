"""The `Quotas` port in a Worker, and the Durable Object behind it: one for each name, so that each count is exact."""

from typing import Any

from pyodide.ffi import JsException
from workers import DurableObject

from edge.ports import PortError
from edge.runtimes.workers.border import message_of, raw


class QuotaCounter(DurableObject):
    """The count of one name, in its own SQLite."""

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self._sql = raw(getattr(self.ctx, "_ctx", ctx)).storage.sql
        self._sql.exec("CREATE TABLE IF NOT EXISTS counts (id INTEGER PRIMARY KEY, day TEXT, used INTEGER)")

    async def add(self, day: str) -> int:
        """Count one more, from 1 on a new day."""
        return int(self._sql.exec(_ADD, day).one().used)


class DurableQuotas:
    """Asks a name's object: a call crosses into JavaScript for the stub, the call and the number."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def add(self, name: str, day: str) -> int:
        try:
            return int(await self._binding.getByName(name).add(day))
        except JsException as fault:
            raise PortError(f"quotas: {message_of(fault)}") from None

    async def probe(self) -> None:
        await self.add("probe", "0000-00-00")


_ADD = """
INSERT INTO counts VALUES (1, ?, 1)
ON CONFLICT (id) DO UPDATE
SET used = CASE WHEN day < excluded.day THEN 1 ELSE used + 1 END, day = max(day, excluded.day)
RETURNING used
"""
