"""Connections as uvicorn protocols with limits: on their number, on bytes, and on waiting time."""

import asyncio
from contextlib import suppress
from ipaddress import ip_address
from typing import cast
from uuid import uuid4

import h11
import uvicorn
from pydantic_core import to_json
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS

from edge.auth.limits import network
from edge.errors import PROBLEM_JSON, BadRequest, Overloaded, Problem
from edge.runtimes.local.asgi import Server
from edge.runtimes.local.bounds import NOBODY
from edge.runtimes.local.direct import WRITE_NOW
from edge.runtimes.local.proxies import plain

HEAD_LIMIT = 128 * 1024
"""Most bytes of a request's line and headers, as at Cloudflare."""
LINGER = 0.5
"""Seconds for which a refused client may still send."""
PROGRESS = 64 * 1024
"""Bytes that a client must accept within its write patience, unless less is waiting."""

_FRAMING = frozenset({b"connection", b"content-length", b"transfer-encoding", b"upgrade"})


class HeadTooLarge(Problem):
    """Request headers too large."""

    title = "Request headers too large"
    status = 431


class RequestTimeout(Problem):
    """The request did not come in time."""

    title = "The request did not come in time"
    status = 408


class BoundedConnection(asyncio.Protocol):
    """A connection that counts for its address, and is cut if its client does not accept data.

    Closing a connection would wait for that client, too; cutting it does not.
    """

    config: uvicorn.Config
    client: tuple[str, int] | None
    transport: asyncio.Transport
    write_patience = 20.0
    """Seconds in which a client must accept `PROGRESS` bytes, or all of its data; else its connection is cut."""
    is_counted = False
    """Whether the connection was within the limit and is counted."""
    _is_blocked = False
    """Whether bytes wait for the client, or none may follow: the limit of the write buffer is 0."""
    _has_ended = False
    """Whether no frame may follow, as the last one said so."""
    _holder = NOBODY
    _unsent = 0
    _left = 0
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and get called for each byte that its client does not accept at once."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=0)
        self._bounds = self.application.bounds
        peer = plain(self.client[0]) if self.client else ""
        proxies = self.application.proxies
        self._holder = NOBODY if proxies is not None and proxies.trusts(peer) else network(peer)
        share = self._bounds.local_connections if _is_local(peer) else 0
        self.is_counted = self._bounds.connections.take(self._holder, share=share)
        if self.transport.get_write_buffer_size():
            self.pause_writing()

    @property
    def application(self) -> Server:
        """The ASGI application, which has the bounds and the proxies."""
        return cast("Server", self.config.app)

    def write_now(self, data: bytes) -> bool:
        """Write whole frames if the client has accepted everything before; return whether they were written."""
        if self._is_blocked:
            return False
        self.transport.write(data)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the connection's place."""
        self._is_blocked = True
        self.leave()
        super().connection_lost(exc)

    def leave(self) -> None:
        """Stop counting: the connection is lost, or belongs to another protocol now."""
        self._settle()
        if self.is_counted:
            self.is_counted = False
            self._bounds.connections.give_back(self._holder)

    def pause_writing(self) -> None:
        """Wait for the client for a limited time, unless too many bytes wait for clients already."""
        super().pause_writing()
        self._is_blocked = True
        self._left = self.transport.get_write_buffer_size()
        if not self._bounds.unsent.take(self._holder, self._left):
            self.transport.abort()
            return
        self._unsent = self._left
        self._stalled = asyncio.get_running_loop().call_later(self.write_patience, self._check_progress)

    def resume_writing(self) -> None:
        """Continue sending."""
        super().resume_writing()
        self._is_blocked = self._has_ended
        self._settle()

    def _check_progress(self) -> None:
        left = self.transport.get_write_buffer_size()
        if left > self._left - PROGRESS:
            self.transport.abort()
            return
        self._left = left
        self._stalled = asyncio.get_running_loop().call_later(self.write_patience, self._check_progress)

    def _settle(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        if self._unsent:
            self._bounds.unsent.give_back(self._holder, self._unsent)
            self._unsent = 0


class BoundedHttp(BoundedConnection, H11Protocol):
    """HTTP/1.1 that cuts off slow readers, and refuses requests that do not arrive in time."""

    head_patience = 15.0
    """Seconds until a request's head must be complete."""
    body_patience = 60.0
    """Seconds until a request's body must be complete."""
    _is_refused = False
    _is_turned_away = False
    _due: asyncio.TimerHandle | None = None
    _awaits: type[h11.IDLE] | type[h11.SEND_BODY] | None = None
    _head_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # asyncio's own is wider
        """Wait for the first head, or refuse the connection if there are too many."""
        super().connection_made(transport)
        if self.is_counted:
            self._watch()
            return
        self._is_turned_away = self._bounds.turned_away.take(NOBODY)
        self._refuse(Overloaded("too many connections, in all or of one address"))
        if not self._is_turned_away:  # too many stay already; the answer arrives unless the client sends more
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Receive a part; one deadline covers a whole head, another one a body."""
        if self._is_refused:  # discard further data: closing the connection on it would lose the answer
            return
        super().data_received(data)
        if self.transport.get_protocol() is self:  # and not a WebSocket by now
            self._watch()
            self._count_head(len(data))

    def on_response_complete(self) -> None:
        """Wait for the next head within the time of an idle connection; a begun request may lack its body."""
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE:
            self._unwatch()
        elif self.transport.get_protocol() is self:
            self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection to the WebSocket protocol, which accepts only smaller heads and reports nothing else."""
        self.leave()
        super().handle_websocket_upgrade(event)
        protocol = self.transport.get_protocol()
        if isinstance(protocol, WebSocketsSansIOProtocol) and not protocol.handshake_initiated:
            most = f"{MAX_NUM_HEADERS} headers of {MAX_LINE_LENGTH} bytes"
            self._refuse(HeadTooLarge(f"a WebSocket's request has at most {most}"))

    def leave(self) -> None:
        """Stop all timers and counts."""
        self._unwatch()
        self._forget_head()
        if self._is_turned_away:
            self._is_turned_away = False
            self._bounds.turned_away.give_back(NOBODY)
        super().leave()

    def send_400_response(self, msg: str) -> None:
        """Answer invalid HTTP with a problem."""
        is_large = self.conn.their_state is h11.ERROR and len(self.conn.trailing_data[0]) > HEAD_LIMIT
        self._refuse(HeadTooLarge(f"at most {HEAD_LIMIT} bytes") if is_large else BadRequest(msg))

    def _should_upgrade(self) -> bool:
        """Check a head before the app gets it, and return whether it opens a WebSocket.

        A stream is sent in chunks by HTTP/1.1 alone, and then also past its task.

        If there are both a length and chunks, the chunks count, and the connection ends with the answer.
        (RFC 9112, 6.1: the following bytes may be another request to a peer that goes by the length.)
        An invalid upgrade is removed.
        """
        if self.scope["http_version"] == "1.1":
            cast("dict[str, object]", self.scope)[WRITE_NOW] = self.write_now
        headers: dict[bytes, bytes] = {}
        for name, value in self.headers:
            if name in _FRAMING:
                headers[name] = headers[name] + b"," + value if name in headers else value
        if b"transfer-encoding" in headers and b"content-length" in headers:
            self.headers[:] = [*(pair for pair in self.headers if pair[0] != b"content-length"), CLOSE_HEADER]
        if b"upgrade" not in headers:
            return False
        is_get = self.scope["method"] == "GET" and self.scope["http_version"] == "1.1"
        is_socket = is_get and _opens_socket(headers)
        if not is_socket:
            self.headers[:] = [pair for pair in self.headers if pair[0] != b"upgrade"]
        return is_socket

    def _watch(self) -> None:
        state = self.conn.their_state
        awaits = state if state in {h11.IDLE, h11.SEND_BODY} else None
        if awaits is not self._awaits:
            self._unwatch()
            if awaits is not None and not self.transport.is_closing():
                self._awaits = awaits
                seconds = self.head_patience if awaits is h11.IDLE else self.body_patience
                self._due = asyncio.get_running_loop().call_later(seconds, self._too_late)

    def _unwatch(self) -> None:
        self._awaits = None
        if self._due is not None:
            self._due.cancel()

    def _too_late(self) -> None:
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._refuse(RequestTimeout())
        else:
            self.transport.abort()

    def _count_head(self, size: int) -> None:
        """Count the bytes of an incomplete head; refuse it if there are too many such bytes."""
        if self.conn.their_state is not h11.IDLE:
            self._forget_head()
        elif not self._is_refused:
            if self._bounds.received.take(self._holder, size):
                self._head_size += size
            else:
                self._refuse(Overloaded("too many bytes are incomplete, in all or of one address"))

    def _forget_head(self) -> None:
        if self._head_size:
            self._bounds.received.give_back(self._holder, self._head_size)
            self._head_size = 0

    def _refuse(self, problem: Problem) -> None:
        """Answer without the app, which never sees the request, and close."""
        body = to_json(problem.document("", uuid4().hex))
        headers = [("content-type", PROBLEM_JSON), ("content-length", str(len(body))), ("connection", "close")]
        headers += problem.headers
        with suppress(h11.LocalProtocolError):
            events = (
                h11.Response(status_code=problem.status, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            )
            self.transport.write(b"".join([self.conn.send(event) or b"" for event in events]))
        self._is_refused = True
        self._unwatch()
        self._due = asyncio.get_running_loop().call_later(LINGER, self.transport.close)


class BoundedWebSocket(BoundedConnection, WebSocketsSansIOProtocol):
    """WebSockets that cut off slow readers."""

    async def run_asgi(self) -> None:
        """Run the app, which may also write frames past its task."""
        cast("dict[str, object]", self.scope)[WRITE_NOW] = self.write_now
        await super().run_asgi()

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message. A refused handshake is complete, although uvicorn would report a fault."""
        if message["type"] == "websocket.close":
            self._has_ended = self._is_blocked = True
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True


def _is_local(peer: str) -> bool:
    """Return whether a peer's address is a loopback one."""
    try:
        return ip_address(peer).is_loopback
    except ValueError:
        return False


def _opens_socket(headers: dict[bytes, bytes]) -> bool:
    """Return whether these headers of a GET upgrade its connection to a WebSocket; none comes with a body."""
    options = {option.strip().lower() for option in headers.get(b"connection", b"").split(b",")}
    has_body = b"transfer-encoding" in headers or headers.get(b"content-length", b"0").strip(b"0") != b""
    return headers[b"upgrade"].lower() == b"websocket" and b"upgrade" in options and not has_body
