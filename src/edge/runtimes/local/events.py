"""The `Events` port on SQLite: the log in a file, its readers in this process, its writers in any process."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Self

from edge.app import App
from edge.clients.single_flight import SingleFlight
from edge.context import Ports
from edge.http import Headers, Response
from edge.ports import PortError
from edge.ports.events import Draft, Event, Follow, Page, TooManyConnections, UpgradeRequired
from edge.runtimes import live_frames, live_rows
from edge.runtimes import live_wire as wire
from edge.runtimes.live_access import PER_TICKET, Connections
from edge.runtimes.live_readers import Budget, Direct, Reader, fan_out, follow, send_heartbeats
from edge.runtimes.live_wire import Close
from edge.runtimes.local.direct import WriteNow, chunk, text_frame
from edge.runtimes.local.sockets import Socket, Upgrade, serve
from edge.runtimes.local.sqlite import SqliteFile, connect, transaction

POLL = 0.25
"""Seconds between two looks for events of other processes, while there are readers."""
LAST = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)"
FIRST = "SELECT coalesce(min(seq), 1) FROM events"
INSERT = f"{live_rows.INSERT} VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class EventStream:
    """The body of an event stream. It counts as open until it is closed, whether it was read or not."""

    def __init__(self, parts: AsyncGenerator[bytes], reader: Reader, leave: Callable[[Reader], None]) -> None:
        self._parts = parts
        self._reader = reader
        self._leave = leave

    def write_with(self, write: WriteNow) -> None:
        """Write later events past the response's parts, as chunks."""
        self._reader.direct = Direct(write, chunk)

    def __aiter__(self) -> Self:
        """Return itself: a body is read once."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next part."""
        return await anext(self._parts)

    async def aclose(self) -> None:
        """End the stream."""
        self._leave(self._reader)
        await self._parts.aclose()

    def __del__(self) -> None:
        """Stop counting a response that was dropped unread."""
        self._leave(self._reader)


class LocalEvents:
    """One log. One task feeds its readers, with this process's events at once and others' events at the next poll."""

    def __init__(self, path: Path, app: App, ports: Callable[[], Ports], capacity: int = wire.CAPACITY) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        connection = connect(path, sqlite3.Connection)
        try:
            _prepare(connection, app)
        except sqlite3.Error:
            connection.close()
            raise
        self._file = SqliteFile(connection)
        self._app = app
        self._ports = ports
        self._capacity = capacity
        self._open = Connections[Reader](lambda actor: app.revalidate(actor, ports()), self._report)
        self.live: set[Reader] = set()
        self.budget = Budget()
        self.head = 0
        self._has_ended = False
        self._looks: SingleFlight[None, tuple[int, int]] = SingleFlight()
        self._news = asyncio.Event()
        self._feeding: asyncio.Task[None] | None = None
        self._checking: asyncio.Task[None] | None = None
        self.probe = self._file.probe

    async def publish(self, drafts: Sequence[Draft]) -> int:
        def append(connection: sqlite3.Connection) -> int:
            last = int(connection.execute(LAST).fetchone()[0])
            events = wire.documents(drafts, last, datetime.now(UTC), self._app.audiences)
            connection.executemany(INSERT, live_rows.rows(events))
            if (last + len(events)) // 100 > last // 100:
                connection.execute("DELETE FROM events WHERE seq <= ?", (last + len(events) - self._capacity,))
            return last + len(events)

        last = await self._file.atomic(append)
        self._news.set()
        return last

    async def read(self, follow: Follow, *, limit: int = 100) -> Page:
        def select(connection: sqlite3.Connection) -> Page:
            oldest, last = self._numbers(connection)
            begin = max(wire.start(follow.since, oldest, last), 0)

            def page(since: int) -> list[Event]:
                return _page(connection, since)

            return Page(live_rows.matching(page, begin, follow, limit), oldest, last)

        return await self._file.work(select)

    async def page(self, since: int | None) -> Page:
        """Return a page of all events after a number; None for no events, only the numbers."""

        if since is None:
            result = Page([], *await self._looks.join(None, lambda: self._file.work(self._look)))
        else:
            result = await self._file.work(lambda connection: self._page_since(connection, since))
        if self._feeding is None and self._open:
            self.head = result.last
            self._feeding = asyncio.create_task(self._feed())
        return result

    async def forget(self) -> None:
        await self._file.work(
            lambda connection: connection.execute("DELETE FROM events WHERE seq < (SELECT max(seq) FROM events)")
        )

    async def erase(self, caller: str) -> None:
        await self._file.work(lambda connection: connection.execute(live_rows.ERASE, (caller,)))

    async def stream(self, follow: Follow) -> AsyncIterable[bytes]:
        reader = Reader(follow, wire.sse)
        self._enter(reader, follow)
        return EventStream(self._stream(reader, follow.since), reader, self._open.leave)

    async def connect(self, headers: Headers, request_id: str, follow: Follow) -> Response:
        if (headers.get("upgrade") or "").lower() != "websocket":
            raise UpgradeRequired
        offered = (headers.get("sec-websocket-protocol") or "").split(",")
        chosen = next((name.strip() for name in offered if name.strip() == wire.SUBPROTOCOL), None)
        return Upgrade(lambda socket: self._attend(socket, follow, request_id), chosen)

    async def end(self) -> None:
        """Close all readers, and those that still come, and wait a little until they are gone."""
        self._has_ended = True
        for reader in self._open:
            reader.close(Close.GOING_AWAY)
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                while self._open:  # noqa: ASYNC110 - it waits for readers to leave
                    await asyncio.sleep(0.01)

    def close(self) -> None:
        """Close the file."""
        for task in (self._feeding, self._checking):
            if task is not None:
                task.cancel()
        self._file.close()

    def _enter(self, reader: Reader, follow: Follow) -> None:
        """Count a reader, from before its greeting until it was told of the end."""
        self._open.enter(reader, follow.at_most)
        if self._has_ended:
            reader.close(Close.GOING_AWAY)

    async def _stream(self, reader: Reader, since: int | None) -> AsyncGenerator[bytes]:
        try:
            yield wire.OPENING
            async with aclosing(follow(reader, since, self, wire.sse_control)) as batches:
                async for batch in batches:
                    data = b"".join(batch)  # type: ignore[arg-type] # this reader's payloads are bytes
                    for at in range(0, len(data), wire.SLICE):
                        yield data[at : at + wire.SLICE]
        finally:
            self._open.leave(reader)

    async def _attend(self, socket: Socket, subscription: Follow, request_id: str) -> None:
        reader = Reader(subscription, wire.text, request_id)
        if socket.write_now is not None:
            reader.direct = Direct(socket.write_now, text_frame)
        try:
            if self._open.is_full(reader.actor.name, reader.ticket):
                raise TooManyConnections(PER_TICKET)
            self._enter(reader, subscription)
        except TooManyConnections:
            await socket.close(Close.TRY_LATER)
            return

        async def answer(text: str, *, is_busy: bool) -> live_frames.Answer:
            reply = await live_frames.answer(self._app, self._ports, reader, text, is_busy=is_busy)
            if reply.has_ended:  # the reply goes out first
                asyncio.get_running_loop().call_later(1, self._open.end, reader.actor)
            return reply

        try:
            page = await self.page(None)
            await socket.send(wire.hello(page.oldest, page.last))
            async with aclosing(follow(reader, subscription.since, self, str)) as batches:
                await serve(socket, batches, answer)
                await socket.close(reader.closed or Close.GOING_AWAY)
        finally:
            self._open.leave(reader)

    async def _feed(self) -> None:
        """While there are readers: hand them new events, send heartbeats to idle ones, and check their credentials."""
        try:
            await self._feed_all()
        finally:
            self._feeding = None

    async def _feed_all(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + wire.HEARTBEAT
        while self._open:
            self._news.clear()
            had_events = await self._deliver_page()
            if loop.time() >= due:
                due = loop.time() + wire.HEARTBEAT
                send_heartbeats([*self.live], self.head)
            if time() >= self._open.due and (self._checking is None or self._checking.done()):
                self._checking = asyncio.create_task(self._open.check())
            if not had_events:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), POLL)

    async def _deliver_page(self) -> bool:
        """Hand a page of new events to the readers; return whether there were any."""
        try:
            page = await self.page(self.head)
        except PortError as fault:  # the file is locked, or the disk is full: it is read again soon
            self._ports().log("error", "live events not read; trying again", error=str(fault))
            await asyncio.sleep(1)
            return False
        for event in page.events:
            self.head = event.sequence
            fan_out(event, [*self.live])
        return bool(page.events)

    def _report(self, missed: int) -> None:
        self._ports().log("warning", "credentials of open connections not looked up; trying again", count=missed)

    def _look(self, connection: sqlite3.Connection) -> tuple[int, int]:
        self._looks.close(None)  # who comes now needs a look that begins later
        return self._numbers(connection)

    def _page_since(self, connection: sqlite3.Connection, since: int) -> Page:
        oldest, last = self._numbers(connection)
        return Page(_page(connection, max(since, oldest - 1)), oldest, last)

    def _numbers(self, connection: sqlite3.Connection) -> tuple[int, int]:
        """Return the numbers of the oldest and the last event in the log."""
        last = int(connection.execute(LAST).fetchone()[0])
        first = int(connection.execute(FIRST).fetchone()[0])
        return max(first, last - self._capacity + 1) if last else 0, last


def _page(connection: sqlite3.Connection, since: int) -> list[Event]:
    return [Event(*row) for row in connection.execute(live_rows.PAGE, (since,))]


def _prepare(connection: sqlite3.Connection, app: App) -> None:
    """Upgrade the table. Other processes may do so at once; most find it upgraded."""

    def run(sql: str, *params: str) -> list[tuple[object, ...]]:
        return connection.execute(sql, params).fetchall()

    if not live_rows.is_current(run):
        with transaction(connection):
            live_rows.prepare(run, app.audiences)
