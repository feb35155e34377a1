"""WebSockets on ASGI: the response that accepts one, the socket itself, and the frames that go both ways."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from edge.errors import Problem
from edge.http import Response
from edge.runtimes import live_wire as wire
from edge.runtimes.live_wire import Close

type Message = MutableMapping[str, Any]
type Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class SocketGone(Exception):
    """The client has left."""


class Upgrade(Response):
    """The response that turns a connection into a WebSocket: the server accepts it with `protocol` and runs `serve`."""

    __slots__ = ("protocol", "serve")

    def __init__(self, serve: "Callable[[Socket], Awaitable[None]]", protocol: str | None) -> None:
        super().__init__(status=101)
        self.serve, self.protocol = serve, protocol


class Socket:
    """An accepted WebSocket."""

    def __init__(self, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
        self._receive, self._send = receive, send

    async def receive(self) -> str | bytes:
        """Return the next frame; `SocketGone` once the client has left."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise SocketGone
        text = message.get("text")
        return text if text is not None else bytes(message["bytes"])

    async def send(self, text: str) -> None:
        """Send a frame; it waits while the client does not take what was sent before."""
        try:
            await self._send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError) as fault:  # the server's ways to say that nobody listens any more
            raise SocketGone from fault

    async def close(self, why: Close) -> None:
        """Close the socket; nothing happens where it is closed."""
        with suppress(OSError, RuntimeError):
            await self._send({"type": "websocket.close", "code": int(why), "reason": why.reason})


async def serve(socket: Socket, batches: AsyncIterable[list[bytes | str]], answer: Answer, request_id: str) -> None:
    """Send what comes and answer the client's frames, until either ends; a socket that broke a rule is closed."""
    work: set[asyncio.Task[None]] = set()
    sending = asyncio.create_task(_send(socket, batches))
    reading = asyncio.create_task(_read(socket, answer, request_id, work))
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


async def _read(socket: Socket, answer: Answer, request_id: str, work: set[asyncio.Task[None]]) -> None:
    pace, clock = wire.Pace(), asyncio.get_running_loop().time
    while True:
        frame = await socket.receive()
        if isinstance(frame, bytes):
            await socket.close(Close.NOT_TEXT)
            return
        if frame == wire.PING:
            await socket.send(wire.PONG)
            continue
        if not pace.allows(clock()):
            await socket.close(Close.TOO_MANY)
            return
        task = asyncio.create_task(_answer(socket, frame, answer, request_id, is_busy=len(work) >= wire.FRAMES_AT_ONCE))
        work.add(task)
        task.add_done_callback(work.discard)


async def _answer(socket: Socket, text: str, answer: Answer, request_id: str, *, is_busy: bool) -> None:
    frame: dict[str, Any] | None = None
    try:
        frame = wire.parse(text)
        if is_busy:
            raise wire.TooManyFrames
        outcome = {} if frame["type"] == "ping" else await answer(frame)
    except Problem as problem:
        outcome = wire.refusal(problem, request_id)
    with suppress(SocketGone):
        await socket.send(wire.reply(frame, outcome) if outcome else wire.PONG)
