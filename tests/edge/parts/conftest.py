"""The base of the parts: real ports in a folder of the test's own, a clock to be set, and a server that breaks."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.edge.conftest import NOON

from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.fetch import LocalFetch
from edge.runtimes.local.key_value import LocalKeyValue


class SetClock:
    """A clock that stands still; sleeping sets it forward. `slept` lists the seconds of each sleep."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)
        await asyncio.sleep(0)

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Reply:
    """How the server answers: after `delay` seconds, and with a `status` of 0 by hanging up."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass(frozen=True)
class Came:
    """A request that came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Origin:
    """A server that gives its answers in turn, the last of them again and again; `came` lists the received requests."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self._answers = [Reply()]
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def give(self, *answers: Reply) -> None:
        """Set the next answers, and forget the received requests."""
        self.came.clear()
        self._answers = [*answers]

    def close(self) -> None:
        """Stop the server, and wait for its late answers."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _take(self, came: Came) -> Reply:
        with self._lock:
            self.came.append(came)
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        origin = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                response = origin._take(Came(self.command, self.path, headers, body))
                if origin._ended.wait(response.delay) or not response.status:
                    return
                self.send_response(response.status)
                for name, value in {"content-length": str(len(response.body)), **response.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(response.body)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.answer)
        return Handler


@asynccontextmanager
async def fetching() -> AsyncIterator[LocalFetch]:
    """Give the runtime's own client of HTTP, and close it."""
    fetch = LocalFetch()
    try:
        yield fetch
    finally:
        await fetch.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="session")
def one_origin() -> Iterator[Origin]:
    server = Origin()
    yield server
    server.close()


@pytest.fixture
def origin(one_origin: Origin) -> Origin:
    one_origin.give(Reply())
    return one_origin


@pytest.fixture
def db(tmp_path: Path) -> Iterator[LocalDatabase]:
    database = LocalDatabase(tmp_path / "db.sqlite")
    yield database
    database.close()


@pytest.fixture
def kv(tmp_path: Path) -> Iterator[LocalKeyValue]:
    store = LocalKeyValue(tmp_path / "kv.sqlite")
    yield store
    store.close()
