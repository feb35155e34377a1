"""The SQL of a scope's writes, each one statement that no handler's text can break out of.

A handler's condition or expression is in a common table expression before the write, and may hold no keyword of a
write. So no other write can result, whichever brackets or comments it closes. The scope's own condition applies too.
"""

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple

from edge.data.conditions import CallerKind, Condition
from edge.data.schema import TOUCHED
from edge.data.scope import NOTHING, Plan, Scope
from edge.data.sql import WRITES, GuardedSql, StatementRefused, numbered, renumbered
from edge.data.table import Rows
from edge.ports import OutOfScope

MOST_CACHED = 256

type Names = tuple[str, ...]
type Setting = tuple[str, str | None]
"""A column with its new expression; None for a bound value."""


class Insert(NamedTuple):
    """The shape of an insert: `rows` of so many rows are bound one by one, 0 means one JSON document.

    With a `key` a row replaces the caller's own of that key; if it `keeps`, an existing row stays.
    """

    columns: Names
    rows: int
    key: Names = ()
    keeps: bool = False
    returning: Names = ()


class Writes:
    """Makes the statements of one scope, and checks that the scope may write the tables and columns."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.insert = lru_cache(MOST_CACHED)(self.plan_insert)
        self.update = lru_cache(MOST_CACHED)(self.plan_update)
        self.delete = lru_cache(MOST_CACHED)(self.plan_delete)

    def rows(self, name: str) -> Rows:
        """Return a table whose rows the scope may write; `OutOfScope` if it may write none."""
        scope = self._scope
        rows = self._scope.rows.get(name)
        closed = rows is not None and (rows.declared.is_part if scope.is_whole else rows.declared.private)
        if rows is None or rows.relation.form != "table" or closed:
            raise StatementRefused(f"{name} is not a table that a caller's database can write")
        if scope.role < rows.declared.write:
            raise OutOfScope(name, f"writing {name} needs the role {rows.declared.write.name.lower()}")
        if scope.own.get(name) == NOTHING:
            raise OutOfScope(name, f"no rows of {name} are the caller's own")
        return rows

    def own(self, rows: Rows) -> Condition | None:
        """Return the condition on the rows of a table that are the caller's own; None for all."""
        return rows.own.get(self._scope.kind)

    def check(self, rows: Rows) -> Condition | None:
        """Return the condition on new rows of a table."""
        return rows.check.get(self._scope.kind)

    def needed(self, rows: Rows) -> Names:
        """Return the columns that an insert always lists, as a condition reads them."""
        named = {name for condition in (self.own(rows), self.check(rows)) if condition for name in condition.columns}
        return tuple(name for name in rows.columns if name in named)

    def insertable(self, rows: Rows) -> frozenset[str]:
        """Return the columns that a new row may have."""
        columns = frozenset(name for name, column in rows.columns.items() if not column.is_generated)
        writable = rows.declared.writable
        if writable is None or self._scope.kind is CallerKind.ADMIN:
            return columns
        condition = self.check(rows) or self.own(rows)
        return columns & {*writable, *rows.relation.key, *(condition.columns if condition else ())}

    def changeable(self, rows: Rows) -> frozenset[str]:
        """Return the columns that an update may change: none that decides a row's owner."""
        columns = frozenset(name for name, column in rows.columns.items() if not column.is_generated)
        columns -= {*rows.relation.key}
        if self._scope.kind is CallerKind.ADMIN:
            return columns
        columns -= {name for part in rows.declared.parts for name in part.columns}
        own = self.own(rows)
        check = self.check(rows)
        writable = rows.declared.writable
        if check is not None:
            columns -= check.columns - (writable or frozenset())
        if writable is not None:
            columns &= writable
        return columns - own.columns if own else columns

    def plan_insert(self, name: str, shape: Insert) -> Plan:
        """Return an insert; it fails as a whole if a row is not the caller's own or fails the check."""
        rows = self.rows(name)
        if rows.declared.is_part:
            raise StatementRefused(f"{name} is a part: insert into {rows.relation.name}")
        conditions = [condition for condition in (self.own(rows), self.check(rows)) if condition]
        tables = {table for condition in conditions for table in condition.tables}
        expressions = self._scope.expressions(tables, self._scope.own)
        where = _or_raise(name, [condition.text for condition in conditions])
        conflict = self.conflict(rows, shape)
        head = f"WITH {', '.join(expressions.values())} " if expressions else ""
        _, names = numbered(f"{head}{where}{conflict}")
        listed = ", ".join(shape.columns)
        source = _source(shape, len(names))
        text = (
            f"{head}INSERT INTO main.{name} ({listed}) SELECT {listed} FROM ({source}) AS {name} WHERE {where}"
            f"{conflict}{_returning(shape.returning)}"
        )
        return self._plan(rows, renumbered(text, names), names, expressions)

    def conflict(self, rows: Rows, shape: Insert) -> str:
        """Return the conflict clause of an insert: a row of another caller is left alone, by failing."""
        target = f" ({', '.join(shape.key)})" if shape.key else ""
        if shape.keeps:
            return f" ON CONFLICT{target} DO NOTHING"
        if not shape.key:
            return ""
        own = self.own(rows)
        changeable = self.changeable(rows)
        others = [name for name in shape.columns if name not in shape.key]
        changed = [name for name in others if name in changeable]
        settings = [f"{name} = excluded.{name}" for name in changed] + _touch(rows, changed)
        fixed = [f"{rows.name}.{name} IS excluded.{name}" for name in others if name not in changeable]
        where = _or_raise(rows.name, [*([own.text] if own else []), *fixed])
        settings = settings or [f"{shape.key[0]} = excluded.{shape.key[0]}"]
        return f" ON CONFLICT{target} DO UPDATE SET {', '.join(settings)} WHERE {where}"

    def plan_update(self, name: str, settings: tuple[Setting, ...], where: str, returning: Names | None) -> Plan:
        """Return an update of those of the caller's own rows that meet a condition."""
        rows = self.rows(name)
        computed = [expression for _, expression in settings if expression is not None]
        head, names, expressions = self.chosen(rows, where, computed)
        table = rows.relation.name
        values = iter(range(len(computed)))
        changes = [
            f"{column} = ?" if expression is None else f"{column} = chosen__.set_{next(values)}__"
            for column, expression in settings
        ]
        changes += _touch(rows, [column for column, _ in settings])
        keys = [f"{table}.{column} = chosen__.key_{number}__" for number, column in enumerate(rows.relation.key)]
        where = " AND ".join([*keys, *self.condition(rows, names)])
        text = f"{head} UPDATE main.{table} SET {', '.join(changes)} FROM chosen__ WHERE {where}{_returning(returning)}"
        return self._plan(rows, text, names, expressions)

    def plan_delete(self, name: str, where: str, returning: Names | None) -> Plan:
        """Return a delete of those of the caller's own rows that meet a condition."""
        rows = self.rows(name)
        if self._scope.kind is not CallerKind.ADMIN and (
            only := [part for part in rows.declared.parts if part.deletes]
        ):
            raise StatementRefused(f"rows of {name} are deleted from its part {only[0].name}")
        head, names, expressions = self.chosen(rows, where, [])
        listed = ", ".join(f"key_{number}__" for number in range(len(rows.relation.key)))
        keys = f"({', '.join(rows.relation.key)}) IN (SELECT {listed} FROM chosen__)"
        where = " AND ".join([*self.condition(rows, names), keys])
        text = f"{head} DELETE FROM main.{rows.relation.name} WHERE {where}{_returning(returning)}"
        return self._plan(rows, text, names, expressions)

    def chosen(self, rows: Rows, where: str, computed: list[str]) -> tuple[str, Names, Collection[str]]:
        """Return the head of a write: `chosen__` has the keys of the rows that meet a condition.

        It comes with the names of the caller's values, and those of the tables that have expressions.
        """
        if not rows.relation.key:
            raise StatementRefused(f"{rows.name} has no primary key, so its rows cannot be changed")
        if not where.strip():
            raise StatementRefused("a condition is required; 'true' chooses every row")
        words = {rows.name}
        for fragment in (where, *computed):
            words |= self.fragment(fragment)
        expressions = self._scope.expressions(words, self._scope.own)
        text, names = numbered(", ".join(expressions.values()))
        picked = [f"{column} AS key_{number}__" for number, column in enumerate(rows.relation.key)]
        picked += [f"({expression}\n) AS set_{number}__" for number, expression in enumerate(computed)]
        before = f"{text}, " if text else ""
        head = f"WITH {before}chosen__ AS (SELECT {', '.join(picked)} FROM {rows.name} WHERE {where}\n)"
        return head, names, expressions.keys()

    def condition(self, rows: Rows, names: Names) -> list[str]:
        """Return the scope's condition on the rows that a write changes, in addition to the handler's own."""
        own = self.own(rows)
        return [f"({renumbered(own.text, names)})"] if own else []

    def fragment(self, text: str) -> set[str]:
        """Return the words of a handler's condition or expression; refuse text that could leave the scope."""
        words = self._scope.words(text)
        self._scope.refuse(text, words)
        if bad := words & WRITES:
            raise StatementRefused(
                f"{', '.join(sorted(bad))}: not in a condition or expression; bind it if it is a value"
            )
        return words

    def _plan(self, rows: Rows, text: str, names: Names, expressed: Iterable[str]) -> Plan:
        conditions = [condition for condition in (self.own(rows), self.check(rows)) if condition]
        whole = {table for condition in conditions for table in condition.whole}
        guard = self._scope.guard_of_write(rows.relation.name, expressed, whole)
        return Plan(GuardedSql.of(self._scope.label + text, guard), names)


def _source(shape: Insert, bound: int) -> str:
    """Return the rows of an insert as a query; its parameters follow those of the scope."""
    if not shape.rows:
        picked = ", ".join(f"value ->> {number} AS {name}" for number, name in enumerate(shape.columns))
        return f"SELECT {picked} FROM json_each(?{bound + 1})"
    picked = ", ".join(f"column{number} AS {name}" for number, name in enumerate(shape.columns, 1))
    width = len(shape.columns)
    marks = (f"?{bound + number + 1}" for number in range(shape.rows * width))
    values = ", ".join(f"({', '.join(row)})" for row in zip(*[marks] * width, strict=True))
    return f"SELECT {picked} FROM (VALUES {values})"


def _or_raise(name: str, conditions: Iterable[str]) -> str:
    """Return a condition that raises unless all of several hold: the adapters recognise this path of JSON."""
    joined = " AND ".join(f"({condition})" for condition in conditions)
    return f"CASE WHEN {joined} THEN 1 ELSE json_extract('{{}}', 'out_of_scope({name})') END" if joined else "true"


def raise_unless(name: str, condition: str) -> str:
    """Return a statement that raises `OutOfScope` and rolls its batch back unless a condition holds."""
    return f"SELECT {_or_raise(name, [condition])}"


def raise_unless_changed(name: str) -> str:
    """Return a statement that raises if the one before it in its batch has changed no row."""
    return raise_unless(name, "changes() > 0")


def _touch(rows: Rows, changed: list[str]) -> list[str]:
    has_column = TOUCHED in rows.columns and TOUCHED not in changed
    return [f"{TOUCHED} = CURRENT_TIMESTAMP"] if has_column else []


def _returning(names: Names | None) -> str:
    """Return a RETURNING clause, to count the written rows: D1's own count includes triggers. None counts nothing."""
    if names is None:
        return ""
    return f" RETURNING {', '.join(names) or '1'}"
