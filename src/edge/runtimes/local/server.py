"""The server: a socket of our own, uvicorn with bounds, and a shutdown that lets running requests end."""

import asyncio
import errno
import os
import resource
import signal
import socket
from pathlib import Path
from typing import NamedTuple, Self

import uvicorn

from edge.ports import PortError
from edge.runtimes.live_wire import FRAME_LIMIT
from edge.runtimes.local import reload
from edge.runtimes.local.asgi import Server
from edge.runtimes.local.bounds import MOST_CONNECTIONS, Bounds
from edge.runtimes.local.connections import HEAD_LIMIT, BoundedHttp, BoundedWebSocket
from edge.runtimes.local.runtime import GRACE, LocalRuntime

RELOAD_GRACE = 2.0
"""Seconds that requests have to end before a reload: a live stream would delay each of them."""
RESERVE = 1000
"""File descriptors beside the connections: for databases, logs, outbound calls, and connections to be refused."""
LEAST_RESERVE = 96
QUEUE = 1024
"""Connections that the system accepts while the server is busy."""
INHERITED = "EDGE_SOCKET"
"""The variable that tells a restarted process the number of its open socket."""


def listen(host: str, port: int) -> socket.socket:
    """Return the listening socket: the one of the process before a reload, or a new one."""
    inherited = os.environ.pop(INHERITED, "")
    if inherited:
        return socket.socket(fileno=int(inherited))
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as fault:
        if isinstance(fault, OSError) and fault.errno == errno.EADDRINUSE:
            raise PortError(f"port {port} is in use; try PORT={port + 1}") from None
        raise PortError(f"cannot listen on {host} port {port}: {getattr(fault, 'strerror', None) or fault}") from None
    # Inherited by each connection; asyncio sets it only if the socket names its protocol; else answers take 40 ms more.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


async def run(runtime: LocalRuntime, listening: socket.socket, watched: Path | None) -> bool:
    """Serve until a signal or an edit below `watched`, stop in an orderly way, and return whether it was an edit."""
    host, port = listening.getsockname()[:2]
    room = Room.of(_raise_file_limit())

    async def start() -> None:
        await runtime.start()
        url_host = f"[{host}]" if ":" in host else host
        print(f"{runtime.app.name} at http://{url_host}:{port}, state in {runtime.state}", flush=True)

    app = Server(runtime.app, runtime.ports, runtime.log, start, runtime.stop)
    app.bounds = Bounds(room.connections, room.turned_away)
    app.proxies = runtime.proxies
    server = _Server(_config(app, RELOAD_GRACE if watched else GRACE, room), runtime)
    for signal_number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # uvicorn raises its signal again at the end: that is no failure
        signal.signal(signal_number, lambda *_: None)
    serving = asyncio.create_task(server.serve(sockets=[listening.dup()]))
    edited = asyncio.create_task(reload.wait_for_edit(watched)) if watched else None
    await asyncio.wait((serving, edited) if edited else (serving,), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    if edited is not None and not edited.done():
        edited.cancel()
        await asyncio.wait((edited,))
    return edited is not None and not edited.cancelled()


class Room(NamedTuple):
    """The uses of the file descriptors: connections, refused connections, and connections accepted at a time.

    That last number is bounded, as a connection has its descriptor some rounds of the event loop before it is refused.
    """

    connections: int
    turned_away: int
    accepted: int

    @classmethod
    def of(cls, descriptors: int) -> Self:
        """Return how many connections a process with so many descriptors may have."""
        reserve = min(RESERVE, max(LEAST_RESERVE, descriptors // 4))
        connections = max(16, min(MOST_CONNECTIONS, descriptors - reserve))
        return cls(connections, reserve // 8, reserve // 16)


class _Server(uvicorn.Server):
    """A server that ends its live streams before it waits for its connections."""

    def __init__(self, config: uvicorn.Config, runtime: LocalRuntime) -> None:
        super().__init__(config)
        self._runtime = runtime

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(QUEUE)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for events in self._runtime.events:
            await events.end()
        await super().shutdown(sockets)


def _raise_file_limit() -> int:
    """Raise the file limit to the number of connections, as far as the system allows; return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = MOST_CONNECTIONS + RESERVE
    if 0 <= soft < needed:
        soft = needed if hard < 0 else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return needed if soft < 0 else soft


def _config(app: Server, grace: float, room: Room) -> uvicorn.Config:
    """Return uvicorn's settings.

    h11 bounds the size of a request's head. The chosen WebSockets wait for a client that does not accept data.
    Compressing each message would cost too much with 5,000 sockets.
    """
    return uvicorn.Config(
        app,
        http=BoundedHttp,
        ws=BoundedWebSocket,
        ws_max_size=FRAME_LIMIT,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # those of TRUSTED_PROXIES are read by the application
        backlog=room.accepted,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=int(grace),
        h11_max_incomplete_event_size=HEAD_LIMIT,
    )
