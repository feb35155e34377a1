"""The `Queue` port on SQLite, and the store from which its consumers take batches."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pydantic_core import from_json

from edge.events import Delivery
from edge.runtimes.limits import check_messages
from edge.runtimes.local.sqlite import SqliteFile, connect

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages(
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    queue TEXT NOT NULL,
    body BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    sent_at REAL NOT NULL,
    due_at REAL NOT NULL,
    leased INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS messages_due ON messages(queue, leased, due_at);
"""
ADD = "INSERT INTO messages (id, queue, body, sent_at, due_at) VALUES (?, ?, ?, ?, ?)"
LEASE = """
UPDATE messages SET leased = 1, attempts = attempts + 1 WHERE seq IN (
    SELECT seq FROM messages WHERE queue = ? AND leased = 0 AND due_at <= ? ORDER BY due_at, seq LIMIT ?
) RETURNING seq, id, body, attempts, sent_at
"""
DELETE = "DELETE FROM messages WHERE id = ?"
RETRY = "UPDATE messages SET leased = 0, due_at = ? WHERE id = ?"
MOVE = "UPDATE messages SET queue = ?, leased = 0, attempts = 0, due_at = ? WHERE id = ?"
RELEASE = "UPDATE messages SET leased = 0, attempts = attempts - 1 WHERE id = ?"


class QueueStore(SqliteFile[sqlite3.Connection]):
    """All queues of a state folder in one file; a message is on disk before `send` returns.

    A leased message has its attempt counted already, so one that kills the process runs out of attempts.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(connect(path, sqlite3.Connection, SCHEMA, "FULL"))
        self.path = path
        self.wakes: list[Callable[[], None]] = []

    async def add(self, queue: str, bodies: Sequence[bytes], delay: int) -> None:
        """Store messages, all or none, and wake the consumers of this process."""
        now = time.time()
        await self._each(ADD, [(uuid4().hex, queue, body, now, now + delay) for body in bodies])
        for wake in self.wakes:
            wake()

    async def lease(self, queue: str, size: int) -> list[Delivery]:
        """Take up to `size` messages that are due, the longest due first."""
        rows = await self.work(lambda connection: connection.execute(LEASE, (queue, time.time(), size)).fetchall())
        return [
            Delivery(message_id, from_json(body), attempts, datetime.fromtimestamp(sent_at, UTC))
            for _, message_id, body, attempts, sent_at in sorted(rows)
        ]

    async def delete(self, ids: Iterable[str]) -> None:
        """Delete messages."""
        await self._each(DELETE, [(message_id,) for message_id in ids])

    async def retry(self, delays: Iterable[tuple[str, int]]) -> None:
        """Deliver messages again, each after its delay in seconds."""
        await self._each(RETRY, [(time.time() + delay, message_id) for message_id, delay in delays])

    async def move(self, queue: str, ids: Iterable[str]) -> None:
        """Move messages to another queue, as new there."""
        await self._each(MOVE, [(queue, time.time(), message_id) for message_id in ids])

    async def release(self, ids: Iterable[str]) -> None:
        """Release messages whose delivery was cut off by a stop; it does not count as an attempt."""
        await self._each(RELEASE, [(message_id,) for message_id in ids])

    async def release_all(self) -> None:
        """Release all messages that a killed process had leased; their attempts count."""
        await self.work(lambda connection: connection.execute("UPDATE messages SET leased = 0 WHERE leased = 1"))

    async def _each(self, sql: str, rows: list[tuple[object, ...]]) -> None:
        if rows:
            await self.atomic(lambda connection: connection.executemany(sql, rows))


class LocalQueue:
    """One queue to send to."""

    def __init__(self, store: QueueStore, name: str) -> None:
        self._store = store
        self._name = name
        self.probe = store.probe

    async def send(self, body: object, *, delay: int = 0) -> None:
        await self.send_batch([body], delay=delay)

    async def send_batch(self, bodies: Sequence[object], *, delay: int = 0) -> None:
        await self._store.add(self._name, check_messages(bodies, delay), delay)
