"""The ASGI application: scope to request, response to messages, and the lifespan of the runtime behind it."""

import asyncio
import traceback
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from urllib.parse import quote_from_bytes

from edge.app import App
from edge.auth.limits import network
from edge.context import Ports
from edge.errors import GatewayTimeout, Problem
from edge.http import Response, close
from edge.ports import Log, PortError
from edge.request import Request
from edge.runtimes.local.bounds import Bounds
from edge.runtimes.local.compression import compress, may_compress
from edge.runtimes.local.incoming import Incoming, Message, Receive, Scope
from edge.runtimes.local.proxies import TrustedProxies, plain
from edge.runtimes.local.sockets import Socket, Upgrade

type Send = Callable[[Message], Awaitable[None]]
type Pairs = list[tuple[bytes, bytes]]

_NO_BODY = frozenset({101, 204, 304})
_PRINTABLE = bytes(range(0x21, 0x7F))


TIME_LIMIT = 300
"""Seconds that an answer may take to begin."""


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
        self.bounds = Bounds()
        self.proxies: TrustedProxies | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one ASGI connection."""
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)

    def _request(self, method: str, scope: Scope, incoming: Incoming) -> Request:
        path, peer = _target(scope["raw_path"]), scope.get("client")
        if path[:1] not in {"/", "*"}:  # absolute form (RFC 9112, 3.2.2)
            path = "/" + path.partition("://")[2].partition("/")[2]
        headers = ScopeHeaders(scope["headers"])
        client = peer[0] if peer else ""
        if self.proxies is not None:
            client = self.proxies.client(client, headers)
        elif ":" in client:
            client = plain(client)
        return Request(method, path, _target(scope["query_string"]), headers, incoming.read, self._ports(), client)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = Incoming(receive, self.bounds)
        request = self._request(scope["method"], scope, incoming)
        response = await self._answer(request, incoming)
        if isinstance(response.body, bytes) and may_compress(response):
            await compress(response, request.headers.get("accept-encoding"))
        body = response.body
        try:
            headers = _encode(response, request.method)
        except ValueError as fault:
            await self._drop(response, request, str(fault))
            await _send_whole(send, 500, [(b"content-length", b"0")], b"")
            return
        if isinstance(body, bytes):
            rest = incoming.let_pass if response.status >= 400 and incoming.is_unread(scope) else None
            await _send_whole(send, response.status, headers, b"" if response.status in _NO_BODY else body, rest)
            return
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await self._stream(body, request, receive, send)

    async def _answer(self, request: Request, incoming: Incoming) -> Response:
        """Let the app answer, in time and while there is room; a stream is no more at work once it has begun."""
        address, work = network(request.client), self.bounds.work
        if not work.take(address):
            return await self._refuse(request, self.bounds.full())
        incoming.is_at_work = True
        incoming.request = request
        try:
            async with asyncio.timeout(TIME_LIMIT):
                return await self._app.fetch(request)
        except TimeoutError:
            return await self._refuse(request, GatewayTimeout(f"not done in {TIME_LIMIT} s"))
        finally:
            incoming.request = None  # it refers to what reads its body, which is this
            if incoming.is_at_work:
                incoming.is_at_work = False
                work.give_back(address)

    async def _refuse(self, request: Request, problem: Problem) -> Response:
        request.refusal = problem
        return await self._app.fetch(request)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app decide: it accepts with an `Upgrade`; any other response is the handshake's answer, as a whole.

        No stream is one: a server would have to collect it, and it may have no end.
        """
        await receive()
        incoming = Incoming(receive, self.bounds)
        request = self._request("GET", scope, incoming)
        response = await self._answer(request, incoming)
        try:
            headers = _encode(response, request.method)
        except ValueError as fault:
            await self._drop(response, request, str(fault))
            response, headers = Response(status=500), []
        if isinstance(response, Upgrade):
            await send({"type": "websocket.accept", "subprotocol": response.protocol, "headers": headers})
            await response.serve(Socket(receive, send))
            return
        if not isinstance(response.body, bytes):
            await self._drop(response, request, "a stream answers no handshake")
            response, headers = Response(status=500), []
        await send({"type": "websocket.http.response.start", "status": response.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": response.body})

    async def _drop(self, response: Response, request: Request, reason: str) -> None:
        """Give up a response that cannot be sent."""
        self._log("error", "response refused", request_id=request.id, route=request.route, error=reason)
        await close(response.body)

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


async def _send_whole(
    send: Send, status: int, headers: Pairs, body: bytes, rest: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Send a response at once; it ends, and with it maybe the connection, when the `rest` of its request has come."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if rest is not None:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await rest()
        body = b""
    await send({"type": "http.response.body", "body": body})


async def _send_parts(body: AsyncIterable[bytes], send: Send) -> None:
    try:
        async for part in body:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        await close(body)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
