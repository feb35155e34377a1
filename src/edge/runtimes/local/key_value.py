"""The `KeyValue` port on SQLite."""

import sqlite3
import time
from pathlib import Path

from edge.ports import Keys, LimitExceeded
from edge.runtimes.local.sqlite import SqliteFile, connect

MAX_NAME = 512
MAX_VALUE = 25 * 1024 * 1024
MIN_TTL = 60
MAX_LIST = 1000

SCHEMA = """
CREATE TABLE IF NOT EXISTS pairs(name TEXT PRIMARY KEY, value BLOB NOT NULL, expires_at REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pairs_expiry ON pairs(expires_at) WHERE expires_at IS NOT NULL;
"""
GET = "SELECT value FROM pairs WHERE name = ? AND ifnull(expires_at > ?, 1)"
LIST = """
SELECT name FROM pairs WHERE name >= ?1 AND name > ?2 AND substr(name, 1, length(?1)) = ?1
AND ifnull(expires_at > ?3, 1) ORDER BY name LIMIT ?4
"""


class LocalKeyValue(SqliteFile[sqlite3.Connection]):
    """One namespace. A value that was put is read at once here; elsewhere it may take 60 s."""

    def __init__(self, path: Path) -> None:
        super().__init__(connect(path, sqlite3.Connection, SCHEMA))

    async def get(self, name: str) -> bytes | None:
        values = (check(name), time.time())
        row = await self.work(lambda connection: connection.execute(GET, values).fetchone())
        return row[0] if row else None

    async def put(self, name: str, value: bytes | str, *, ttl: int | None = None) -> None:
        """Store a value; what has expired goes with it."""
        data, now = value.encode() if isinstance(value, str) else value, time.time()
        if len(data) > MAX_VALUE:
            raise LimitExceeded(f"a value of {len(data)} bytes; KV takes {MAX_VALUE}")
        if ttl is not None and ttl < MIN_TTL:
            raise LimitExceeded(f"a lifetime of {ttl} s; KV takes {MIN_TTL} or more")
        row = (check(name), data, None if ttl is None else now + ttl)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM pairs WHERE expires_at <= ?", (now,))
            connection.execute("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?)", row)

        await self.atomic(work)

    async def delete(self, name: str) -> None:
        check(name)
        await self.work(lambda connection: connection.execute("DELETE FROM pairs WHERE name = ?", (name,)))

    async def list(self, prefix: str = "", *, limit: int = MAX_LIST, cursor: str | None = None) -> Keys:
        """Return names sorted by their bytes; the cursor is the last name of the page."""
        if not 1 <= limit <= MAX_LIST:
            raise LimitExceeded(f"a page of {limit} names; KV takes 1 to {MAX_LIST}")
        values = (prefix, cursor or "", time.time(), limit + 1)
        names = [name for (name,) in await self.work(lambda connection: connection.execute(LIST, values).fetchall())]
        return Keys(names[:limit], names[limit - 1] if len(names) > limit else None)


def check(name: str) -> str:
    """Return the name; `LimitExceeded` where KV would refuse it."""
    if name in {"", ".", ".."} or len(name.encode()) > MAX_NAME:
        raise LimitExceeded(f"a name has 1 to {MAX_NAME} bytes and is not . or ..")
    return name
