"""Ports: what an app may ask for by type in a handler's signature; each runtime brings its adapters."""

from collections.abc import AsyncIterable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from edge.http import HeaderList, Response

if TYPE_CHECKING:
    from edge.settings import Settings

type Value = str | int | float | bytes | bool | None
"""What can be bound to a statement: an int is below 2^53 in size, a bool is stored as 0 or 1."""
type Row = dict[str, Any]
"""One row: column name to None, int, float, str or bytes."""


class PortError(Exception):
    """An adapter's service failed or refused; the message says which and why, and holds no value that was bound.

    Where it `is_away` (full, locked, overloaded, not to be reached) the same may work later: a caller is answered 503.
    """

    is_away = True


class LimitExceeded(PortError):
    """The call is over a limit of the platform, so it was not made."""

    is_away = False


class Statement(NamedTuple):
    """One SQL statement with `?` placeholders, and what is bound to them in their order."""

    sql: str
    params: Sequence[Value] = ()


class Result(NamedTuple):
    """What a statement gave: its rows, how many rows it changed, and the rowid it inserted last."""

    rows: list[Row]
    changes: int
    last_row_id: int


class Database(Protocol):
    """SQLite as D1 offers it: every value bound, no transaction but a batch.

    D1's limits hold in every adapter: 100 bound parameters, 100 KB of SQL a statement, 2 MB a value or row, 50
    bytes of LIKE pattern. A number that meets no column is REAL on D1: where it matters (`?/2`, `typeof`), CAST it.
    A text is one statement, and no CREATE TRIGGER: a migration makes those. Errors: `LimitExceeded`, a
    `ConstraintViolation`, or `DatabaseError` with SQLite's message.
    """

    async def all(self, sql: str, *params: Value) -> list[Row]:
        """Run one statement and return all rows."""

    async def first(self, sql: str, *params: Value) -> Row | None:
        """Run one statement and return its first row, or None."""

    async def run(self, sql: str, *params: Value) -> Result:
        """Run one statement and return its rows with what it changed."""

    async def batch(self, statements: Sequence[Statement]) -> list[Result]:
        """Run the statements in their order in one transaction: all of them take effect, or none."""

    async def probe(self) -> None:
        """Raise `PortError` unless the database answers."""


class SystemDatabase(Database, Protocol):
    """The whole database, for code of the system's own, in an app whose callers each have a `Database` of their own.

    Jobs, consumers, workflows, authentication and singletons ask for it by this name.
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
        self.table, self.columns, self.constraint = table, columns, constraint


class UniqueViolation(ConstraintViolation):
    """Another row has the same key; `columns` are the key's, `constraint` an index on expressions."""


class ForeignKeyViolation(ConstraintViolation):
    """A row refers to one that does not exist, or is removed while others refer to it; SQLite names neither."""


class NotNullViolation(ConstraintViolation):
    """A column that needs a value has none."""


class CheckViolation(ConstraintViolation):
    """A value breaks a CHECK constraint, or is not of its column's type."""


class OutOfScope(DatabaseError):
    """A row that was to be written lies outside what its caller may write; nothing of the statement was written."""

    def __init__(self, table: str, detail: str = "") -> None:
        super().__init__(detail or f"a row of {table} is outside the caller's scope")
        self.table = table


class Keys(NamedTuple):
    """One page of a key listing; `cursor` is None on the last."""

    names: list[str]
    cursor: str | None


class KeyValue(Protocol):
    """Values by name, with expiry: written rarely, read often, and elsewhere up to 60 s late.

    A name has at most 512 bytes, a value 25 MiB, a lifetime is at least 60 s.
    """

    async def get(self, name: str) -> bytes | None:
        """Return the value, or None where there is none or it has expired."""

    async def put(self, name: str, value: bytes | str, *, ttl: int | None = None) -> None:
        """Store a value, for `ttl` seconds where given."""

    async def delete(self, name: str) -> None:
        """Remove a value; nothing happens where there is none."""

    async def list(self, prefix: str = "", *, limit: int = 1000, cursor: str | None = None) -> Keys:
        """Return names that begin with `prefix`, sorted, `limit` at a time."""

    async def probe(self) -> None:
        """Raise `PortError` unless the store answers."""


class StoredObject(NamedTuple):
    """What a bucket knows of an object; `etag` is unquoted, `metadata` is the writer's own."""

    key: str
    size: int
    etag: str
    uploaded: datetime
    content_type: str | None
    metadata: Mapping[str, str]


class Objects(NamedTuple):
    """One page of a bucket's listing; `cursor` is None on the last."""

    objects: list[StoredObject]
    cursor: str | None


class Bucket(Protocol):
    """Files with metadata, as R2 keeps them. A key has at most 1,024 bytes, its metadata 8,192."""

    async def head(self, key: str) -> StoredObject | None:
        """Return what is known of an object, or None."""

    async def get(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> tuple[StoredObject, AsyncIterable[bytes]] | None:
        """Return an object with its bytes (`length` of them from `offset`), fit to be a response's body, or None."""

    async def put(
        self,
        key: str,
        body: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        """Store an object; readers see the old one or the new one, never a part."""

    async def delete(self, key: str) -> None:
        """Remove an object; nothing happens where there is none."""

    async def list(self, prefix: str = "", *, limit: int = 1000, cursor: str | None = None) -> Objects:
        """Return objects whose key begins with `prefix`, sorted by key, `limit` at a time."""

    async def probe(self) -> None:
        """Raise `PortError` unless the bucket answers."""


class Queue(Protocol):
    """A queue to send to. A message is JSON of at most 128,000 bytes, a batch 100 of them or 256,000 bytes."""

    async def send(self, body: object, *, delay: int = 0) -> None:
        """Send one message, to be delivered after `delay` seconds (0 to 43,200)."""

    async def send_batch(self, bodies: Sequence[object], *, delay: int = 0) -> None:
        """Send several messages: all of them or none."""

    async def probe(self) -> None:
        """Raise `PortError` unless the queue answers."""


class Limit(NamedTuple):
    """What a rate limiter allows: `calls` in each `period` of 10 or 60 seconds."""

    calls: int
    period: int


class Taken(NamedTuple):
    """Whether a call is within a limit; `left` are those that may follow, None where nobody says.

    The period is over in `reset` seconds at the latest.
    """

    ok: bool
    limit: Limit
    left: int | None
    reset: int


class RateLimiter(Protocol):
    """A limit of calls a period, of each key by itself. On Workers each of Cloudflare's places counts for itself."""

    async def take(self, key: str) -> Taken:
        """Count one call and tell whether it is within the limit."""

    async def probe(self) -> None:
        """Raise `PortError` unless the limiter answers."""


class Quotas(Protocol):
    """Exact counts by name and day, kept through restarts; the count of a day that is over is forgotten."""

    async def add(self, name: str, day: str) -> int:
        """Count one more and return how many it is; `day` is `YYYY-MM-DD` and never goes back for a name."""

    async def probe(self) -> None:
        """Raise `PortError` unless the counter answers."""


class Pace(NamedTuple):
    """A token bucket: `rate` calls a second over time, and `burst` calls at once."""

    rate: float
    burst: int


class Throttle(Protocol):
    """Token buckets by name, shared by all isolates of a Worker or all processes on one state folder."""

    async def reserve(self, name: str, pace: Pace) -> float:
        """Reserve one call in the bucket `name` and return the seconds to wait before making it."""

    async def probe(self) -> None:
        """Raise `PortError` unless the throttle answers."""


class FetchError(PortError):
    """No whole response came: no connection, a broken one, or (as `FetchTimeout`) none in time."""


class FetchUnreached(FetchError):
    """No connection was made, so nothing was sent; not every runtime can tell this apart."""


class FetchTimeout(FetchError):
    """The deadline passed before the response was whole."""


class Fetched(NamedTuple):
    """A whole response of another server; header names are lower case, `body` is what remains after decompression."""

    status: int
    headers: HeaderList
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of the header called `name` (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)


class Fetch(Protocol):
    """Outbound HTTP by the runtime's own client. It follows no redirect and keeps no cookie."""

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderList | None = None,
        body: bytes = b"",
        timeout: float = 10.0,
    ) -> Fetched:
        """Send a request to `url`, taken as it is encoded, and return the whole response.

        `timeout` is in seconds over all of it. Errors: `FetchError`, `FetchTimeout`.
        """


class Assets(Protocol):
    """The static files that are published with the app."""

    async def get(self, path: str, if_none_match: str | None = None) -> Response | None:
        """Return the file for a URL path, 304 where its ETag is among `if_none_match`, or None."""


class Clock(Protocol):
    """The time, and waiting for it."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Background(Protocol):
    """Work that goes on after the response."""

    def add(self, work: Coroutine[Any, Any, object]) -> None:
        """Run `work` to its end after the response; a failure is logged, and nobody waits for it."""


class Log(Protocol):
    """Structured log lines on the console."""

    def __call__(self, level: str, message: str, **fields: object) -> None:
        """Write one line. `level` is debug, info, warning or error."""


NO_CALLER = object()
"""The caller of an event that has none, such as a tick; None is a caller whom nobody knows."""


class Ports:
    """What one event (a request, a cron tick, a batch of messages) can reach.

    `settings` carries the variables, secrets and bindings; `runtime` the adapters that every runtime has, by
    protocol (`Fetch`, `Clock`, `Crypto`, `Background`, `Log`, `Assets`); `provided` is filled by the app's providers,
    `singletons` by those whose values outlive the event. `caller` is the event's `Actor`.
    """

    __slots__ = ("caller", "log", "provided", "runtime", "settings", "singletons")

    def __init__(
        self, settings: "Settings", runtime: Mapping[Any, object], singletons: dict[Any, object] | None = None
    ) -> None:
        self.settings = settings
        self.runtime = runtime
        self.provided: dict[Any, object] = {}
        self.singletons: dict[Any, object] = {} if singletons is None else singletons
        self.caller: object = NO_CALLER
        self.log: Log = runtime[Log]  # type: ignore[assignment]

    def begin(self, caller: object = NO_CALLER) -> "Ports":
        """Return the ports of one event among several that these serve."""
        ports = Ports(self.settings, self.runtime, self.singletons)
        ports.caller = caller
        return ports
