"""A caller's database: only the caller's rows exist in it."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from pydantic_core import to_json

from edge.access import Actor
from edge.data.scope import Scope
from edge.data.sql import Sql, StatementRefused
from edge.data.table import Rows
from edge.data.writes import Insert, Writes, raise_unless_changed
from edge.ports import Database, DatabaseError, LimitExceeded, Result, Row, Statement, Value

MOST_BOUND = 90
"""Most values of rows that are bound one by one; beyond, the rows are bound as one JSON document."""

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


class CallerValues:
    """The values that a caller's conditions bind; its `prepare` and the database share them, in no cycle."""

    __slots__ = ("_subjects", "actor")

    def __init__(self, actor: Actor | None) -> None:
        self.actor = actor
        self._subjects: str | None = None

    def values(self, names: tuple[str, ...]) -> tuple[Value, ...]:
        """Return the caller's values of these names; a condition binds a name only of kinds that have it."""
        if not names or self.actor is None:
            return ()
        if self._subjects is None and "subjects" in names:
            self._subjects = to_json(sorted(self.actor.subjects or ())).decode()
        values: dict[str, Value] = {
            "caller": self.actor.name,
            "role": int(self.actor.role),
            "subjects": self._subjects,
        }
        return tuple([values[name] for name in names])


class ScopedStatement:
    """A write that one caller's database prepared, for a batch of that database alone.

    If a row `must_exist`, the batch is rolled back when the statement changes none. Its result has rows if it `returns`
    columns.
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
    """Prepares the writes of one caller's database; the methods are those of the database itself."""

    __slots__ = ("_caller", "_writes")

    def __init__(self, writes: Writes, caller: CallerValues) -> None:
        self._writes = writes
        self._caller = caller

    def insert(
        self, name: str, rows: Sequence[Cells], *, key: Names = (), keep: bool = False, returning: Names = ()
    ) -> ScopedStatement:
        """Prepare an insert of rows, all or none: `OutOfScope` if one is not the caller's own or fails the check.

        With a `key` (a primary or unique one) a row replaces the caller's own of that key; with `keep` an existing row
        stays unchanged.
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
        statement = Statement(sql, (*self._caller.values(names), *values))
        return ScopedStatement(self, name, statement, returns=bool(returning))

    def update(
        self,
        name: str,
        changes: Cells,
        where: str,
        *params: Value,
        returning: Names | None = (),
        must_exist: bool = False,
    ) -> ScopedStatement:
        """Prepare an update of those of the caller's rows that meet a condition."""
        table = self._writes.rows(name)
        if not changes:
            raise StatementRefused("an update changes at least one column")
        _check_names(table, changes, self._writes.changeable(table))
        settings = tuple((column, value.text if isinstance(value, Sql) else None) for column, value in changes.items())
        sql, names = self._writes.update(name, settings, where, _returned(table, returning))
        computed = [
            value for expression in changes.values() if isinstance(expression, Sql) for value in expression.params
        ]
        plain = [_value(table, column, value) for column, value in changes.items() if not isinstance(value, Sql)]
        values = (*self._caller.values(names), *computed, *params, *plain)
        return ScopedStatement(self, name, Statement(sql, values), returns=bool(returning), must_exist=must_exist)

    def delete(
        self, name: str, where: str, *params: Value, returning: Names | None = (), must_exist: bool = False
    ) -> ScopedStatement:
        """Prepare a delete of those of the caller's rows that meet a condition."""
        table = self._writes.rows(name)
        sql, names = self._writes.delete(name, where, _returned(table, returning))
        statement = Statement(sql, (*self._caller.values(names), *params))
        return ScopedStatement(self, name, statement, returns=bool(returning), must_exist=must_exist)


def _returned(table: Rows, columns: Names | None) -> tuple[str, ...] | None:
    return None if columns is None else _names(table, columns)


def _names(table: Rows, columns: Names) -> tuple[str, ...]:
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    _check_names(table, names, frozenset(table.columns))
    return names


def _check_names(table: Rows, names: Iterable[str], allowed: frozenset[str]) -> None:
    if unknown := [name for name in names if name not in table.columns]:
        raise StatementRefused(f"{table.name} has no column {', '.join(unknown)}")
    if fixed := [name for name in names if name not in allowed]:
        raise StatementRefused(f"{', '.join(fixed)} of {table.name} cannot be written by this caller")


def _table_of(
    table: Rows, rows: Sequence[Cells], needed: tuple[str, ...]
) -> tuple[tuple[str, ...], list[tuple[Value, ...]]]:
    """Return the columns of an insert, and its rows as their values; missing ones get the column's default."""
    named = {name for row in rows for name in row}
    _check_names(table, named, frozenset(table.columns))
    columns = tuple(name for name in table.columns if name in named or name in needed)
    columns = columns or table.relation.key or tuple(table.columns)[:1]
    for name in named:
        if table.columns[name].expression and not all(name in row for row in rows):
            raise StatementRefused(f"{name} of {table.name}: set it in all rows of an insert, or in none")
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


type Make = Callable[[Database, Actor | None], ScopedDatabase]


class ScopedDatabase:
    """The `Database` port for one caller: statements only read, within the scope's rules; methods write.

    `prepare` has the same methods as statements for a batch.
    """

    __slots__ = ("_caller", "_db", "_make", "_scope", "prepare")

    def __init__(self, db: Database, scope: Scope, writes: Writes, actor: Actor | None, make: Make) -> None:
        self._db = db
        self._make = make
        self._scope = scope
        self._caller = CallerValues(actor)
        self.prepare = Prepare(writes, self._caller)

    async def all(self, sql: str, *params: Value) -> list[Row]:
        """Run one statement that reads and return all rows."""
        text, names = self._scope.read(sql)
        return await self._db.all(text, *(self._caller.values(names) if names else ()), *params)

    async def first(self, sql: str, *params: Value) -> Row | None:
        """Run one statement that reads and return its first row, or None."""
        text, names = self._scope.read(sql)
        return await self._db.first(text, *(self._caller.values(names) if names else ()), *params)

    async def run(self, sql: str, *params: Value) -> Result:
        """Run one statement that reads and return its rows; it changes none."""
        text, names = self._scope.read(sql)
        return self._result(None, await self._db.run(text, *self._caller.values(names), *params))

    async def batch(self, statements: Sequence[Statement | ScopedStatement]) -> list[Result]:
        """Run statements that read, and prepared writes, in one transaction: all of them take effect, or none."""
        sent: list[Statement] = []
        places: list[int] = []
        for statement in statements:
            places.append(len(sent))
            sent += self._sent(statement)
        results = await self._db.batch(sent)
        pairs = zip(statements, (results[place] for place in places), strict=True)
        return [self._result(statement, result) for statement, result in pairs]

    async def insert(
        self, name: str, rows: Sequence[Cells], *, key: Names = (), keep: bool = False, returning: Names = ()
    ) -> Result:
        """Insert rows, all or none: `OutOfScope` if one is not the caller's own or fails the table's check.

        With a `key` (a primary or unique one) a row replaces the caller's own of that key; with `keep` an existing row
        stays unchanged. The result has the `returning` columns of the written rows.
        """
        return await self._write(self.prepare.insert(name, rows, key=key, keep=keep, returning=returning))

    async def update(
        self,
        name: str,
        changes: Cells,
        where: str,
        *params: Value,
        returning: Names | None = (),
        must_exist: bool = False,
    ) -> Result:
        """Change those of the caller's rows that meet a condition; `updated_at` is set to now.

        If a row `must_exist` and none is found: `OutOfScope`. With `returning` None nothing is counted, for writes
        to very many rows.
        """
        write = self.prepare.update(name, changes, where, *params, returning=returning, must_exist=must_exist)
        return await self._write(write)

    async def delete(
        self, name: str, where: str, *params: Value, returning: Names | None = (), must_exist: bool = False
    ) -> Result:
        """Remove those of the caller's rows that meet a condition; all else is as for an update."""
        return await self._write(self.prepare.delete(name, where, *params, returning=returning, must_exist=must_exist))

    def narrowed(self, actor: Actor) -> "ScopedDatabase":
        """Return the database of the same caller with fewer rights, such as those at the start of a task."""
        own = self._caller.actor
        if own is None or not _is_within(actor, own):
            raise StatementRefused("a narrowed scope must be within the caller's own")
        return self if actor == own else self._make(self._db, actor)

    async def probe(self) -> None:
        """Raise `PortError` unless the database answers."""
        await self._db.probe()

    async def _write(self, write: ScopedStatement) -> Result:
        if write.must_exist:
            return (await self.batch([write]))[0]
        return self._result(write, await self._db.run(write.statement.sql, *write.statement.params))

    def _result(self, statement: Statement | ScopedStatement | None, result: Result) -> Result:
        """Return a result without the connection's last rowid, which another caller may have inserted."""
        if isinstance(statement, ScopedStatement):
            return Result(result.rows if statement.returns else [], len(result.rows), 0)
        return result if self._scope.is_whole else Result(result.rows, 0, 0)

    def _sent(self, statement: Statement | ScopedStatement) -> list[Statement]:
        if isinstance(statement, ScopedStatement):
            if statement.maker is not self.prepare:
                raise StatementRefused("a batch takes only writes that its own database prepared")
            check = [Statement(raise_unless_changed(statement.table))] if statement.must_exist else []
            return [statement.statement, *check]
        text, names = self._scope.read(statement.sql)
        return [Statement(text, (*self._caller.values(names), *statement.params))]


def _is_within(actor: Actor, own: Actor) -> bool:
    """Tell whether an actor is the same caller as another and may do no more."""
    subjects: frozenset[str | None] = frozenset({None}) if actor.subjects is None else frozenset(actor.subjects)
    is_same = (actor.name, actor.is_member) == (own.name, own.is_member)
    return is_same and actor.role <= own.role and all(own.may_reach(subject) for subject in subjects)
