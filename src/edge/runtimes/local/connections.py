"""Connections that wait only so long for a client that takes nothing of what it is sent."""

import asyncio

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PATIENCE = 20.0
"""Seconds for which a client may leave what it is sent untaken; then its connection is cut."""


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
    """HTTP/1.1 whose slow readers are cut off."""


class PatientWebSocket(Patient, WebSocketsSansIOProtocol):
    """WebSockets whose slow readers are cut off."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send; a refused handshake is a complete one, which uvicorn would complain of."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True
