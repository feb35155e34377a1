"""Connections that wait only so long for a client that takes nothing of what it is sent."""

import asyncio
from contextlib import suppress
from uuid import uuid4

import h11
from pydantic_core import to_json
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from edge.errors import PROBLEM_JSON, BadRequest, Problem

HEAD_LIMIT = 128 * 1024
"""Bytes of a request's line and headers: what Cloudflare takes."""
LINGER = 0.5
"""Seconds for which a refused client may still send."""
PATIENCE = 20.0
"""Seconds for which a client may leave what it is sent untaken; then its connection is cut."""


class HeadTooLarge(Problem):
    """Request headers too large."""

    title = "Request headers too large"
    status = 431


class RequestTimeout(Problem):
    """The request did not come in time."""

    title = "The request did not come in time"
    status = 408


class Patient(asyncio.Protocol):
    """What both protocols do beside their own: closing a connection would wait for the client, too; this does not."""

    transport: asyncio.Transport
    _stalled: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Wait for the client, so long."""
        super().pause_writing()
        self._stalled = asyncio.get_running_loop().call_later(PATIENCE, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()


class PatientHttp(Patient, H11Protocol):
    """HTTP/1.1 whose slow readers are cut off, and whose requests come whole in time or not at all."""

    head_patience = 15.0
    """Seconds in which a head is to be there."""
    body_patience = 60.0
    """Seconds in which a body is to be there."""
    _is_refused = False
    _due: asyncio.TimerHandle | None = None
    _awaits: type[h11.IDLE] | type[h11.SEND_BODY] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # asyncio's own is wider
        """Wait for the first head."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take a part; the time runs for a head as a whole, and for a body."""
        if self._is_refused:  # what still comes is let pass: closing on it would take the answer from the client
            return
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next head as long as an idle connection is kept."""
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE:
            self._unwatch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._unwatch()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as a problem."""
        is_large = self.conn.their_state is h11.ERROR and len(self.conn.trailing_data[0]) > HEAD_LIMIT
        self._refuse(HeadTooLarge(f"at most {HEAD_LIMIT} bytes") if is_large else BadRequest(msg))

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

    def _refuse(self, problem: Problem) -> None:
        """Answer below the app, which never sees the request, and close."""
        body = to_json(problem.document("", uuid4().hex))
        headers = [("content-type", PROBLEM_JSON), ("content-length", str(len(body))), ("connection", "close")]
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


class PatientWebSocket(Patient, WebSocketsSansIOProtocol):
    """WebSockets whose slow readers are cut off."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send; a refused handshake is a complete one, which uvicorn would complain of."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True
