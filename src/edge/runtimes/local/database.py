"""The `Database` port on a SQLite file, with D1's limits, types and refusals."""

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.data.sql import Guard, GuardedSql
from edge.ports import DatabaseAway, LimitExceeded, Result, Row, Statement, Value
from edge.runtimes.limits import D1_PARAMS, D1_SQL_BYTES, D1_VALUE_BYTES, check_statement
from edge.runtimes.local.sqlite import SqliteFile, connect, transaction

TIMEOUT = 30.0
"""Seconds that a call may take."""

# Cloudflare's documented limits; where it documents none, those that workerd sets on its own SQLite.
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: D1_VALUE_BYTES,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: D1_SQL_BYTES,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 5,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 32,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 50,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: D1_PARAMS,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 10,
}

# Actions that read, or end with the transaction: none may outlast the call on the shared connection.
PRAGMAS = frozenset(
    {
        "data_version",
        "defer_foreign_keys",
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "optimize",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)
REFUSED = frozenset(
    {
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
        sqlite3.SQLITE_ATTACH,
        sqlite3.SQLITE_DETACH,
        sqlite3.SQLITE_CREATE_TEMP_INDEX,
        sqlite3.SQLITE_CREATE_TEMP_TABLE,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
        sqlite3.SQLITE_CREATE_TEMP_VIEW,
    }
)
HARMLESS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
WRITES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_OVER_LIMIT = re.compile(r"\btoo (many|big|large|complex)\b")


def authorize(action: int, first: str | None, second: str | None) -> int:
    """Answer SQLite whether a statement may do an action, as D1 would."""
    if action == sqlite3.SQLITE_PRAGMA:
        name = (first or "").lower()
        if name == "foreign_keys":
            return sqlite3.SQLITE_OK if second is None else sqlite3.SQLITE_IGNORE  # always on; setting it does nothing
        return sqlite3.SQLITE_OK if name in PRAGMAS else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_CREATE_VTABLE:
        return sqlite3.SQLITE_OK if second in {"fts5", "fts5vocab"} else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_DENY if action in REFUSED or second == "load_extension" else sqlite3.SQLITE_OK


type AuthorizerArguments = tuple[str | None, str | None, str | None, str | None]
"""Arguments of SQLite's question: two names, the database, and the innermost expression, view or trigger."""


def authorize_scoped(guard: Guard, action: int, question: AuthorizerArguments) -> int:
    """Answer SQLite whether a scoped statement may do an action: a second check behind the statement's own text."""
    first, second, database, context = question
    name = (first or "").lower()
    inside = (context or "").lower()
    if inside in guard.triggers or action in HARMLESS or (action == sqlite3.SQLITE_PRAGMA and name == "data_version"):
        return sqlite3.SQLITE_OK  # full-text search asks for data_version
    if action == sqlite3.SQLITE_READ:
        is_open = name not in guard.hidden and not name.startswith("sqlite_")
        is_counted = second == "" and (database is None or name in guard.contexts)  # no column of it is used
        is_loading = name == "sqlite_master" and second == "ROWID"  # SQLite reads the schema
        if is_open or is_counted or is_loading or inside in guard.contexts or name in guard.reads:
            return sqlite3.SQLITE_OK
    if action in WRITES and (name in guard.writes or name == "sqlite_master"):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


class Connection(sqlite3.Connection):
    """A connection that refuses the same statements as D1; `trusted` is set for the runtime's own BEGIN and COMMIT.

    `guard` is the guard of the running scoped statement. SQLite asks when it compiles a statement, and reuses compiled
    ones. A scoped text names its scope, so it was compiled under the guard of that scope.
    """

    trusted = False
    guard: Guard | None = None

    def authorize(
        self, action: int, first: str | None, second: str | None, database: str | None, context: str | None
    ) -> int:
        """Answer SQLite's question about a statement that it compiles."""
        if self.trusted:
            return sqlite3.SQLITE_OK
        answer = authorize(action, first, second)
        if self.guard is None or answer != sqlite3.SQLITE_OK:
            return answer
        return authorize_scoped(self.guard, action, (first, second, database, context))


def connect_d1(path: Path) -> Connection:
    """Open a file with D1's settings."""
    connection = connect(path, Connection)
    for limit, value in LIMITS.items():
        connection.setlimit(limit, value)
    connection.set_authorizer(connection.authorize)
    return connection


@contextmanager
def batch(connection: Connection, *, writes: bool = True) -> Iterator[None]:
    """Run statements in a transaction, which they may not open themselves; one that only reads waits for no writer."""
    connection.trusted = True
    try:
        with transaction(connection, "BEGIN IMMEDIATE" if writes else "BEGIN"):
            connection.trusted = False
            try:
                yield
            finally:
                connection.trusted = True
    finally:
        connection.trusted = False


class LocalDatabase(SqliteFile[Connection]):
    """One database; every call, a whole batch too, is one hop to its thread."""

    def __init__(self, path: Path) -> None:
        super().__init__(connect_d1(path))

    async def all(self, sql: str, *params: Value) -> list[Row]:
        return (await self.run(sql, *params)).rows

    async def first(self, sql: str, *params: Value) -> Row | None:
        rows = (await self.run(sql, *params)).rows
        return rows[0] if rows else None

    async def run(self, sql: str, *params: Value) -> Result:
        check_statement(sql, params)

        def work(connection: Connection) -> Result:
            with time_limit(connection):
                return execute(connection, sql, params)

        return await self.work(work)

    async def batch(self, statements: Sequence[Statement]) -> list[Result]:
        for sql, params in statements:
            check_statement(sql, params)
        reads = all(map(_only_reads, statements))

        def work(connection: Connection) -> list[Result]:
            with time_limit(connection), batch(connection, writes=not reads):
                return [execute(connection, sql, params) for sql, params in statements]

        return await self.work(work)


def _only_reads(statement: Statement) -> bool:
    """Tell whether a statement only reads; a scoped one declares its writes."""
    sql = statement.sql
    if isinstance(sql, GuardedSql):
        return not sql.guard.writes
    return sql.lstrip()[:6].upper() == "SELECT"


def execute(connection: Connection, sql: str, params: Sequence[Value] = ()) -> Result:
    """Run one statement; SQLite's own limits raise `LimitExceeded`."""
    before = connection.total_changes
    connection.guard = sql.guard if isinstance(sql, GuardedSql) else None
    try:
        cursor = connection.execute(sql, params)
        values = cursor.fetchall()
    except sqlite3.Error as fault:
        if _OVER_LIMIT.search(str(fault)):
            raise LimitExceeded(f"over a limit of D1: {fault}") from None
        raise
    finally:
        connection.guard = None
    names = [column[0] for column in cursor.description or ()]
    changes = cursor.rowcount
    if changes < 0:  # Python does not count statements with WITH; SQLite's count excludes triggers and foreign keys
        is_changed = connection.total_changes > before
        changes = connection.execute("SELECT changes()").fetchone()[0] if is_changed else 0
    return Result([dict(zip(names, row, strict=True)) for row in values], changes, cursor.lastrowid or 0)


@contextmanager
def time_limit(connection: sqlite3.Connection, seconds: float = TIMEOUT) -> Iterator[None]:
    """Interrupt the block's statements after `seconds`."""
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, 100_000)
    try:
        yield
    except sqlite3.OperationalError as fault:
        if str(fault) == "interrupted":
            raise DatabaseAway(f"interrupted: the call took longer than {seconds:g} s") from None
        raise
    finally:
        connection.set_progress_handler(None, 0)
