"""What the stand-ins share: a server on a thread of its own for as long as it is entered, and a command to run it."""

import argparse
import asyncio
import os
import sys
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, ClassVar, Self

from aiohttp import web

HOST = "127.0.0.1"


def arguments(prog: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser of what every stand-in's command takes."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin ends")
    return parser


def wait(given: argparse.Namespace) -> None:
    """Return when stdin ends, where that was asked for; else only an interrupt ends it."""
    if not given.until_eof:
        threading.Event().wait()
    while os.read(sys.stdin.fileno(), 4_096):
        pass


class StandIn:
    """`with` it, its application answers at `url`; `port` is the one given, or with 0 a free one."""

    options: ClassVar[dict[str, Any]] = {}
    """Of aiohttp's runner."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    def application(self) -> web.Application:
        """Return what answers."""
        raise NotImplementedError

    async def closing(self) -> None:
        """Called before the end, on the thread of the server."""

    def run[T](self, work: Coroutine[Any, Any, T], timeout: float = 60.0) -> T:
        """Run something on the thread of the server and return its result."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def soon(self, function: Any, *arguments: Any) -> None:
        """Call something on the thread of the server, where one runs."""
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
        self._runner = web.AppRunner(self.application(), shutdown_timeout=1, **self.options)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port).start()
        self.port = int(self._runner.addresses[0][1])

    async def _stop(self) -> None:
        assert self._runner is not None
        await self.closing()
        await self._runner.cleanup()
