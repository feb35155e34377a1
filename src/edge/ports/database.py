"""Database: SQL on SQLite as D1 offers it, with typed errors."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from edge.ports.errors import PortError

type Value = str | int | float | bytes | bool | None
"""A value that a statement binds: an int is below 2^53 in size, a bool is stored as 0 or 1."""
type Row = dict[str, Any]
"""One row: column name to None, int, float, str or bytes."""


class Statement(NamedTuple):
    """One SQL statement with `?` placeholders, and the values for them in their order."""

    sql: str
    params: Sequence[Value] = ()


class Result(NamedTuple):
    """The result of a statement: its rows, the number of changed rows, and the last inserted rowid."""

    rows: list[Row]
    changes: int
    last_row_id: int


class Database(Protocol):
    """SQLite as D1 offers it: every value bound, no transaction but a batch.

    D1's limits apply in every adapter: 100 bound parameters, 100 KB of SQL a statement, 2 MB a value or row, 50 bytes
    of LIKE pattern. A number that is compared with no column is REAL on D1: if that matters (`?/2`, `typeof`), CAST it.
    A text is one statement, and no CREATE TRIGGER: a migration makes those. Errors: `LimitExceeded`, a
    `ConstraintViolation`, or `DatabaseError` with SQLite's message.
    """

    async def all(self, sql: str, *params: Value) -> list[Row]:
        """Run one statement and return all rows."""

    async def first(self, sql: str, *params: Value) -> Row | None:
        """Run one statement and return its first row, or None."""

    async def run(self, sql: str, *params: Value) -> Result:
        """Run one statement and return its rows and changes."""

    async def batch(self, statements: Sequence[Statement]) -> list[Result]:
        """Run the statements in their order in one transaction: all of them take effect, or none."""

    async def probe(self) -> None:
        """Raise `PortError` unless the database answers."""


class SystemDatabase(Database, Protocol):
    """The whole database, for the system's own code, in an app that gives each caller a `Database` of its own.

    Jobs, consumers, workflows, authentication and singletons request it by this name.
    """


class DatabaseError(PortError):
    """SQLite or D1 refused a statement; the message is SQLite's own."""

    is_away = False


class DatabaseAway(DatabaseError):
    """The database is full, locked, read-only, overloaded or cannot be reached; nothing was written."""

    is_away = True


class ConstraintViolation(DatabaseError):
    """A row breaks a constraint; nothing of its statement was written.

    `table` and `columns` are those that SQLite names, `constraint` is a constraint's name or text. None is a value.
    """

    def __init__(
        self, message: str, table: str | None = None, columns: tuple[str, ...] = (), constraint: str | None = None
    ) -> None:
        super().__init__(message)
        self.table = table
        self.columns = columns
        self.constraint = constraint


class UniqueViolation(ConstraintViolation):
    """Another row has the same key; `columns` are the key's, `constraint` an index on expressions."""


class ForeignKeyViolation(ConstraintViolation):
    """A row refers to a missing one, or is removed while others refer to it; SQLite names neither."""


class NotNullViolation(ConstraintViolation):
    """A column that needs a value has none."""


class CheckViolation(ConstraintViolation):
    """A value breaks a CHECK constraint, or is not of its column's type."""


class OutOfScope(DatabaseError):
    """A row is outside the rows that its caller may write; nothing of the statement was written."""

    def __init__(self, table: str, detail: str = "") -> None:
        super().__init__(detail or f"a row of {table} is outside the caller's scope")
        self.table = table
