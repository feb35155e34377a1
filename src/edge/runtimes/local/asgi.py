"""The ASGI application: scope to request, response to messages, and the lifespan of the runtime behind it."""

import asyncio
import traceback
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote_from_bytes

from edge.app import App
from edge.errors import BadRequest, GatewayTimeout, Overloaded, PayloadTooLarge
from edge.http import Request, Response
from edge.ports import Log, PortError, Ports
from edge.runtimes.local.sockets import Socket, Upgrade

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Pairs = list[tuple[bytes, bytes]]

_NO_BODY = frozenset({204, 304})
_PRINTABLE = bytes(range(0x21, 0x7F))


MOST_AT_WORK = 256
"""Requests that are answered at once; beyond, the answer is 503 at once, so that none waits in memory."""
TIME_LIMIT = 300
"""Seconds that an answer may take to begin."""


LET_PASS, LET_PASS_S = 8 * 1024 * 1024, 5.0
"""Bytes, and seconds, of a body that nobody wants, before its connection is closed."""


class BodyCutOff(BadRequest):
    """The body broke off."""

    title = "The body broke off"


class ScopeHeaders:
    """Request headers over ASGI's own list."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._pairs = pairs

    def get(self, name: str) -> str | None:
        """Return the header's values, joined by commas, or None."""
        wanted = name.encode("latin-1")
        found = [value for key, value in self._pairs if key == wanted]
        return b", ".join(found).decode(errors="replace") if found else None


class Incoming:
    """A request's body as it comes: read once, or let pass."""

    __slots__ = ("_is_over", "_receive")

    def __init__(self, receive: Receive) -> None:
        self._receive, self._is_over = receive, False

    async def read(self, limit: int) -> bytes:
        """Return the whole body; `PayloadTooLarge` beyond `limit` bytes, `BodyCutOff` where it breaks off."""
        parts, size = [], 0
        while not self._is_over:
            parts.append(await self._next())
            size += len(parts[-1])
            if size > limit:
                raise PayloadTooLarge(limit)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def let_pass(self) -> None:
        """Take what is still on its way, so much of it: who is cut off while sending does not see the answer."""
        size = 0
        with suppress(TimeoutError, BodyCutOff):
            async with asyncio.timeout(LET_PASS_S):
                while not self._is_over and size < LET_PASS:
                    size += len(await self._next())

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._is_over = True
            raise BodyCutOff
        self._is_over = not message.get("more_body", False)
        part: bytes = message.get("body", b"")
        return part


class Server:
    """Serves an app over ASGI. `ports` makes the ports of one request; `start` and `stop` frame the whole."""

    def __init__(
        self,
        app: App,
        ports: Callable[[], Ports],
        log: Log,
        start: Callable[[], Awaitable[object]],
        stop: Callable[[], Awaitable[object]],
    ) -> None:
        self._app, self._ports, self._log = app, ports, log
        self._start, self._stop = start, stop
        self._at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one ASGI connection."""
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)

    def _request(self, method: str, scope: Scope, receive: "Incoming") -> Request:
        path, client = _target(scope["raw_path"]), scope.get("client")
        if path[:1] not in {"/", "*"}:  # absolute form (RFC 9112, 3.2.2)
            path = "/" + path.partition("://")[2].partition("/")[2]
        return Request(
            method,
            path,
            _target(scope["query_string"]),
            ScopeHeaders(scope["headers"]),
            receive.read,
            self._ports(),
            client[0] if client else "",
        )

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = Incoming(receive)
        request = self._request(scope["method"], scope, incoming)
        response = await self._answer(request)
        body = response.body
        if response.status >= 400:
            await incoming.let_pass()
        try:
            headers = _encode(response, request.method)
        except ValueError as fault:
            self._log("error", "response refused", request_id=request.id, route=request.route, error=str(fault))
            await _send_whole(send, 500, [(b"content-length", b"0")], b"")
            return
        if isinstance(body, bytes):
            await _send_whole(send, response.status, headers, b"" if response.status in _NO_BODY else body)
            return
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await self._stream(body, request, receive, send)

    async def _answer(self, request: Request) -> Response:
        """Let the app answer, in time and while there is room; a stream is no more at work once it has begun."""
        if self._at_work >= MOST_AT_WORK:
            request.refusal = Overloaded(f"{MOST_AT_WORK} requests are at work")
            return await self._app.fetch(request)
        self._at_work += 1
        try:
            async with asyncio.timeout(TIME_LIMIT):
                return await self._app.fetch(request)
        except TimeoutError:
            request.refusal = GatewayTimeout(f"not done in {TIME_LIMIT} s")
            return await self._app.fetch(request)
        finally:
            self._at_work -= 1

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app decide: it accepts with an `Upgrade`; any other response is the handshake's answer."""
        await receive()
        request = self._request("GET", scope, Incoming(receive))
        response = await self._answer(request)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        if isinstance(response, Upgrade):
            await send({"type": "websocket.accept", "subprotocol": response.protocol, "headers": headers})
            await response.serve(Socket(receive, send))
            return
        body = response.body if isinstance(response.body, bytes) else b"".join([part async for part in response.body])
        await send({"type": "websocket.http.response.start", "status": response.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})

    async def _stream(self, body: AsyncIterable[bytes], request: Request, receive: Receive, send: Send) -> None:
        """Send the parts as they come; close their source when the client leaves."""
        sending = asyncio.create_task(_send_parts(body, send))
        leaving = asyncio.create_task(_disconnect(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the server stops, and its patience is over
            self._log("warning", "stream cut off", request_id=request.id, route=request.route)
        finally:
            leaving.cancel()
            sending.cancel()
            _, faults = await asyncio.gather(leaving, sending, return_exceptions=True)
        if isinstance(faults, Exception):
            # The server sees a response without an end and closes the connection, so the client sees it too.
            error = "".join(traceback.format_exception(faults))
            self._log("error", "stream failed", request_id=request.id, route=request.route, error=error)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._start()
        except PortError as fault:
            await send({"type": "lifespan.startup.failed", "message": str(fault)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})


def _target(part: bytes) -> str:
    """Return a part of a request's target; UTF-8 that a client sent unencoded is encoded as a browser would."""
    return part.decode() if part.isascii() else quote_from_bytes(part, _PRINTABLE)


def _encode(response: Response, method: str) -> Pairs:
    """Return the headers as bytes; ValueError where one could not be sent as it is."""
    pairs = response.headers
    text = "".join([part for pair in pairs for part in pair])
    if "\n" in text or "\r" in text or "\0" in text:
        raise ValueError("a header holds a line break or NUL")
    headers = [(name.encode("latin-1"), value.encode()) for name, value in pairs]
    if response.status in _NO_BODY:
        return [pair for pair in headers if pair[0] != b"content-length"]
    if method != "HEAD" and isinstance(response.body, bytes) and all(name != b"content-length" for name, _ in headers):
        headers.append((b"content-length", b"%d" % len(response.body)))
    return headers


async def _send_whole(send: Send, status: int, headers: Pairs, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_parts(body: AsyncIterable[bytes], send: Send) -> None:
    try:
        async for part in body:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
