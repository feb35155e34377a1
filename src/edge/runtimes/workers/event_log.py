"""The Durable Object that holds the log of live events: SQLite, hibernating WebSockets, event streams, an alarm."""

import asyncio
from collections import Counter
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from hashlib import sha256
from math import inf
from time import monotonic, time
from typing import Any

from js import JSON, TransformStream, WebSocketPair, WebSocketRequestResponsePair
from js import Response as JsResponse
from pydantic_core import from_json, to_json
from pyodide.ffi import JsException, create_once_callable, create_proxy, jsnull, to_js
from workers import DurableObject

from edge.app import App
from edge.ports.events import Draft, Event, Follow, Page, TooManyConnections
from edge.runtimes import live_frames, live_rows
from edge.runtimes import live_wire as wire
from edge.runtimes.live_access import Connections
from edge.runtimes.live_readers import Budget, Reader, fan_out, follow, send_heartbeats
from edge.runtimes.live_wire import Close
from edge.runtimes.workers.entry import Isolate
from edge.runtimes.workers.events import FOLLOW
from edge.runtimes.workers.js_bridge import raw, to_object
from edge.runtimes.workers.log_sockets import CHECK_BYTES, LogSocket, follow_of, refuse

_NOT_SENT = frozenset({1005, 1006})
"""Codes for a client that closed without a code; no frame may carry them."""
_INSERT = f"{live_rows.INSERT} SELECT {', '.join(f'value ->> {n}' for n in range(8))} FROM json_each(?)"
_CHECKS = "CREATE TABLE IF NOT EXISTS checks (id INTEGER PRIMARY KEY, look_at REAL NOT NULL)"
"""The time of the next look-up of credentials: the object may sleep until then."""
SOONEST = 0.2
"""Least seconds until the next alarm."""


def event_log(app: App) -> type[DurableObject]:
    """Return the class of an app's log. The Worker's adapter calls its methods, through the binding alone."""
    isolate = Isolate(app)

    class EventLog(DurableObject):
        def __init__(self, ctx: Any, env: Any) -> None:
            super().__init__(ctx, env)
            self._log = Log(app, raw(getattr(self.ctx, "_ctx", ctx)), lambda: isolate.ports(self.env, self.ctx))

        async def fetch(self, request: Any) -> Any:
            return self._log.follow(request.js_object)

        async def publish(self, text: str) -> str:
            return self._log.publish(text)

        async def read(self, text: str) -> str:
            return self._log.read(text)

        async def forget(self, text: str) -> str:
            return self._log.forget(text)

        async def alarm(self, _info: Any = None) -> None:
            self._log.alarm()

        async def webSocketMessage(self, socket: Any, message: Any) -> None:  # noqa: N802 - the platform's name
            self._log.message(socket, message)

        async def webSocketClose(self, socket: Any, *_why: Any) -> None:  # noqa: N802 - the platform's name
            self._log.closed(socket, *_why[:2])

        async def webSocketError(self, socket: Any, *_fault: Any) -> None:  # noqa: N802 - the platform's name
            self._log.closed(socket)

    return EventLog


class Log:
    """The log in its object. All state in memory is a copy: the object may be evicted between any two events.

    An object with open event streams does not hibernate; one with sockets alone does.
    """

    def __init__(self, app: App, context: Any, ports: Any) -> None:
        self._app = app
        self._context = context
        self._ports = ports
        self._sql = context.storage.sql
        live_rows.prepare(self._run, app.audiences)
        self._sql.exec(_CHECKS)
        bounds = self._sql.exec(
            "SELECT coalesce(max(seq), 0) AS last, coalesce(min(seq), 1) AS first FROM events"
        ).one()
        self.head, self._first = int(bounds.last), int(bounds.first)
        context.setWebSocketAutoResponse(WebSocketRequestResponsePair.new(wire.PING, wire.PONG))
        self.live: set[Reader] = set()
        self.budget = Budget()
        self._open = Connections[Reader | LogSocket](lambda actor: app.revalidate(actor, ports()), self._report)
        self._log_sockets = {
            log_socket.id: log_socket for socket in context.getWebSockets() if (log_socket := LogSocket.of(socket))
        }
        self._refused = Counter[str]()
        self._beat_at = 0.0
        self._alarm_at = inf
        self._is_checking = False
        self._resume()

    @property
    def _oldest(self) -> int:
        return max(self._first, self.head - wire.CAPACITY + 1) if self.head else 0

    def publish(self, text: str) -> str:
        """Append drafts (JSON: the fields of `Draft`) in one statement, and push the events to readers."""
        drafts = [Draft(*draft) for draft in from_json(text)]
        events = wire.documents(drafts, self.head, datetime.now(UTC), self._app.audiences)
        self._sql.exec(_INSERT, to_json(live_rows.rows(events)).decode())
        before = self.head
        self.head = self.head + len(events)
        if self.head // 100 > before // 100:
            self._sql.exec("DELETE FROM events WHERE seq < ?", float(self._oldest))
        for event in events:
            fan_out(event, self.live)
            is_shown = wire.filter_of(event)
            for log_socket in [*self._log_sockets.values()]:
                if (
                    log_socket.sent is None
                    and is_shown(log_socket.types, log_socket.actor)
                    and not log_socket.send(event.json)
                ):
                    self._drop(log_socket)
        return str(self.head)

    def read(self, text: str) -> str:
        """Return a page of events, as JSON."""
        query = from_json(text)
        subscription = follow_of(query["follow"])
        begin = wire.start(subscription.since, self._oldest, self.head)
        matches = live_rows.matching(self._page, begin, subscription, query["limit"])
        events = [list(event) for event in matches]
        return to_json({"events": events, "oldest": self._oldest, "last": self.head}).decode()

    async def page(self, since: int | None) -> Page:
        """Return a page of all events after a number; None for no events, only the numbers."""
        return Page([] if since is None else self._page(since), self._oldest, self.head)

    def forget(self, text: str) -> str:
        """Empty the events of a caller, whose name is JSON; for null delete all events but the last."""
        if (caller := from_json(text)) is not None:
            self._sql.exec(live_rows.ERASE, caller)
        else:
            self._sql.exec("DELETE FROM events WHERE seq < ?", float(self.head))
            self._first = self.head
        return "null"

    def follow(self, request: Any) -> Any:
        """Answer the Worker with a WebSocket or a stream."""
        subscription = follow_of(from_json(request.headers.get(FOLLOW)))
        if request.url.endswith("/stream"):
            return self._open_stream(subscription, request.signal)
        return self._accept(subscription, request.headers)

    def message(self, socket: Any, message: Any) -> None:
        """Receive a client's frame; its work runs in the background, so that the next frame need not wait."""
        attached = LogSocket.of(socket)
        log_socket = self._log_sockets.get(attached.id) if attached else None
        if log_socket is None or log_socket.closed is not None:
            return
        if not isinstance(message, str):
            log_socket.close(Close.NOT_TEXT)
        elif len(message.encode("utf-8", "replace")) > wire.FRAME_LIMIT:
            log_socket.close(Close.TOO_LARGE)
        elif not log_socket.pace.allows(monotonic()):
            log_socket.close(Close.TOO_MANY)
            self._drop(log_socket)
        else:
            self._background(self._answer(log_socket, message))

    def closed(self, socket: Any, code: int = 1000, reason: str = "") -> None:
        """Forget a socket, and answer its closing."""
        attached = LogSocket.of(socket)
        if attached is not None and (log_socket := self._log_sockets.get(attached.id)):
            log_socket.closed = log_socket.closed or Close.GOING_AWAY  # ends a catch-up that is under way
            self._drop(log_socket)
        with suppress(JsException):
            socket.close(1000 if code in _NOT_SENT else code, reason)

    def alarm(self) -> None:
        """Send heartbeats, check credentials, and set the next alarm while there are readers."""
        self._alarm_at = inf
        now = time()
        if now >= self._beat_at - SOONEST:
            self._beat_at = now + wire.HEARTBEAT
            self._beat()
        if now >= self._open.due and not self._is_checking:
            self._is_checking = True
            self._background(self._check())
        self._set_alarm()

    def _beat(self) -> None:
        text = wire.heartbeat(self.head)
        for log_socket in [*self._log_sockets.values()]:
            log_socket.unchecked = CHECK_BYTES  # asks how far behind it is
            if not log_socket.send(text):
                self._drop(log_socket)
        send_heartbeats([*self.live], self.head)

    async def _check(self) -> None:
        try:
            await self._open.check()
        finally:
            self._is_checking = False
        for log_socket in [*self._log_sockets.values()]:
            if log_socket.closed is not None:
                self._drop(log_socket)
        self._keep_check()
        self._set_alarm()

    def _keep_check(self) -> None:
        if self._open:
            self._sql.exec("INSERT OR REPLACE INTO checks VALUES (1, ?)", float(self._open.look_at))

    def _resume(self) -> None:
        """Resume after a sleep: restore the sockets from their attachments, and the state of the credential checks."""
        for log_socket in self._log_sockets.values():
            self._open.enter(log_socket)
            if log_socket.sent is not None:
                self._background(self._catch_up(log_socket))
        if self._log_sockets:
            rows = self._run("SELECT look_at FROM checks")
            self._open.look_at = min(self._open.look_at, float(rows[0][0])) if rows else 0.0
            self._open.due = min(self._open.due, self._open.look_at)
            self._alarm_at = time() + wire.HEARTBEAT  # one was set before the sleep, for then at the latest

    def _report(self, missed: int) -> None:
        self._ports().log("warning", "credentials of open connections not looked up; trying again", count=missed)

    def _accept(self, subscription: Follow, headers: Any) -> Any:
        client, server = WebSocketPair.new().object_values()
        name = subscription.actor.name
        tag = tag_of(name)
        count = self._context.getWebSockets(tag).length  # also those that are closed, but not by their client yet
        is_full = self._open.is_full(name, subscription.ticket)
        if is_full or count + self._streams_of(name) >= subscription.at_most:
            if self._refused[name] >= subscription.at_most:
                return JsResponse.new(jsnull, to_object({"status": TooManyConnections.status}))
            refuse(server, name, self._refused)
        else:
            self._context.acceptWebSocket(server, to_js([tag]))
            self._greet(server, subscription, headers.get("x-request-id") or "")
        init = to_object({"status": 101})
        init.webSocket = client
        offered = headers.get("sec-websocket-protocol")
        if isinstance(offered, str) and wire.SUBPROTOCOL in [name.strip() for name in offered.split(",")]:
            init.headers = to_object({"sec-websocket-protocol": wire.SUBPROTOCOL})
        return JsResponse.new(jsnull, init)

    def _greet(self, server: Any, subscription: Follow, request_id: str) -> None:
        begin = wire.start(subscription.since, self._oldest, self.head)
        log_socket = LogSocket.following(server, subscription, begin, request_id)
        log_socket.keep()
        self._log_sockets[log_socket.id] = log_socket
        self._enter(log_socket)
        log_socket.send(wire.hello(self._oldest, self.head))
        if subscription.since is not None and (missing := wire.gap(subscription.since, self._oldest, self.head)):
            log_socket.send(missing)
        self._background(self._catch_up(log_socket))

    def _enter(self, connection: Reader | LogSocket) -> None:
        """Count a connection, and set an alarm for it."""
        is_first = not self._open
        self._open.enter(connection)
        if is_first:
            self._beat_at = time() + wire.HEARTBEAT
            self._alarm_at = inf
            self._keep_check()
        self._set_alarm()

    def _streams_of(self, name: str) -> int:
        return self._open.count(name) - sum(log_socket.actor.name == name for log_socket in self._log_sockets.values())

    def _drop(self, log_socket: LogSocket) -> None:
        self._log_sockets.pop(log_socket.id, None)
        self._open.leave(log_socket)
        self.budget.release(log_socket)

    async def _catch_up(self, log_socket: LogSocket) -> None:
        """Send a socket the events after its number, no faster than it accepts them; from then on it is live."""
        try:
            while log_socket.sent is not None and log_socket.closed is None:
                await self.budget.reserve(log_socket)
                if log_socket.closed is None:
                    self._send_page(log_socket, self._page(log_socket.sent))
                    await self._wait_for_room(log_socket)
        finally:
            self.budget.release(log_socket)
            if log_socket.closed is not None:
                self._drop(log_socket)

    def _send_page(self, log_socket: LogSocket, page: list[Event]) -> None:
        """Send a page; a socket that has got the whole log is live from now on."""
        for event in page:
            if log_socket.wants(event) and not log_socket.send(event.json, checks=False):
                log_socket.close(Close.GOING_AWAY)
                return
        self.budget.hold(log_socket, sum(len(event.json) for event in page))
        log_socket.sent = page[-1].sequence if page else None
        log_socket.keep()

    async def _wait_for_room(self, log_socket: LogSocket) -> None:
        """Wait until a socket has accepted most of its data; close it if it accepts nothing for too long."""
        waited = 0.0
        while log_socket.closed is None and log_socket.socket.bufferedAmount > wire.SLICE:
            await asyncio.sleep(0.05)
            waited += 0.05
            if waited > wire.WRITE_TIMEOUT:
                log_socket.close(Close.TOO_SLOW)

    async def _answer(self, log_socket: LogSocket, text: str) -> None:
        is_busy = log_socket.busy >= wire.FRAMES_AT_ONCE
        log_socket.busy += 1
        try:
            reply = await live_frames.answer(self._app, self._ports, log_socket, text, is_busy=is_busy)
        finally:
            log_socket.busy -= 1
        sent = log_socket.send(reply.text)
        if reply.has_ended:
            self._open.end(log_socket.actor)
        if not sent or reply.has_ended:
            self._drop(log_socket)

    def _open_stream(self, subscription: Follow, signal: Any) -> Any:
        name = subscription.actor.name
        if self._context.getWebSockets(tag_of(name)).length + self._streams_of(name) >= subscription.at_most:
            return JsResponse.new(jsnull, to_object({"status": TooManyConnections.status}))
        reader = Reader(subscription, wire.sse)
        pipe = TransformStream.new()
        self._enter(reader)
        self._background(self._stream(pipe.writable.getWriter(), subscription.since, reader, signal))
        return JsResponse.new(pipe.readable)

    async def _stream(self, writer: Any, since: int | None, reader: Reader, signal: Any) -> None:
        """Feed a stream until its reader leaves, is too far behind, or loses its permission."""
        feeding = asyncio.ensure_future(self._feed(writer, since, reader))
        left = create_once_callable(lambda *_: feeding.cancel())  # a write without a reader would wait for ever
        aborted = create_proxy(lambda *_: feeding.cancel())
        writer.closed.then(left, left)
        signal.addEventListener("abort", aborted)
        try:
            await asyncio.wait((feeding,))
        finally:
            self._open.leave(reader)
            signal.removeEventListener("abort", aborted)
            aborted.destroy()
        if feeding.cancelled():
            with suppress(JsException):
                await writer.abort("left")
        else:
            feeding.result()

    async def _feed(self, writer: Any, since: int | None, reader: Reader) -> None:
        try:
            await self._write(writer, wire.OPENING)
            async with aclosing(follow(reader, since, self, wire.sse_control)) as batches:
                async for batch in batches:
                    await self._write(writer, b"".join(batch))  # type: ignore[arg-type] # a stream's are bytes
            async with asyncio.timeout(wire.WRITE_TIMEOUT):
                await writer.close()
        except TimeoutError:
            with suppress(JsException):
                await writer.abort("too slow")
        except JsException:  # the reader has left
            pass

    async def _write(self, writer: Any, data: bytes) -> None:
        """Write a part as slices; `TimeoutError` if the reader accepts nothing for too long."""
        for at in range(0, len(data), wire.SLICE):
            async with asyncio.timeout(wire.WRITE_TIMEOUT):
                await writer.write(to_js(data[at : at + wire.SLICE]))

    def _page(self, since: int) -> list[Event]:
        """Return the events after a number, at most a page of them; they cross from JavaScript as one text."""
        cursor = self._sql.exec(live_rows.PAGE, float(max(since, self._oldest - 1)))
        return [Event(*row) for row in from_json(JSON.stringify(cursor.raw().toArray()))]

    def _run(self, sql: str, *params: str) -> list[list[Any]]:
        rows: list[list[Any]] = from_json(JSON.stringify(self._sql.exec(sql, *params).raw().toArray()))
        return rows

    def _set_alarm(self) -> None:
        """Set an alarm for the next due work, unless an earlier one is set."""
        now = time()
        at = max(min(self._beat_at or now + wire.HEARTBEAT, self._open.due), now + SOONEST)
        if self._open and at < self._alarm_at:
            self._alarm_at = at
            self._context.storage.setAlarm(at * 1000)

    def _background(self, work: Any) -> None:
        self._context.waitUntil(create_proxy(asyncio.ensure_future(work)))


def tag_of(name: str) -> str:
    """Return the tag of the sockets of a caller's name, which may be longer than a tag."""
    return sha256(name.encode("utf-8", "replace")).hexdigest()
