"""The ASGI app, and a server for it on a thread of its own."""

import json
import socket
import threading
import time
from collections.abc import Iterable
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sims.tessie.errors import error
from sims.tessie.faults import FaultMiddleware, Faults, Rule
from sims.tessie.fleet import Fleet
from sims.tessie.journal import Journal, JournalMiddleware
from sims.tessie.queries import BadQuery
from sims.tessie.routes import acts, control, history, live, owner, passthrough, records, trends

DEFAULT_TOKEN = "sim-token"
HOST = "127.0.0.1"
# Literal paths first: `/{vin}/…` would take them.
_ROUTES = [
    *control.ROUTES, *passthrough.ROUTES, *trends.ROUTES, *live.ROUTES,
    *history.ROUTES, *records.ROUTES, *owner.ROUTES, *acts.ROUTES,
]  # fmt: skip


class TokenMiddleware:
    """ASGI: the one token, as a bearer or as `access_token` in the query; the two 401 bodies of Tessie."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or answer 401."""
        if scope["type"] != "http" or scope["path"].startswith("/_sim/"):
            return await self._app(scope, receive, send)
        request = Request(scope)
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        given = bearer.strip() if scheme.lower() == "bearer" else request.query_params.get("access_token", "")
        if given == self._token:
            return await self._app(scope, receive, send)
        text = "Invalid access token" if given else "Access token is required"
        return await error(scope["path"], 401, text)(scope, receive, send)


async def _bad_query(request: Request, wrong: Exception) -> Response:
    return error(request.url.path, 400, str(wrong))


async def _http_error(request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, HTTPException)
    return error(request.url.path, wrong.status_code, wrong.detail, wrong.headers)


def create_app(
    fleet: Fleet, *, token: str = DEFAULT_TOKEN, faults: Iterable[Rule] = (), fleet_account: bool = False
) -> Starlette:
    """Tessie's API over a fleet. `fleet_account` opens what answers 403 to ordinary owners."""
    rules, journal = Faults(faults), Journal()
    middleware = [
        Middleware(JournalMiddleware, journal=journal),
        Middleware(FaultMiddleware, faults=rules),
        Middleware(TokenMiddleware, token=token),
    ]
    app = Starlette(
        routes=_ROUTES, middleware=middleware, exception_handlers={BadQuery: _bad_query, HTTPException: _http_error}
    )
    app.state.fleet, app.state.faults, app.state.journal = fleet, rules, journal
    app.state.fleet_account = fleet_account
    app.state.other_products = []
    return app


def listen(port: int = 0) -> socket.socket:
    """A socket bound to this machine only; port 0 takes a free one."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound


def server_of(app: ASGIApp, *, log: bool = False) -> uvicorn.Server:
    """A quiet server that lets running requests one second when it ends."""
    level = "info" if log else "critical"
    config = uvicorn.Config(
        app, log_level=level, access_log=log, lifespan="off", timeout_graceful_shutdown=1, ws="none"
    )
    return uvicorn.Server(config)


class Simulator:
    """`with Simulator(fleet) as sim:` serves on a background thread at `sim.url`."""

    def __init__(
        self, fleet: Fleet | None = None, *, token: str = DEFAULT_TOKEN, fleet_account: bool = False, port: int = 0
    ) -> None:
        self._port = port
        self.fleet = fleet or Fleet()
        self.token = token
        self.app = create_app(self.fleet, token=token, fleet_account=fleet_account)
        self.url = ""
        self._server = server_of(self.app)

    @property
    def vins(self) -> list[str]:
        """Every car's VIN."""
        return self.fleet.vins

    @property
    def faults(self) -> Faults:
        """The rules in force, for tests in the same process."""
        faults: Faults = self.app.state.faults
        return faults

    @property
    def journal(self) -> Journal:
        """The requests received."""
        journal: Journal = self.app.state.journal
        return journal

    def ask(self, path: str, method: str = "GET", body: object = None) -> Any:
        """Send one request with the token and return the answer's JSON, None for an empty one."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        try:
            connection.request(method, path, json.dumps(body), {"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse().read()
        finally:
            connection.close()
        return json.loads(answer) if answer else None

    def __enter__(self) -> Self:
        bound = listen(self._port)
        self.url = f"http://{HOST}:{bound.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [bound]}, daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)
        if not self._server.started:
            raise RuntimeError("the simulator's server did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
