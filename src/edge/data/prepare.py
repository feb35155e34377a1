"""Prepared writes: a caller's rows and conditions as scoped statements, for one call or for a batch."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from pydantic_core import to_json

from edge.data.sql import Sql, StatementRefused
from edge.data.table import Rows
from edge.data.writes import Insert, Writes
from edge.ports import DatabaseError, LimitExceeded, Statement, Value

MOST_BOUND = 90
"""Values of rows that are bound one by one; beyond that the rows travel as one JSON document."""

type Cells = Mapping[str, object]
"""A row's columns and values, each a `Value` that fits its column."""
type Names = str | Sequence[str]

_FITS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "real": (int, float),
    "numeric": (int, float),
    "blob": (str, int, float, bytes),
}
"""Types of values by a column's affinity: a value is stored as it was checked."""


class ScopedStatement:
    """A write that one caller's database prepared, for a batch of that database alone.

    Where a row `must_exist`, the batch is rolled back when the statement changes none. Its result has rows where it
    `returns` columns.
    """

    __slots__ = ("maker", "must_exist", "returns", "statement", "table")

    def __init__(
        self, maker: "Prepare", table: str, statement: Statement, *, returns: bool, must_exist: bool = False
    ) -> None:
        self.maker = maker
        self.table = table
        self.statement = statement
        self.returns = returns
        self.must_exist = must_exist


class Prepare:
    """Prepares the writes of one caller's database; the functions are those of the database itself."""

    __slots__ = ("_values", "_writes")

    def __init__(self, writes: Writes, values: Callable[[tuple[str, ...]], tuple[Value, ...]]) -> None:
        self._writes = writes
        self._values = values

    def insert(
        self, name: str, rows: Sequence[Cells], *, key: Names = (), keep: bool = False, returning: Names = ()
    ) -> ScopedStatement:
        """Prepare an insert of rows, all or none: `OutOfScope` where one is not the caller's own or fails the check.

        With a `key` (a primary or unique one) a row replaces the caller's own of that key; with `keep` a row that is
        there stays as it is.
        """
        table = self._writes.rows(name)
        columns, cells = _table_of(table, rows, self._writes.needed(table))
        _check_names(table, columns, self._writes.insertable(table))
        chosen = _names(table, key)
        if chosen and chosen not in {table.relation.key, *table.relation.unique}:
            raise StatementRefused(f"{', '.join(chosen)} is no key of {name}")
        is_small = 0 < len(cells) * len(columns) <= MOST_BOUND
        shape = Insert(columns, len(cells) if is_small else 0, chosen, keep, _names(table, returning))
        sql, names = self._writes.insert(name, shape)
        values = [value for row in cells for value in row] if is_small else [_document(cells)]
        return ScopedStatement(self, name, Statement(sql, (*self._values(names), *values)), returns=bool(returning))

    def update(
        self,
        name: str,
        changes: Cells,
        where: str,
        *params: Value,
        returning: Names | None = (),
        must_exist: bool = False,
    ) -> ScopedStatement:
        """Prepare an update of those of the caller's rows that a condition chooses."""
        table = self._writes.rows(name)
        if not changes:
            raise StatementRefused("an update changes at least one column")
        _check_names(table, changes, self._writes.changeable(table))
        settings = tuple((column, one.text if isinstance(one, Sql) else None) for column, one in changes.items())
        sql, names = self._writes.update(name, settings, where, _returned(table, returning))
        computed = [value for one in changes.values() if isinstance(one, Sql) for value in one.params]
        plain = [_value(table, column, one) for column, one in changes.items() if not isinstance(one, Sql)]
        values = (*self._values(names), *computed, *params, *plain)
        return ScopedStatement(self, name, Statement(sql, values), returns=bool(returning), must_exist=must_exist)

    def delete(
        self, name: str, where: str, *params: Value, returning: Names | None = (), must_exist: bool = False
    ) -> ScopedStatement:
        """Prepare a delete of those of the caller's rows that a condition chooses."""
        table = self._writes.rows(name)
        sql, names = self._writes.delete(name, where, _returned(table, returning))
        statement = Statement(sql, (*self._values(names), *params))
        return ScopedStatement(self, name, statement, returns=bool(returning), must_exist=must_exist)


def _returned(table: Rows, given: Names | None) -> tuple[str, ...] | None:
    return None if given is None else _names(table, given)


def _names(table: Rows, given: Names) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given)
    _check_names(table, names, frozenset(table.columns))
    return names


def _check_names(table: Rows, names: Iterable[str], allowed: frozenset[str]) -> None:
    if unknown := [name for name in names if name not in table.columns]:
        raise StatementRefused(f"{table.name} has no column {', '.join(unknown)}")
    if fixed := [name for name in names if name not in allowed]:
        raise StatementRefused(f"{', '.join(fixed)} of {table.name} is not for this caller to write")


def _table_of(
    table: Rows, rows: Sequence[Cells], needed: tuple[str, ...]
) -> tuple[tuple[str, ...], list[tuple[Value, ...]]]:
    """Return the columns of an insert, and its rows as their values; what a row lacks is the column's default."""
    given = {name for row in rows for name in row}
    _check_names(table, given, frozenset(table.columns))
    columns = tuple(name for name in table.columns if name in given or name in needed)
    columns = columns or table.relation.key or tuple(table.columns)[:1]
    for name in given:
        if table.columns[name].expression and not all(name in row for row in rows):
            raise StatementRefused(f"{name} of {table.name}: all rows of an insert have it, or none")
    defaults = {name: column.default for name, column in table.columns.items()}
    cells = [tuple(_value(table, name, row.get(name, defaults[name])) for name in columns) for row in rows]
    return columns, cells


def _value(table: Rows, name: str, value: object) -> Value:
    """Return a value that fits its column; `DatabaseError` for any other."""
    column = table.columns[name]
    if value is not None and not isinstance(value, _FITS[column.affinity]):
        raise DatabaseError(f"{name} of {table.name} takes {column.affinity}, not {type(value).__name__}")
    return cast("Value", value)


def _document(cells: Sequence[tuple[Value, ...]]) -> str:
    """Return rows as one JSON document; `DatabaseError` for values that JSON would change."""
    for row in cells:
        for value in row:
            if isinstance(value, bytes) or (isinstance(value, str) and "\0" in value):
                raise LimitExceeded(f"rows with bytes or NUL characters have at most {MOST_BOUND} values together")
            if isinstance(value, int | float) and not _is_exact(value):
                raise DatabaseError("a number is finite, and an int below 2^53 in size")
    try:
        return to_json(cells).decode()
    except ValueError:
        raise DatabaseError("a lone surrogate is no text") from None


def _is_exact(number: float) -> bool:
    return math.isfinite(number) if isinstance(number, float) else abs(number) < 2**53
