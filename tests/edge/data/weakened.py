"""The scope with one of its rules switched off: the property tests have to notice each."""

import re
from collections.abc import Collection, Mapping, Sequence

from tests.contracts.world import DECLARED
from tests.contracts.world_schema import SCHEMA

from edge.data import Tables
from edge.data.scope import Scope
from edge.data.writes import Writes
from edge.ports import Database, Result, Row, Statement, Value


class Unlocked:
    """A database whose second lock is open, as on D1: the text is all that keeps rows apart."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self, sql: str, *params: Value) -> list[Row]:
        return await self._db.all(str(sql), *params)

    async def first(self, sql: str, *params: Value) -> Row | None:
        return await self._db.first(str(sql), *params)

    async def run(self, sql: str, *params: Value) -> Result:
        return await self._db.run(str(sql), *params)

    async def batch(self, statements: Sequence[Statement]) -> list[Result]:
        return await self._db.batch([Statement(str(statement.sql), statement.params) for statement in statements])

    async def probe(self) -> None:
        await self._db.probe()


class WithoutRule2(Scope):
    """Takes words in strings and comments for no names."""

    def words(self, sql: str) -> set[str]:
        return super().words(re.sub(r"'[^']*'|/\*.*?\*/|--[^\n]*", " ", sql, flags=re.S))


class WithoutRule3(Scope):
    """Leaves the names that nobody declares as they are: views, and where full-text tables store their rows."""

    def shadowed(self, conditions: Mapping[str, str]) -> Collection[str]:
        return [name for name in conditions if name in self.rows and not self.rows[name].declared.private]


class WithoutRule4(Scope):
    """Lets a statement name the schema."""

    def refuse(self, sql: str, words: set[str]) -> None:
        """Refuse nothing."""


class WithoutRules5And11(Scope):
    """Lets a statement begin as it likes, so that it may write."""

    def begin(self, sql: str, words: set[str]) -> tuple[str, int]:  # noqa: ARG002
        match = re.match(r"(?i)\s*with(\s+recursive)?\b", sql)
        return ("with", match.end()) if match else (sql[:6].lower(), 0)


def weakened(scope: type[Scope] = Scope, writes: type[Writes] = Writes) -> Tables:
    """Return the tables of the world under a weaker scope."""

    class Weakened(Tables):
        scope_type = scope
        writes_type = writes

    return Weakened(SCHEMA, *DECLARED)
