"""The scope with one of its rules switched off: the property tests have to notice each."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from tests.contracts.world import DECLARED
from tests.contracts.world_schema import SCHEMA

from edge.data import Tables
from edge.data.scope import Plan, Scope
from edge.data.sql import numbered, words_of
from edge.data.table import Rows
from edge.data.writes import Insert, Writes
from edge.ports import Database, Result, Row, Statement, Value


class Unlocked:
    """A database with an open second lock, as on D1: only the rewritten text keeps rows apart."""

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
    """Leaves undeclared names as they are: views, and the tables in which full-text tables store their rows."""

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


class WithoutOuterCondition(Writes):
    """Trusts the rows that a condition selected."""

    def condition(self, rows: Rows, names: tuple[str, ...]) -> list[str]:  # noqa: ARG002
        return []


class WithoutFixedColumns(Writes):
    """Lets an update change the columns of a row's owner."""

    def changeable(self, rows: Rows) -> frozenset[str]:
        return frozenset(name for name in rows.columns if name not in rows.relation.key)


class WithoutRefusedWords(Writes):
    """Takes any text for a condition or an expression."""

    def fragment(self, text: str) -> set[str]:
        return words_of(text)


class WithoutConflictCondition(Writes):
    """Replaces any row with the same key."""

    def conflict(self, rows: Rows, shape: Insert) -> str:
        return re.sub(r" WHERE CASE .*", "", super().conflict(rows, shape))


class WithoutCheck(Writes):
    """Lets a new row be of anybody."""

    def plan_insert(self, name: str, shape: Insert) -> Plan:
        sql, names = super().plan_insert(name, shape)
        return Plan(re.sub(r"WHERE CASE WHEN .*? END", "WHERE true", sql, count=1), names)


class PublicParents(Scope):
    """Lets a row be written below a parent that is public, and not the caller's own."""

    def expressions(self, words: Iterable[str], conditions: Mapping[str, str]) -> dict[str, str]:  # noqa: ARG002
        return super().expressions(words, self.readable)


class InlineConditions(Writes):
    """Appends a condition to the scope's own, which a parenthesis can escape."""

    def plan_delete(self, name: str, where: str, returning: tuple[str, ...] | None) -> Plan:  # noqa: ARG002
        rows = self.rows(name)
        self.fragment(where)
        own = self.own(rows)
        text = f"DELETE FROM {name} WHERE {f'({own.text}) AND ' if own else ''}({where})"
        return Plan(*numbered(text))


WEAKER_WRITES: dict[str, type[Writes]] = {
    "outer condition": WithoutOuterCondition,
    "fixed columns": WithoutFixedColumns,
    "refused words": WithoutRefusedWords,
    "condition of a conflict": WithoutConflictCondition,
    "check of new rows": WithoutCheck,
    "conditions in an expression": InlineConditions,
}
"""The guards of writes, each switched off."""
