"""An app behind the local server's protocols in this process, with bounds that a test can reach."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn

from edge.access import PUBLIC, READER, Actor
from edge.app import App
from edge.auth.keys import presented_key
from edge.context import Ports
from edge.endpoint import Handler
from edge.http import Response
from edge.middleware.cors import cors
from edge.ports import Log
from edge.request import Request
from edge.routes import Routes
from edge.runtimes.live_wire import Close
from edge.runtimes.local.asgi import Server
from edge.runtimes.local.bounds import Bounds
from edge.runtimes.local.connections import HEAD_LIMIT, BoundedHttp, BoundedWebSocket
from edge.runtimes.local.direct import text_frame
from edge.runtimes.local.log import LocalLog
from edge.runtimes.local.proxies import TrustedProxies
from edge.runtimes.local.sockets import Socket, SocketGone, Upgrade
from edge.settings import Settings

UPGRADE = (
    b"host: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
HERE = "127.0.0.1"
OTHER = "127.0.0.2"
LARGE = 12 * 1024 * 1024


class Hasty(BoundedHttp):
    """Waits for parts of a second."""

    head_patience = 0.6
    body_patience = 0.6
    write_patience = 0.4


class HastySocket(BoundedWebSocket):
    """The same, of a WebSocket."""

    write_patience = 0.4


class Serving:
    """A running server: its address, and its counters."""

    def __init__(self, listening: socket.socket, server: Server, streams: "list[str]") -> None:
        address = listening.getsockname()
        self.port = address[1] if isinstance(address, tuple) else 0
        self.path = address if isinstance(address, str) else ""
        self.bounds = server.bounds
        self.streams = streams
        self._lines: list[Line] = []

    async def open_local(self, data: bytes) -> "Line":
        """Connect to a server on a Unix socket and send bytes."""
        reader, writer = await asyncio.open_unix_connection(self.path)
        writer.write(data)
        self._lines.append(Line(reader, writer))
        return self._lines[-1]

    async def open(self, data: bytes = b"", source: str = HERE, receive_buffer: int = 0) -> "Line":
        """Connect from an address and send bytes."""
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.bind((source, 0))
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, (HERE, self.port))
        reader, writer = await asyncio.open_connection(sock=client, limit=max(receive_buffer, 1 << 16))
        writer.write(data)
        self._lines.append(Line(reader, writer))
        return self._lines[-1]

    def close(self) -> None:
        """Close all connections that are open."""
        for line in self._lines:
            line.writer.transport.abort()

    async def ask(self, data: bytes, source: str = HERE) -> "Reply":
        """Send bytes on a connection of their own, and return the response."""
        return await (await self.open(data, source)).reply()

    async def all(self, data: bytes, source: str = HERE) -> "Reply":
        """Send bytes on a connection of their own, and return all that comes until the server closes it."""
        return await (await self.open(data, source)).all()


class Line:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> "Reply":
        """Return one response, of the length that it announces; an empty one if the connection was cut."""
        try:
            async with asyncio.timeout(5):
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head.lower())
                return Reply(head + await self.reader.readexactly(int(length[1]) if length else 0))
        except (ConnectionResetError, asyncio.IncompleteReadError):
            return Reply(b"")

    async def all(self) -> "Reply":
        """Return all that comes until the server closes the connection, within seconds."""
        async with asyncio.timeout(8):
            return Reply(await self.reader.read())

    async def until(self, sign: bytes) -> bytes:
        """Return the bytes up to a sign."""
        async with asyncio.timeout(5):
            return await self.reader.readuntil(sign)


class Reply:
    """Responses of a server: `statuses` of all responses, and of the first the head and body."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.head, _, self.body = data.partition(b"\r\n\r\n")
        self.head = self.head.lower()

    @property
    def status(self) -> int:
        """The first response's status; 0 without one."""
        return int(self.head.split(b" ", 2)[1]) if self.head else 0

    @property
    def count(self) -> int:
        """How many responses came."""
        return self.data.count(b"HTTP/1.1 ")

    def problem(self) -> Any:
        """Return the first response's problem."""
        assert b"content-type: application/problem+json" in self.head, self.data[:300]
        document = json.loads(self.body)
        assert document["status"] == self.status
        return document


def post(size: int, *headers: bytes, path: bytes = b"/size") -> bytes:
    """Return the head of a POST that announces a body, after which the connection ends."""
    lines = [b"POST %s HTTP/1.1" % path, b"host: a", b"connection: close", b"content-length: %d" % size, *headers]
    return b"\r\n".join([*lines, b"", b""])


def get(path: bytes = b"/") -> bytes:
    """Return a GET, after which the connection ends."""
    return b"GET %s HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" % path


async def by_key(request: Request) -> Actor:
    """Know everybody by the name that is their key."""
    return Actor(presented_key(request), READER)


def app_of(streams: list[str]) -> App:
    """Return the app; it records the events of its streams in `streams`."""

    async def stream() -> Response:
        return Response(_endless(streams))

    routes = Routes(tag="t", access=PUBLIC)
    handlers: dict[str, Handler] = {"/": root, "/slow": slow, "/client": client, "/large": large, "/ws": open_socket}
    handlers["/direct"] = open_direct
    for path, handler in handlers.items():
        routes.get(path)(handler)
    routes.get("/stream")(stream)
    routes.post("/size")(size)
    routes.post("/known", access=READER)(size)
    return App("t", version="1", settings=Settings, resources=[routes], authenticate=by_key, middleware=[cors])


async def root() -> str:
    """Answer."""
    return "here"


async def slow() -> str:
    """Answer late."""
    await asyncio.sleep(0.5)
    return "slow"


async def size(request: Request) -> int:
    """Count the bytes of the body."""
    return len(await request.body())


async def client(request: Request) -> str:
    """Return the request's address."""
    return request.client


async def large() -> Response:
    """Send much at once."""
    return Response(bytes(LARGE))


async def open_socket(request: Request) -> Response:
    """Open a socket that echoes each frame, with its client's address."""

    async def serve(socket: Socket) -> None:
        with suppress(SocketGone):
            while True:
                await socket.send(f"{await socket.receive()!s} {request.client}")

    return Upgrade(serve, None)


async def open_direct() -> Response:
    """Open a socket that writes frames past its task: before and after its close frame."""

    async def serve(socket: Socket) -> None:
        assert socket.write_now is not None
        await socket.receive()
        before = socket.write_now(text_frame("before"))
        await socket.close(Close.TOO_MANY)
        written.append((before, socket.write_now(text_frame("after"))))

    return Upgrade(serve, None)


written: list[tuple[bool, bool]] = []
"""Whether frames were written past a socket's task, before and after its close frame."""


async def _endless(streams: list[str]) -> AsyncGenerator[bytes]:
    try:
        streams.append("begun")
        while True:
            yield b"part\n"
            await asyncio.sleep(0.01)
    finally:
        streams.append("closed")


@asynccontextmanager
async def serving(
    bounds: Bounds | None = None,
    proxies: TrustedProxies | None = None,
    http: type[BoundedHttp] = Hasty,
    path: str = "",
) -> AsyncIterator[Serving]:
    """Run the server on a port, or a Unix socket at a path; at its end, check that its counters are zero."""
    streams: list[str] = []
    ports = Ports(Settings({}), {Log: LocalLog("error", len)})

    async def nothing() -> None: ...

    app = Server(app_of(streams), lambda: ports, LocalLog("error", len), nothing, nothing)
    app.bounds = bounds or Bounds()
    app.proxies = proxies
    config = uvicorn.Config(
        app,
        http=http,
        ws=HastySocket,
        lifespan="off",
        timeout_keep_alive=1,
        log_config=None,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEAD_LIMIT,
        log_level="critical",
    )
    server = uvicorn.Server(config)
    with at(path) as listening:
        running = asyncio.create_task(server.serve(sockets=[listening]))
        await until(lambda: server.started)
        served = Serving(listening, app, streams)
        try:
            yield served
            served.close()
            await until(lambda: total_in_use(app.bounds) == 0)
        finally:
            served.close()
            server.should_exit = True
            server.force_exit = True
            await running


def at(path: str) -> socket.socket:
    """Return a listening socket."""
    if not path:
        return socket.create_server((HERE, 0), backlog=1024)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    return listening


def total_in_use(bounds: Bounds) -> int:
    """Return how much is taken of all budgets together."""
    budgets = (
        "connections",
        "turned_away",
        "work",
        "bodies",
        "bodies_of_keys",
        "received",
        "received_of_keys",
        "unsent",
    )
    return sum(getattr(bounds, name).used for name in budgets)


async def until(condition: Any, patience: float = 5.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - what is awaited is told by values
            await asyncio.sleep(0.01)
