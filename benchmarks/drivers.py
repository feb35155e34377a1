"""How each implementation is called in process: by ASGI, or by its own entry."""

import importlib
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from benchmarks.api import API_KEY
from benchmarks.cases import Case
from benchmarks.peers.kernel import SmallSettings, app
from edge.context import Ports
from edge.ports import Log
from edge.runtimes.local.asgi import Server
from edge.runtimes.local.log import LocalLog

type Call = Callable[[], Awaitable[Any]]
"""Send the request once; return the implementation's own result."""


class Sent(NamedTuple):
    """An answer as it would go out."""

    status: int
    headers: dict[str, str]
    body: bytes


async def _nothing() -> None:
    pass


class Driver(NamedTuple):
    """`prepare` makes a request ready to be sent many times; `read` returns the answer of one of its calls.

    `start` is called once before the first request.
    """

    prepare: Callable[[Case], Call]
    read: Callable[[Any], Sent]
    start: Callable[[], Awaitable[None]] = _nothing


def asgi(application: Callable[..., Awaitable[None]]) -> Driver:
    """Drive an ASGI application."""

    def prepare(case: Case) -> Call:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": case.method,
            "scheme": "http",
            "path": case.path,
            "raw_path": case.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in case.headers],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
        }
        message = {"type": "http.request", "body": case.body, "more_body": False}

        async def receive() -> dict[str, Any]:
            return message

        async def call() -> list[dict[str, Any]]:
            sent: list[dict[str, Any]] = []

            async def send(part: dict[str, Any]) -> None:
                sent.append(part)

            await application(scope.copy(), receive, send)
            return sent

        return call

    def read(sent: list[dict[str, Any]]) -> Sent:
        headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return Sent(sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:]))

    return Driver(prepare, read)


def kernel(log_level: str, write: Callable[[bytes], object] | None = None) -> Driver:
    """Drive this kernel through the local runtime's ASGI application; log lines go to /dev/null by default."""
    if write is None:
        write = open("/dev/null", "wb", buffering=0).write  # noqa: SIM115 - for as long as the process lives
    log = LocalLog(log_level, write)
    ports = Ports(SmallSettings({"API_KEY": API_KEY, "CORS_ALLOWED_ORIGINS": "*"}), {Log: log})

    async def nothing() -> None:
        pass

    return asgi(Server(app, lambda: ports, log, nothing, nothing))


class RawRequest:
    """As much of the Workers' Request as Kinglet reads."""

    def __init__(self, case: Case, headers: dict[str, str]) -> None:
        self.method = case.method
        self.url = f"https://api.example{case.path}"
        self.headers = headers
        self._body = case.body.decode()

    async def text(self) -> str:
        """Return the body."""
        return self._body


def kinglet(module: str) -> Driver:
    """Drive Kinglet by its own entry."""
    entry: Any = importlib.import_module(f"benchmarks.peers.{module}").app

    def prepare(case: Case) -> Call:
        headers = dict(case.headers)

        async def call() -> Any:
            return await entry(RawRequest(case, headers), {})

        return call

    def read(answer: Any) -> Sent:
        return Sent(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.body)

    return Driver(prepare, read)


def peer(module: str) -> Callable[[], Driver]:
    """Drive the ASGI application of one of the peers."""

    def driver() -> Driver:
        implementation = importlib.import_module(f"benchmarks.peers.{module}")
        application = implementation.app
        start = getattr(implementation, "start", getattr(application, "start", _nothing))
        return asgi(application)._replace(start=start)

    return driver


DRIVERS: dict[str, Callable[[], Driver]] = {
    "this kernel": lambda: kernel("warning"),
    "this kernel, access log written": lambda: kernel("info"),
    "dict + regex + json.dumps, no features": peer("bare"),
    "Falcon": peer("falcon_api"),
    "Falcon, equal features": peer("falcon_equal"),
    "Kinglet": lambda: kinglet("kinglet_api"),
    "Kinglet, equal features": lambda: kinglet("kinglet_equal"),
    "BlackSheep": peer("blacksheep_api"),
    "BlackSheep, equal features": peer("blacksheep_equal"),
    "Litestar": peer("litestar_api"),
    "Starlette": peer("starlette_api"),
    "FastAPI, response models": peer("fastapi_api"),
}
"""The first is the base of the comparison."""
