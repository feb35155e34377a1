"""The `Quotas` port in a Worker, and the Durable Object behind it: one for each name, so that each count is exact."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json, to_json
from pyodide.ffi import JsException
from workers import DurableObject

from edge.ports import PortError
from edge.ports.quotas import Allowance
from edge.runtimes.workers.js_bridge import message_of, raw


class QuotaCounter(DurableObject):
    """The count of one name, in its own SQLite."""

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self._sql = raw(getattr(self.ctx, "_ctx", ctx)).storage.sql
        self._sql.exec("CREATE TABLE IF NOT EXISTS counts (id INTEGER PRIMARY KEY, day TEXT, used INTEGER)")

    async def add(self, day: str) -> int:
        """Count one more, from 1 on a new day."""
        return int(self._sql.exec(_ADD, 1, day).one().used)

    async def take(self, allowances: str) -> str:
        """Count one more in each allowance, unless one is used up; return the counts before, as JSON in order."""
        entries = [*enumerate(from_json(allowances), 2)]
        used = [int(self._sql.exec(_USED, place, period).one().used) for place, (period, _) in entries]
        if all(number < most for number, (_, (_, most)) in zip(used, entries, strict=True)):
            for place, (period, _) in entries:
                self._sql.exec(_ADD, place, period).one()
        return to_json(used).decode()


class DurableQuotas:
    """Calls a name's object: a call crosses into JavaScript for the stub, the call and the number."""

    def __init__(self, binding: Any) -> None:
        self._binding = raw(binding)

    async def add(self, name: str, day: str) -> int:
        return int(await self._call(name, "add", day))

    async def take(self, name: str, allowances: Sequence[Allowance]) -> list[int]:
        used: list[int] = from_json(await self._call(name, "take", to_json(allowances).decode()))
        return used

    async def probe(self) -> None:
        await self.add("probe", "0000-00-00")

    async def _call(self, name: str, method: str, argument: str) -> Any:
        try:
            return await getattr(self._binding.getByName(name), method)(argument)
        except JsException as fault:
            raise PortError(f"quotas: {message_of(fault)}") from None


_USED = "SELECT coalesce(max(used), 0) AS used FROM counts WHERE id = ? AND day >= ?"
_ADD = """
INSERT INTO counts VALUES (?, ?, 1)
ON CONFLICT (id) DO UPDATE
SET used = CASE WHEN day < excluded.day THEN 1 ELSE used + 1 END, day = max(day, excluded.day)
RETURNING used
"""
