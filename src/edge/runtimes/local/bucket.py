"""The `Bucket` port: contents as files, metadata in SQLite."""

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pydantic_core import from_json

from edge.ports import Objects, StoredObject
from edge.runtimes.limits import PAGE, check_key, check_metadata, check_page
from edge.runtimes.local.sqlite import SqliteFile, connect

CHUNK = 256 * 1024

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects(
    key TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    uploaded_at REAL NOT NULL,
    content_type TEXT,
    metadata TEXT NOT NULL,
    file TEXT NOT NULL
) WITHOUT ROWID
"""
GET = "SELECT * FROM objects WHERE key = ?"
LIST = """
SELECT * FROM objects WHERE key >= :prefix AND key > :cursor AND substr(key, 1, length(:prefix)) = :prefix
ORDER BY key LIMIT :limit
"""


class LocalBucket(SqliteFile[sqlite3.Connection]):
    """One bucket. Each put writes a new file, so a reader keeps the content that it began with.

    No part of a key is part of a path. A crash between file and row leaves at most a file without a row.
    """

    def __init__(self, folder: Path) -> None:
        self._files = folder / "files"
        for path in (folder, self._files):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(connect(folder / "objects.sqlite", sqlite3.Connection, SCHEMA))

    async def head(self, key: str) -> StoredObject | None:
        row = await self._row(key)
        return _stored(row) if row else None

    async def get(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> tuple[StoredObject, AsyncIterator[bytes]] | None:
        while row := await self._row(key):
            stored = _stored(row)
            end = stored.size if length is None else min(offset + length, stored.size)
            with suppress(FileNotFoundError):  # replaced since the row was read: look again
                return stored, _Parts(self._files / row[-1], offset, end)
        return None

    async def put(
        self, key: str, body: bytes, *, content_type: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> StoredObject:
        check_key(key)
        packed = check_metadata(metadata)

        def work(connection: sqlite3.Connection) -> StoredObject:
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            now = datetime.now(UTC).timestamp()
            name = _write(self._files, body)
            row = (key, len(body), etag, now, content_type, packed.decode(), name)
            self._replace(connection, key, "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            return _stored(row)

        return await self.work(work)

    async def delete(self, key: str) -> None:
        check_key(key)
        sql = "DELETE FROM objects WHERE key = ?"
        await self.work(lambda connection: self._replace(connection, key, sql, (key,)))

    async def list(self, prefix: str = "", *, limit: int = PAGE, cursor: str | None = None) -> Objects:
        """Return objects sorted by their keys' bytes; the cursor is the last key of the page."""
        values = {"prefix": prefix, "cursor": cursor or "", "limit": check_page(limit) + 1}
        rows = await self.work(lambda connection: connection.execute(LIST, values).fetchall())
        return Objects([_stored(row) for row in rows[:limit]], rows[limit - 1][0] if len(rows) > limit else None)

    async def _row(self, key: str) -> tuple[str, ...] | None:
        check_key(key)
        return await self.work(lambda connection: connection.execute(GET, (key,)).fetchone())

    def _replace(self, connection: sqlite3.Connection, key: str, sql: str, values: tuple[object, ...]) -> None:
        """Change an object's row, then remove the file of the previous row."""
        old = connection.execute(GET, (key,)).fetchone()
        connection.execute(sql, values)
        if old:
            (self._files / old[-1]).unlink(missing_ok=True)


class _Parts:
    """The bytes of an open file from one position to another, read in parts off the event loop."""

    def __init__(self, file: Path, position: int, end: int) -> None:
        self._file = os.open(file, os.O_RDONLY)
        self._position = position
        self._end = end

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        size = min(CHUNK, self._end - self._position)
        part = await asyncio.to_thread(os.pread, self._file, size, self._position) if size > 0 else b""
        if not part:
            raise StopAsyncIteration
        self._position += len(part)
        return part

    def __del__(self) -> None:  # also if reading never began
        with suppress(AttributeError):
            os.close(self._file)


def _stored(row: tuple[object, ...]) -> StoredObject:
    key, size, etag, uploaded_at, content_type, metadata, _ = row
    uploaded = datetime.fromtimestamp(uploaded_at, UTC)  # type: ignore[arg-type]
    return StoredObject(key, size, etag, uploaded, content_type, from_json(metadata))  # type: ignore[arg-type]


def _write(folder: Path, body: bytes) -> str:
    """Write a file, which gets its name when it is complete on disk; return the name."""
    name = uuid4().hex
    with open(os.open(folder / f"{name}.part", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    os.replace(folder / f"{name}.part", folder / name)
    return name
