"""The Durable Object that is the log of live events: SQLite, hibernating WebSockets, event streams, an alarm."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

from js import JSON, TransformStream, WebSocketPair, WebSocketRequestResponsePair
from js import Response as JsResponse
from pydantic_core import from_json, to_json
from pyodide.ffi import JsException, create_proxy, jsnull, to_js
from workers import DurableObject

from edge.app import App
from edge.errors import Problem
from edge.events import Frame
from edge.live import Draft, Event
from edge.runtimes import live_wire as wire
from edge.runtimes.live_readers import Reader, beat, fan_out
from edge.runtimes.live_wire import Close
from edge.runtimes.workers.border import raw, to_object
from edge.runtimes.workers.entry import Isolate
from edge.runtimes.workers.events import FOLLOW
from edge.runtimes.workers.members import CHECK_BYTES, Member, actor_of

PAGE = 50
"""Events that are read from storage at once."""
_NOT_SENT = frozenset({1005, 1006})
"""Codes that a closing has where the client gave none: they stand in no frame."""
PATIENCE = timedelta(seconds=20)
"""For so long a socket may take nothing of its backlog."""


def event_log(app: App) -> type[DurableObject]:
    """Return the class of an app's log. Its methods are called by the Worker's adapter, through the binding alone."""
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

        async def forget(self, _text: str) -> str:
            return self._log.forget()

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
    """The log in its object. What is in memory is a copy: the object may be evicted between any two events.

    An object with open event streams does not hibernate; one with sockets alone does.
    """

    def __init__(self, app: App, context: Any, ports: Any) -> None:
        self._app, self._context, self._ports = app, context, ports
        self._sql = context.storage.sql
        self._sql.exec("CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, type TEXT, json TEXT)")
        known = self._sql.exec("SELECT coalesce(max(seq), 0) AS last, coalesce(min(seq), 1) AS first FROM events").one()
        self._last, self._first = int(known.last), int(known.first)
        context.setWebSocketAutoResponse(WebSocketRequestResponsePair.new(wire.PING, wire.PONG))
        self._streams: set[Reader] = set()
        self._beating = False
        self._members = {member.id: member for one in context.getWebSockets() if (member := Member.of(one))}
        for member in self._members.values():
            if member.sent is not None:
                self._background(self._catch_up(member))

    @property
    def _oldest(self) -> int:
        return max(self._first, self._last - wire.KEPT + 1) if self._last else 0

    def publish(self, text: str) -> str:
        """Append drafts (JSON: type, data, subject) in one statement, and hand the events on."""
        drafts = [Draft(*draft) for draft in from_json(text)]
        events = wire.documents(drafts, self._last, datetime.now(UTC))
        rows = to_json([list(event) for event in events]).decode()
        self._sql.exec("INSERT INTO events SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)", rows)
        before, self._last = self._last, self._last + len(events)
        if self._last // 100 > before // 100:
            self._sql.exec("DELETE FROM events WHERE seq < ?", float(self._oldest))
        for event in events:
            fan_out(event, self._streams)
            for member in [*self._members.values()]:
                if member.sent is None and member.wants(event) and not member.send(event.json):
                    self._members.pop(member.id, None)
        return str(self._last)

    def read(self, text: str) -> str:
        """Return a page of events, as JSON."""
        asked = from_json(text)
        found, since = list[Event](), asked["since"]
        while len(found) < asked["limit"] and (page := self._page(since)):
            found += [event for event in page if wire.wanted(asked["types"], event.type)]
            since = page[-1].sequence
        events = [list(event) for event in found[: asked["limit"]]]
        return to_json({"events": events, "oldest": self._oldest, "last": self._last}).decode()

    def forget(self) -> str:
        """Forget all events but the last."""
        self._sql.exec("DELETE FROM events WHERE seq < ?", float(self._last))
        self._first = self._last
        return "null"

    def follow(self, request: Any) -> Any:
        """Answer the Worker: a WebSocket, or a stream."""
        wanted = from_json(request.headers.get(FOLLOW))
        if request.url.endswith("/stream"):
            actor = actor_of(wanted["actor"])
            return self._open_stream(wanted["since"], Reader(tuple(wanted["types"]), actor.subjects, wire.sse))
        return self._accept(wanted, request.headers)

    def message(self, socket: Any, message: Any) -> None:
        """Take a client's frame; what it starts goes on behind it, so that the next frame need not wait."""
        kept = Member.of(socket)
        member = self._members.get(kept.id) if kept else None
        if member is None:
            return
        if not isinstance(message, str):
            member.close(Close.NOT_TEXT)
        elif len(message.encode("utf-8", "replace")) > wire.FRAME_LIMIT:
            member.close(Close.TOO_LARGE)
        elif not member.pace.allows(monotonic()):
            member.close(Close.TOO_MANY)
            self._members.pop(member.id, None)
        else:
            self._background(self._answer(member, message))

    def closed(self, socket: Any, code: int = 1000, reason: str = "") -> None:
        """Forget a socket, and answer its closing."""
        kept = Member.of(socket)
        if kept is not None:
            self._members.pop(kept.id, None)
        with suppress(JsException):
            socket.close(1000 if code in _NOT_SENT else code, reason)

    def alarm(self) -> None:
        """Give the sockets a sign of life, and come again while there are any."""
        text = wire.heartbeat(self._last)
        for member in [*self._members.values()]:
            member.unchecked = CHECK_BYTES  # asks how far behind it is
            if not member.send(text):
                self._members.pop(member.id, None)
        if self._members:
            self._set_alarm()

    def _accept(self, wanted: Mapping[str, Any], headers: Any) -> Any:
        client, server = WebSocketPair.new().object_values()
        self._context.acceptWebSocket(server)
        actor = actor_of(wanted["actor"])
        begin = wire.start(wanted["since"], self._oldest, self._last)
        member = Member(server, uuid4().hex, actor, tuple(wanted["types"]), begin, headers.get("x-request-id") or "")
        member.keep()
        if not self._members:
            self._set_alarm()
        self._members[member.id] = member
        member.send(wire.hello(self._oldest, self._last))
        if wanted["since"] is not None and (missing := wire.gap(wanted["since"], self._oldest, self._last)):
            member.send(missing)
        self._background(self._catch_up(member))
        init = to_object({"status": 101})
        init.webSocket = client
        offered = headers.get("sec-websocket-protocol")
        if isinstance(offered, str) and wire.SUBPROTOCOL in [name.strip() for name in offered.split(",")]:
            init.headers = to_object({"sec-websocket-protocol": wire.SUBPROTOCOL})
        return JsResponse.new(jsnull, init)

    async def _catch_up(self, member: Member) -> None:
        """Send a socket what the log holds after its number, no faster than it takes it; from then on it is live."""
        while member.sent is not None:
            page = self._page(member.sent)
            for event in page:
                await self._room(member)
                wanted = member.wants(event)
                if member.id not in self._members or (wanted and not member.send(event.json, checks=False)):
                    self._members.pop(member.id, None)
                    return
                member.sent = event.sequence
            if not page:
                member.sent = None
            member.keep()

    async def _room(self, member: Member) -> None:
        """Wait until a socket has taken most of what it was sent; close it where it takes nothing for too long."""
        if member.unchecked < CHECK_BYTES:
            return
        member.unchecked, waited = 0, timedelta()
        while member.socket.bufferedAmount > wire.BEHIND_LIMIT // 2:
            await asyncio.sleep(0.05)
            waited += timedelta(seconds=0.05)
            if waited > PATIENCE:
                member.close(Close.TOO_SLOW)
                self._members.pop(member.id, None)
                return

    async def _answer(self, member: Member, text: str) -> None:
        frame: dict[str, Any] | None = None
        member.busy += 1
        try:
            frame = wire.parse(text)
            outcome = await self._outcome(member, frame)
        except Problem as problem:
            outcome = wire.refusal(problem, member.request_id)
        finally:
            member.busy -= 1
        member.send(wire.reply(frame, outcome) if outcome else wire.PONG)

    async def _outcome(self, member: Member, frame: dict[str, Any]) -> dict[str, Any]:
        if frame["type"] == "ping":
            return {}
        if frame["type"] == "subscribe":
            member.types = wire.types_of(frame)
            member.keep()
            return {"result": {"types": list(member.types)}}
        if member.busy > wire.FRAMES_AT_ONCE:
            raise wire.TooManyFrames
        return await self._app.frame(Frame(frame, member.actor, member.request_id), self._ports())

    def _open_stream(self, since: int | None, reader: Reader) -> Any:
        pipe = TransformStream.new()
        self._background(self._stream(pipe.writable.getWriter(), since, reader))
        return JsResponse.new(pipe.readable)

    async def _stream(self, writer: Any, since: int | None, reader: Reader) -> None:
        """Feed a stream until its reader leaves or is too far behind."""
        leave = create_proxy(lambda *_: reader.close(Close.GOING_AWAY))
        writer.closed.then(leave, leave)
        try:
            await self._feed(writer, since, reader)
            await writer.close()
        except JsException:  # the reader has left
            pass
        finally:
            self._streams.discard(reader)
            leave.destroy()

    async def _feed(self, writer: Any, since: int | None, reader: Reader) -> None:
        await writer.write(to_js(wire.OPENING))
        if since is not None and (missing := wire.gap(since, self._oldest, self._last)):
            await writer.write(to_js(wire.sse_control(missing)))
        reader.sent = wire.start(since, self._oldest, self._last)
        while page := self._page(reader.sent):
            reader.sent = page[-1].sequence
            batch = b"".join(wire.sse(event) for event in page if wire.shown(event, reader.types, reader.subjects))
            if batch:
                await writer.write(to_js(batch))
        self._streams.add(reader)
        if not self._beating:
            self._beating = True
            self._background(self._beat())
        while taken := await reader.take():
            await writer.write(to_js(b"".join(taken)))  # type: ignore[arg-type] # a stream's payloads are bytes

    async def _beat(self) -> None:
        while self._streams:
            await asyncio.sleep(wire.HEARTBEAT)
            beat([*self._streams], self._last)
        self._beating = False

    def _page(self, since: int) -> list[Event]:
        """Return the events after a number, at most a page of them; they cross as one text."""
        after = float(max(since, self._oldest - 1))
        cursor = self._sql.exec("SELECT seq, type, json FROM events WHERE seq > ? ORDER BY seq LIMIT ?", after, PAGE)
        return [Event(*row) for row in from_json(JSON.stringify(cursor.raw().toArray()))]

    def _set_alarm(self) -> None:
        at = datetime.now(UTC) + timedelta(seconds=wire.HEARTBEAT)
        self._context.storage.setAlarm(at.timestamp() * 1000)

    def _background(self, work: Any) -> None:
        self._context.waitUntil(create_proxy(asyncio.ensure_future(work)))
