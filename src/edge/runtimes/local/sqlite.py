"""A SQLite file with one connection, used by one thread."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.ports import (
    CheckViolation,
    DatabaseAway,
    DatabaseError,
    ForeignKeyViolation,
    NotNullViolation,
    UniqueViolation,
)
from edge.runtimes.sqlite_errors import Violation, database_error, violation

AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_NOMEM,
    }
)
"""SQLite's codes of faults that no statement causes (https://www.sqlite.org/rescode.html)."""

VIOLATIONS: dict[int, Violation] = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: UniqueViolation,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: UniqueViolation,
    sqlite3.SQLITE_CONSTRAINT_ROWID: UniqueViolation,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: ForeignKeyViolation,
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: NotNullViolation,
    sqlite3.SQLITE_CONSTRAINT_CHECK: CheckViolation,
    3091: CheckViolation,  # SQLITE_CONSTRAINT_DATATYPE, of STRICT tables
    sqlite3.SQLITE_MISMATCH: CheckViolation,
}
"""SQLite's extended codes of a broken constraint."""

type Work[C, T] = Callable[[C], T]


def connect[C: sqlite3.Connection](path: Path, factory: type[C], schema: str = "", synchronous: str = "NORMAL") -> C:
    """Open a file in WAL mode with foreign keys on, in autocommit, for one thread at a time.

    A new file is private to its owner. NORMAL keeps a commit through a crash of the process, FULL also through one of
    the machine.
    """
    with suppress(OSError):  # SQLite reports a wrong path
        if str(path) != ":memory:":
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600))  # the files beside it get its mode
    connection = sqlite3.connect(
        path, timeout=5, isolation_level=None, check_same_thread=False, cached_statements=256, factory=factory
    )
    try:
        for pragma in ("journal_mode = WAL", "foreign_keys = ON", f"synchronous = {synchronous}"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(schema)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Commit the block as a whole, or roll it back."""
    # Not execute(): its cache of statements would hand this BEGIN to an app that must not have one.
    connection.executescript(begin)
    try:
        yield
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def error_of(message: str, code: int) -> DatabaseError:
    """Return the typed error of SQLite's message and extended code."""
    if code & 0xFF in AWAY:
        return DatabaseAway(message)
    if code in VIOLATIONS:
        return violation(VIOLATIONS[code], message)
    is_trigger = code == sqlite3.SQLITE_CONSTRAINT_TRIGGER  # its message is RAISE's
    return DatabaseError(message) if is_trigger else database_error(message)


class SqliteFile[C: sqlite3.Connection]:
    """Runs work on a connection in its one thread: cancelling the caller does not cut the work off."""

    def __init__(self, connection: C) -> None:
        self.connection = connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")

    async def work[T](self, work: Work[C, T]) -> T:
        """Return the result of `work` on the connection; SQLite's errors as `DatabaseError`."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, self.connection)
        except sqlite3.Error as fault:
            message = str(fault).partition(" with text")[0]  # the rest is the statement's text
            raise error_of(message, getattr(fault, "sqlite_errorcode", 0)) from None

    async def atomic[T](self, work: Work[C, T]) -> T:
        """Return the result of `work` on the connection, in one transaction."""

        def run(connection: C) -> T:
            with transaction(connection):
                return work(connection)

        return await self.work(run)

    async def probe(self) -> None:
        """Raise `DatabaseError` unless the file answers."""
        await self.work(lambda connection: connection.execute("SELECT count(*) FROM sqlite_schema").fetchone())

    def close(self) -> None:
        """Finish running work and close the file."""
        self._thread.shutdown()
        self.connection.close()
