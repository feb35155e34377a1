"""The `Events` port on SQLite: the log in a file, its readers in this process, written to by any process."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.events import Frame
from edge.http import Request, Response
from edge.live import Draft, Event, Follow, Page, UpgradeRequired
from edge.runtimes import live_wire as wire
from edge.runtimes.live_readers import Reader, beat, fan_out
from edge.runtimes.live_wire import Close
from edge.runtimes.local.sockets import Socket, Upgrade, serve
from edge.runtimes.local.sqlite import SqliteFile, connect

POLL = 0.25
"""Seconds between two looks for events of other processes, while there are readers."""
PAGE = 50
"""Events that are read from the file at once."""
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, json TEXT NOT NULL)"
)
LAST = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)"

FIRST = "SELECT coalesce(min(seq), 1) FROM events"

type OnFrame = Callable[[Frame], Awaitable[dict[str, Any]]]


class LocalEvents:
    """One log. Readers are fed by one task, which sees what this process publishes at once and others' soon."""

    def __init__(self, path: Path, on_frame: OnFrame, kept: int = wire.KEPT) -> None:
        path.parent.mkdir(exist_ok=True)
        self._file = SqliteFile(connect(path, sqlite3.Connection, SCHEMA))
        self._on_frame, self._kept = on_frame, kept
        self._readers: set[Reader] = set()
        self._live: set[Reader] = set()
        self._head, self._has_ended = 0, False
        self._news = asyncio.Event()
        self._feeding: asyncio.Task[None] | None = None
        self.probe = self._file.probe

    async def publish(self, drafts: Sequence[Draft]) -> int:
        def append(connection: sqlite3.Connection) -> int:
            last = int(connection.execute(LAST).fetchone()[0])
            events = wire.documents(drafts, last, datetime.now(UTC))
            connection.executemany("INSERT INTO events VALUES (?, ?, ?)", events)
            if (last + len(events)) // 100 > last // 100:
                connection.execute("DELETE FROM events WHERE seq <= ?", (last + len(events) - self._kept,))
            return last + len(events)

        last = await self._file.atomic(append)
        self._news.set()
        return last

    async def read(self, since: int, *, types: Sequence[str] = (), limit: int = 100) -> Page:
        def select(connection: sqlite3.Connection) -> Page:
            last = int(connection.execute(LAST).fetchone()[0])
            first = int(connection.execute(FIRST).fetchone()[0])
            oldest = max(first, last - self._kept + 1) if last else 0
            rows = connection.execute(
                "SELECT seq, type, json FROM events WHERE seq > ? ORDER BY seq", (max(since, oldest - 1),)
            )
            found: list[Event] = []
            for row in rows:
                if len(found) == limit:
                    break
                if wire.wanted(types, row[1]):
                    found.append(Event(*row))
            return Page(found, oldest, last)

        return await self._file.work(select)

    async def forget(self) -> None:
        await self._file.work(
            lambda connection: connection.execute("DELETE FROM events WHERE seq < (SELECT max(seq) FROM events)")
        )

    async def stream(self, follow: Follow) -> AsyncIterable[bytes]:
        return self._stream(follow)

    async def connect(self, request: Request, follow: Follow) -> Response:
        if (request.headers.get("upgrade") or "").lower() != "websocket":
            raise UpgradeRequired
        offered = (request.headers.get("sec-websocket-protocol") or "").split(",")
        chosen = next((name.strip() for name in offered if name.strip() == wire.SUBPROTOCOL), None)
        return Upgrade(lambda socket: self._attend(socket, follow, request.id), chosen)

    async def end(self) -> None:
        """Close all readers, also those that come now, and wait a little until they are gone."""
        self._has_ended = True
        for reader in [*self._readers]:
            reader.close(Close.GOING_AWAY)
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                while self._readers:  # noqa: ASYNC110 - what is awaited is that others leave
                    await asyncio.sleep(0.01)

    def close(self) -> None:
        """Close the file."""
        if self._feeding is not None:
            self._feeding.cancel()
        self._file.close()

    async def _stream(self, follow: Follow) -> AsyncGenerator[bytes]:
        yield wire.OPENING
        reader = Reader(follow.types, follow.actor.subjects, wire.sse)
        with self._there(reader):
            async with aclosing(self._follow(reader, follow.since, wire.sse_control)) as batches:
                async for batch in batches:
                    yield b"".join(batch)  # type: ignore[arg-type] # this reader's payloads are bytes

    @contextmanager
    def _there(self, reader: Reader) -> Iterator[None]:
        """Let `end` know of a reader, from before it is greeted until it was told of the end."""
        self._readers.add(reader)
        if self._has_ended:
            reader.close(Close.GOING_AWAY)
        try:
            yield
        finally:
            self._readers.discard(reader)

    async def _attend(self, socket: Socket, follow: Follow, request_id: str) -> None:
        reader = Reader(follow.types, follow.actor.subjects, lambda event: event.json)

        async def answer(body: dict[str, Any]) -> dict[str, Any]:
            if body["type"] != "subscribe":
                return await self._on_frame(Frame(body, follow.actor, request_id))
            reader.types = wire.types_of(body)
            return {"result": {"types": list(reader.types)}}

        with self._there(reader):
            page = await self.read(0, limit=0)
            await socket.send(wire.hello(page.oldest, page.last))
            async with aclosing(self._follow(reader, follow.since, str)) as batches:
                await serve(socket, batches, answer, request_id)
                await socket.close(reader.closed or Close.GOING_AWAY)

    async def _follow(
        self, reader: Reader, since: int | None, told: Callable[[str], bytes | str]
    ) -> AsyncGenerator[list[bytes | str]]:
        """Yield what a reader is sent: first what the log holds, then, without a seam, what comes."""
        try:
            page = await self.read(0, limit=0)
            reader.sent = wire.start(since, page.oldest, page.last)
            if since is not None and (missing := wire.gap(since, page.oldest, page.last)):
                yield [told(missing)]
            if self._feeding is None:
                self._head = page.last
                self._feeding = asyncio.create_task(self._feed())
            while reader.closed is None and (page.events or page.last > reader.sent or self._head > reader.sent):
                page = await self.read(reader.sent, limit=PAGE)
                if page.oldest > reader.sent + 1 and (missing := wire.gap(reader.sent, page.oldest, page.last)):
                    yield [told(missing)]
                shown = [event for event in page.events if wire.shown(event, reader.types, reader.subjects)]
                if batch := [reader.encode(event) for event in shown]:
                    yield batch
                reader.sent = page.events[-1].sequence if page.events else max(reader.sent, page.last)
            self._live.add(reader)
            while batch := await reader.take():
                yield batch
        finally:
            self._live.discard(reader)

    async def _feed(self) -> None:
        """Hand new events to the readers, in order, as long as there are any; and a sign of life to those at rest."""
        loop = asyncio.get_running_loop()
        due = loop.time() + wire.HEARTBEAT
        while self._readers:
            self._news.clear()
            page = await self.read(self._head, limit=PAGE)
            for event in page.events:
                self._head = event.sequence
                fan_out(event, [*self._live])
            if loop.time() >= due:
                due = loop.time() + wire.HEARTBEAT
                beat([*self._live], page.last)
            if not page.events:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), POLL)
        self._feeding = None
