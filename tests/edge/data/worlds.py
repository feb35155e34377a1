"""Databases of the world: one that holds everybody's rows, and one that holds the rows of a caller alone."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from tests.contracts.world import DDL, INDEXES, WRITABLE, Cells

from edge.runtimes.local.database import Connection, LocalDatabase
from edge.runtimes.local.sqlite import Work, error_of

MEMORY = Path(":memory:")


class InlineDatabase(LocalDatabase):
    """The local adapter without its thread, so that a statement costs no change of threads."""

    async def work[T](self, work: Work[Connection, T]) -> T:
        try:
            return work(self.connection)
        except sqlite3.Error as fault:
            raise error_of(str(fault), getattr(fault, "sqlite_errorcode", 0)) from None


@contextmanager
def loaded(world: Mapping[str, Sequence[Cells]], indexes: Sequence[str] = INDEXES) -> Iterator[LocalDatabase]:
    """Open a database with rows of the world."""
    with closing(InlineDatabase(MEMORY)) as db:
        for statement in (*DDL, *indexes):
            db.connection.execute(statement)
        for name, rows in world.items():
            marks = ", ".join("?" * len(WRITABLE[name]))
            insert = f"INSERT INTO {name} ({', '.join(WRITABLE[name])}) VALUES ({marks})"
            db.connection.executemany(insert, rows)
        yield db


@contextmanager
def reduced(world: Mapping[str, Sequence[Cells]], indexes: Sequence[str] = INDEXES) -> Iterator[LocalDatabase]:
    """Open a database with a caller's rows; the view that nobody declares has none there."""
    with loaded(world, indexes) as db:
        db.connection.execute("DROP VIEW raw_view")
        db.connection.execute("CREATE VIEW raw_view AS SELECT '' AS id, 0 AS n, '' AS txt WHERE 0")
        yield db


def some_indexes(random: Random) -> list[str]:
    """Return a random part of the indexes."""
    return random.sample(INDEXES, random.randint(0, len(INDEXES)))


def snapshot(connection: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables."""
    return {
        name: connection.execute(f"SELECT {', '.join(columns)} FROM {name} ORDER BY 1, 2").fetchall()
        for name, columns in WRITABLE.items()
    }
