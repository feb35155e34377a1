"""WebSockets on ASGI: the accepting response, the socket itself, and the frames in both directions."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Protocol

from edge.http import Response
from edge.runtimes import live_wire as wire
from edge.runtimes.live_frames import Answer
from edge.runtimes.live_wire import Close
from edge.runtimes.local.direct import WriteNow

type Message = MutableMapping[str, Any]

MOST_REPLIES = 2 * wire.FRAMES_AT_ONCE
"""Frames of one socket with unsent replies; beyond, no further frame is read."""


class Respond(Protocol):
    """Answers a frame; `is_busy` is set if the socket has enough frames in work."""

    async def __call__(self, text: str, *, is_busy: bool) -> Answer:
        """Return the reply."""


class SocketGone(Exception):
    """The client has left."""


class Upgrade(Response):
    """The response that turns a connection into a WebSocket: the server accepts it with `protocol` and runs `serve`."""

    __slots__ = ("protocol", "serve")

    def __init__(self, serve: "Callable[[Socket], Awaitable[None]]", protocol: str | None) -> None:
        super().__init__(status=101)
        self.serve = serve
        self.protocol = protocol


class Socket:
    """An accepted WebSocket. `write_now` writes a frame at once, if the server can."""

    def __init__(
        self,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
        write_now: WriteNow | None = None,
    ) -> None:
        self._receive = receive
        self._send = send
        self.write_now = write_now

    async def receive(self) -> str | bytes:
        """Return the next frame; `SocketGone` once the client has left."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise SocketGone
        text = message.get("text")
        return text if text is not None else bytes(message["bytes"])

    async def send(self, text: str) -> None:
        """Send a frame; wait while the client does not accept earlier ones."""
        try:
            await self._send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError) as fault:  # the server's ways to say that nobody listens any more
            raise SocketGone from fault

    async def close(self, why: Close) -> None:
        """Close the socket; do nothing if it is closed."""
        with suppress(OSError, RuntimeError):
            await self._send({"type": "websocket.close", "code": int(why), "reason": why.reason})


async def serve(socket: Socket, batches: AsyncIterable[list[bytes | str]], respond: Respond) -> None:
    """Send batches and answer the client's frames, until either ends; a socket that breaks a rule is closed."""
    work: set[asyncio.Task[None]] = set()
    sending = asyncio.create_task(_send(socket, batches))
    reading = asyncio.create_task(_read(socket, respond, work))
    try:
        await asyncio.wait((sending, reading), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, reading, *work):
            task.cancel()
        faults = await asyncio.gather(sending, reading, *work, return_exceptions=True)
    for fault in faults:
        if isinstance(fault, Exception) and not isinstance(fault, SocketGone):
            raise fault


async def _send(socket: Socket, batches: AsyncIterable[list[bytes | str]]) -> None:
    async for batch in batches:
        for text in batch:
            await socket.send(str(text))


async def _read(socket: Socket, respond: Respond, work: set[asyncio.Task[None]]) -> None:
    pace = wire.Pace()
    clock = asyncio.get_running_loop().time
    while True:
        if len(work) >= MOST_REPLIES:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        frame = await socket.receive()
        if isinstance(frame, bytes):
            await socket.close(Close.NOT_TEXT)
            return
        if not pace.allows(clock()):
            await socket.close(Close.TOO_MANY)
            return
        if frame == wire.PING:
            await socket.send(wire.PONG)
            continue
        task = asyncio.create_task(_respond(socket, frame, respond, is_busy=len(work) >= wire.FRAMES_AT_ONCE))
        work.add(task)
        task.add_done_callback(work.discard)


async def _respond(socket: Socket, text: str, respond: Respond, *, is_busy: bool) -> None:
    reply = await respond(text, is_busy=is_busy)
    with suppress(SocketGone):
        await socket.send(reply.text)
        if reply.has_ended:
            await socket.close(Close.UNAUTHORIZED)
