"""The ASGI application: scope to request, response to messages, and the runtime's lifespan."""

import asyncio
import traceback
from collections.abc import AsyncIterable, Awaitable, Callable
from urllib.parse import quote_from_bytes

from edge.app import App
from edge.context import Ports
from edge.errors import GatewayTimeout, Problem
from edge.http import Response, close
from edge.ports import Log, PortError
from edge.request import Request
from edge.runtimes.local.bounds import Bounds
from edge.runtimes.local.compression import LEAST, compress
from edge.runtimes.local.direct import WRITE_NOW, DirectBody
from edge.runtimes.local.encoding import NO_BODY, encode
from edge.runtimes.local.incoming import Incoming, Message, Receive, Scope
from edge.runtimes.local.proxies import TrustedProxies, plain
from edge.runtimes.local.sockets import Socket, Upgrade

type Send = Callable[[Message], Awaitable[None]]

_PRINTABLE = bytes(range(0x21, 0x7F))


class Server:
    """Serves an app over ASGI.

    `ports` makes the ports of one request; `start` and `stop` run at both ends of the lifespan.
    """

    def __init__(
        self,
        app: App,
        ports: Callable[[], Ports],
        log: Log,
        start: Callable[[], Awaitable[object]],
        stop: Callable[[], Awaitable[object]],
    ) -> None:
        self._app = app
        self._ports = ports
        self._log = log
        self._start = start
        self._stop = stop
        self.bounds = Bounds()
        self.proxies: TrustedProxies | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._serve_other(scope, receive, send)
            return
        incoming = Incoming(scope["headers"], receive, self.bounds)
        request = self._request(scope["method"], scope, incoming)
        response = await self._answer(request, incoming)
        if isinstance(response.body, bytes) and not 0 < len(response.body) < LEAST:
            await compress(response, incoming.get("accept-encoding"))
        status = response.status
        body = response.body
        try:
            headers = encode(response, request.method)
        except ValueError as fault:
            await self._drop(response, request, str(fault))
            status = 500
            headers = [(b"content-length", b"0")]
            body = b""
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if not isinstance(body, bytes):
            if WRITE_NOW in scope and isinstance(body, DirectBody):
                body.write_with(scope[WRITE_NOW])
            await self._stream(body, request, receive, send)
            return
        if status in NO_BODY:
            body = b""
        if status >= 400 and incoming.is_unread():  # the connection may end with the response
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await incoming.discard()
            body = b""
        await send({"type": "http.response.body", "body": body})

    async def _serve_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    def _request(self, method: str, scope: Scope, incoming: Incoming) -> Request:
        try:
            path = scope["raw_path"].decode("ascii")
            query = scope["query_string"].decode("ascii")
        except UnicodeDecodeError:
            path = _target(scope["raw_path"])
            query = _target(scope["query_string"])
        if path[:1] not in {"/", "*"}:  # absolute form (RFC 9112, 3.2.2)
            path = "/" + path.partition("://")[2].partition("/")[2]
        peer = scope.get("client")
        client = peer[0] if peer else ""
        if self.proxies is not None:
            client = self.proxies.client(client, incoming)
        elif ":" in client:
            client = plain(client)
        return Request(method, path, query, incoming, incoming.read, self._ports(), client)

    async def _answer(self, request: Request, incoming: Incoming) -> Response:
        """Let the app answer within the time limit and the bounds; a stream frees its place at work once begun."""
        work = self.bounds.work
        incoming.task = task = work.begin(request)
        if task is None:
            return await self._refuse(request, work.full())
        try:
            return await self._app.fetch(request)
        except asyncio.CancelledError:
            if not work.end(task):
                raise
        finally:
            work.end(task)
        return await self._refuse(request, GatewayTimeout(f"not done in {work.limit} s"))

    async def _refuse(self, request: Request, problem: Problem) -> Response:
        request.refusal = problem
        return await self._app.fetch(request)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app decide: it accepts with an `Upgrade`; any other response refuses the handshake, sent whole.

        A stream cannot refuse one: a server would have to collect it, and it may have no end.
        """
        await receive()
        incoming = Incoming(scope["headers"], receive, self.bounds)
        request = self._request("GET", scope, incoming)
        response = await self._answer(request, incoming)
        try:
            headers = encode(response, request.method)
        except ValueError as fault:
            await self._drop(response, request, str(fault))
            response = Response(status=500)
            headers = []
        if isinstance(response, Upgrade):
            await send({"type": "websocket.accept", "subprotocol": response.protocol, "headers": headers})
            await response.serve(Socket(receive, send, scope.get(WRITE_NOW)))
            return
        if not isinstance(response.body, bytes):
            await self._drop(response, request, "a stream cannot answer a handshake")
            response = Response(status=500)
            headers = []
        await send({"type": "websocket.http.response.start", "status": response.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": response.body})

    async def _drop(self, response: Response, request: Request, reason: str) -> None:
        """Discard a response that cannot be sent."""
        self._log("error", "response refused", request_id=request.id, route=request.route, error=reason)
        await close(response.body)

    async def _stream(self, body: AsyncIterable[bytes], request: Request, receive: Receive, send: Send) -> None:
        """Send the parts as they come; close their source when the client leaves."""
        sending = asyncio.create_task(_send_parts(body, send))
        leaving = asyncio.create_task(_disconnect(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the server stops, and its grace period is over
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
    return quote_from_bytes(part, _PRINTABLE)


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
