"""A seed is run on an empty database first: it has to fit the migrations and to change nothing the second time."""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.data.schema import TOUCHED
from edge.ports import PortError, Value
from edge.runtimes.local.database import Connection, batch, connect_d1, execute
from edge.runtimes.local.migrations import migrate
from seeding.files import SeedError
from seeding.inserts import Insert

type Key = tuple[Value, ...]

KEYS_PER_QUERY = 300
"""Rows of one query."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that a seed has for a table: the columns of the key, each row's key, and
    the column that an update brings up to date."""

    table: str
    key: tuple[str, ...]
    keys: tuple[Key, ...]
    touched: str | None = None

    @property
    def queries(self) -> list[str]:
        """Queries for the keys of those that are there, each short enough for D1 and for a command line."""
        return [
            self._query(self.keys[start : start + KEYS_PER_QUERY]) for start in range(0, len(self.keys), KEYS_PER_QUERY)
        ]

    def _query(self, keys: Sequence[Key]) -> str:
        names = ", ".join(self.key)
        values = ", ".join(f"({', '.join(map(literal, key))})" for key in keys)
        return f"SELECT {names} FROM {self.table} WHERE ({names}) IN (VALUES {values})"


def literal(value: Value) -> str:
    """Return a value as an SQL literal."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, int | float):
        return repr(value)
    raise SeedError("a key of a seeded row is a text or a number")


def rehearse(inserts: Sequence[Insert], migrations: Path) -> list[Rows]:
    """Return the rows that the statements make, in the order of their tables; `SeedError` for invalid rows."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "rehearsal.sqlite"
        try:
            migrate(path, migrations)
            connection = connect_d1(path)
        except (sqlite3.Error, PortError) as fault:
            raise SeedError(str(fault)) from None
        try:
            return list(_play(connection, inserts))
        except (sqlite3.Error, PortError) as fault:
            raise SeedError(f"the seed of D1: {fault}") from None
        finally:
            connection.close()


def _play(connection: Connection, inserts: Sequence[Insert]) -> Iterator[Rows]:
    tables = {insert.table: _key(connection, insert.table) for insert in inserts}
    before = {table: _keys(connection, table, key) for table, key in tables.items()}
    _run(connection, inserts)
    changed = connection.total_changes
    _run(connection, inserts)
    if connection.total_changes != changed:
        raise SeedError("run twice, it adds rows twice: give each row its key")
    for table, key in tables.items():
        keys = tuple(row for row in _keys(connection, table, key) if row not in before[table])
        if keys:
            yield Rows(table, key, keys, _touched(connection, table))


def _run(connection: Connection, inserts: Sequence[Insert]) -> None:
    with batch(connection):
        for insert in inserts:
            execute(connection, insert.sql)


def _key(connection: Connection, table: str) -> tuple[str, ...]:
    """Return the columns of a table's primary key."""
    columns = execute(connection, f"PRAGMA table_info({table})").rows
    names = tuple(column["name"] for column in sorted(columns, key=lambda column: int(column["pk"])) if column["pk"])
    if columns and not names:
        raise SeedError(f"{table} has no primary key to identify a row by")
    return names or ("rowid",)


def _touched(connection: Connection, table: str) -> str | None:
    columns = execute(connection, f"PRAGMA table_info({table})").rows
    return TOUCHED if any(column["name"] == TOUCHED for column in columns) else None


def _keys(connection: Connection, table: str, key: tuple[str, ...]) -> list[Key]:
    names = ", ".join(key)
    return [tuple(row.values()) for row in execute(connection, f"SELECT {names} FROM {table} ORDER BY {names}").rows]
