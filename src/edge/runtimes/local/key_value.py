"""The `KeyValue` port on SQLite."""

import sqlite3
import time
from pathlib import Path

from edge.ports import Keys
from edge.runtimes.limits import PAGE, check_name, check_page, check_put
from edge.runtimes.local.sqlite import SqliteFile, connect

SCHEMA = """
CREATE TABLE IF NOT EXISTS pairs(name TEXT PRIMARY KEY, value BLOB NOT NULL, expires_at REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pairs_expiry ON pairs(expires_at) WHERE expires_at IS NOT NULL;
"""
GET = "SELECT value FROM pairs WHERE name = ? AND ifnull(expires_at > ?, 1)"
LIST = """
SELECT name FROM pairs WHERE name >= :prefix AND name > :cursor AND substr(name, 1, length(:prefix)) = :prefix
AND ifnull(expires_at > :now, 1) ORDER BY name LIMIT :limit
"""


class LocalKeyValue(SqliteFile[sqlite3.Connection]):
    """One namespace. A stored value can be read at once here; at Cloudflare it may take 60 s."""

    def __init__(self, path: Path) -> None:
        super().__init__(connect(path, sqlite3.Connection, SCHEMA))

    async def get(self, name: str) -> bytes | None:
        values = (check_name(name), time.time())
        row = await self.work(lambda connection: connection.execute(GET, values).fetchone())
        return row[0] if row else None

    async def put(self, name: str, value: bytes | str, *, ttl: int | None = None) -> None:
        """Store a value, and delete the expired ones."""
        data = check_put(name, value, ttl)
        now = time.time()
        row = (name, data, None if ttl is None else now + ttl)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM pairs WHERE expires_at <= ?", (now,))
            connection.execute("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?)", row)

        await self.atomic(work)

    async def delete(self, name: str) -> None:
        check_name(name)
        await self.work(lambda connection: connection.execute("DELETE FROM pairs WHERE name = ?", (name,)))

    async def list(self, prefix: str = "", *, limit: int = PAGE, cursor: str | None = None) -> Keys:
        """Return names sorted by their bytes; the cursor is the last name of the page."""
        values = {"prefix": prefix, "cursor": cursor or "", "now": time.time(), "limit": check_page(limit) + 1}
        names = [name for (name,) in await self.work(lambda connection: connection.execute(LIST, values).fetchall())]
        return Keys(names[:limit], names[limit - 1] if len(names) > limit else None)
