"""The well-kept server: a socket of our own, uvicorn with bounds, and an end that lets what runs finish."""

import asyncio
import errno
import os
import resource
import signal
import socket
from pathlib import Path

import uvicorn

from edge.ports import PortError
from edge.runtimes.live_wire import FRAME_LIMIT
from edge.runtimes.local import reload
from edge.runtimes.local.asgi import Server
from edge.runtimes.local.connections import HEAD_LIMIT, PatientHttp, PatientWebSocket
from edge.runtimes.local.runtime import GRACE, LocalRuntime

RELOAD_GRACE = 2.0
"""Seconds that requests have to end where edits are watched: a live stream would hold up each of them."""
MOST_CONNECTIONS = 6000
"""Connections that are served at once, live streams among them; beyond, the answer is 503."""
INHERITED = "EDGE_SOCKET"
"""The variable that tells a process which begins again the number of its open socket."""


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
    # Inherited by each connection; asyncio sets it only where the socket names its protocol, and 40 ms go without it.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


async def run(runtime: LocalRuntime, listening: socket.socket, watched: Path | None) -> bool:
    """Serve until a signal or an edit below `watched`, stop in good order, and return whether it was an edit."""
    host, port = listening.getsockname()[:2]
    _raise_file_limit()

    async def start() -> None:
        await runtime.start()
        shown = f"[{host}]" if ":" in host else host
        print(f"{runtime.app.name} at http://{shown}:{port}, state in {runtime.state}", flush=True)

    app = Server(runtime.app, runtime.ports, runtime.log, start, runtime.stop)
    server = _Server(_config(app, RELOAD_GRACE if watched else GRACE), runtime)
    for one in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises its signal again at the end: that is no failure
        signal.signal(one, lambda *_: None)
    serving = asyncio.create_task(server.serve(sockets=[listening.dup()]))
    edited = asyncio.create_task(reload.edited(watched)) if watched else None
    await asyncio.wait((serving, edited) if edited else (serving,), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    if edited is not None and not edited.done():
        edited.cancel()
        await asyncio.wait((edited,))
    return edited is not None and not edited.cancelled()


class _Server(uvicorn.Server):
    """A server whose live streams end before it waits for its connections."""

    def __init__(self, config: uvicorn.Config, runtime: LocalRuntime) -> None:
        super().__init__(config)
        self._runtime = runtime

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for events in self._runtime.events:
            await events.end()
        await super().shutdown(sockets)


def _raise_file_limit() -> None:
    """Let the process hold as many connections as it serves, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + 500
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted if hard < 0 else min(hard, wanted)), hard))


def _config(app: Server, grace: float) -> uvicorn.Config:
    """Return uvicorn's settings: h11 because it bounds the size of a request's head, and the WebSockets that wait
    for a client which does not take what it is sent; compressing each message would cost 5,000 sockets dearly.
    """
    return uvicorn.Config(
        app,
        http=PatientHttp,
        ws=PatientWebSocket,
        ws_max_size=FRAME_LIMIT,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS * 2,  # it counts connections and requests together
        timeout_keep_alive=15,
        timeout_graceful_shutdown=int(grace),
        h11_max_incomplete_event_size=HEAD_LIMIT,
    )
