"""The server of every simulator: an application on a thread of its own, and the command that runs one as a process."""

import argparse
import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self

import uvicorn
from aiohttp import web
from starlette.types import ASGIApp

HOST = "127.0.0.1"


def arguments(prog: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the options of every simulator's command."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin ends")
    return parser


def serve(options: argparse.Namespace, sim: "StandIn", about: Callable[[], object]) -> None:
    """Serve, and print the stand-in's description as a line of JSON, until stdin ends or an interrupt comes."""
    with sim:
        announce(options, about())


def announce(options: argparse.Namespace, about: object) -> None:
    """Print a line of JSON; return at an interrupt or, with `--until-eof`, when stdin ends."""
    print(json.dumps(about), flush=True)
    try:
        if not options.until_eof:
            threading.Event().wait()
        while os.read(sys.stdin.fileno(), 4_096):
            pass
    except KeyboardInterrupt:
        pass


def listen(port: int = 0) -> socket.socket:
    """Return a socket that listens on this machine alone; port 0 takes a free one."""
    return socket.create_server((HOST, port))


class Engine(Protocol):
    """A server of one kind of applications."""

    async def start(self, bound: socket.socket) -> None:
        """Serve on a socket."""

    async def stop(self) -> None:
        """Serve no more; running requests have a second."""


class AiohttpEngine:
    """Serves an application of aiohttp's."""

    def __init__(self, application: web.Application, options: dict[str, Any]) -> None:
        self._runner = web.AppRunner(application, shutdown_timeout=1, **options)

    async def start(self, bound: socket.socket) -> None:
        """Serve on a socket."""
        await self._runner.setup()
        await web.SockSite(self._runner, bound).start()

    async def stop(self) -> None:
        """Close all connections."""
        await self._runner.cleanup()


class AsgiEngine:
    """Serves an ASGI application by uvicorn, so that the application's faults reach the wire."""

    def __init__(self, application: ASGIApp, options: dict[str, Any]) -> None:
        quiet: dict[str, Any] = {"log_level": "critical", "access_log": False, "lifespan": "off", "ws": "none"}
        settings = quiet | {"timeout_graceful_shutdown": 1} | options
        self._server = uvicorn.Server(uvicorn.Config(application, **settings))
        self._serving: asyncio.Task[None] | None = None

    async def start(self, bound: socket.socket) -> None:
        """Serve on a socket."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[bound]))
        while not self._server.started:
            if self._serving.done():
                raise RuntimeError("the server did not start")
            await asyncio.sleep(0.002)

    async def stop(self) -> None:
        """Close all connections."""
        assert self._serving is not None
        self._server.should_exit = True
        await self._serving


class StandIn:
    """A context manager for an application that answers at `url`, on `port`, or with 0 on a free one."""

    options: ClassVar[dict[str, Any]] = {}
    """Options of the server: of aiohttp's runner, or of uvicorn."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._engine: Engine | None = None

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://{HOST}:{self.port}"

    def application(self) -> web.Application | ASGIApp:
        """Return the application that answers."""
        raise NotImplementedError

    async def closing(self) -> None:
        """Called before the end, on the thread of the server."""

    def run[T](self, work: Coroutine[Any, Any, T], timeout: float = 60.0) -> T:
        """Run something on the thread of the server and return its result."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def soon(self, function: Any, *arguments: Any) -> None:
        """Call a function on the server's thread, if it runs."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(function, *arguments)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.run(self._start())
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._loop = None

    async def _start(self) -> None:
        application = self.application()
        bound = listen(self.port)
        is_aiohttp = isinstance(application, web.Application)
        self._engine = (AiohttpEngine if is_aiohttp else AsgiEngine)(application, self.options)  # type: ignore[arg-type]
        await self._engine.start(bound)
        self.port = int(bound.getsockname()[1])

    async def _stop(self) -> None:
        assert self._engine is not None
        await self.closing()
        await self._engine.stop()
