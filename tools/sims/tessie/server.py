"""The ASGI app, served as every simulator is."""

import json
from collections.abc import Iterable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sims.server import StandIn
from sims.tessie.errors import error
from sims.tessie.faults import FaultMiddleware, Faults, Rule
from sims.tessie.fleet import Fleet
from sims.tessie.journal import Journal, JournalMiddleware
from sims.tessie.queries import BadQuery
from sims.tessie.routes import acts, control, history, live, owner, passthrough, records, trends

DEFAULT_TOKEN = "sim-token"
# Literal paths first: `/{vin}/…` would take them.
_ROUTES = [
    *control.ROUTES,
    *passthrough.ROUTES,
    *trends.ROUTES,
    *live.ROUTES,
    *history.ROUTES,
    *records.ROUTES,
    *owner.ROUTES,
    *acts.ROUTES,
]


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
        token = bearer.strip() if scheme.lower() == "bearer" else request.query_params.get("access_token", "")
        if token == self._token:
            return await self._app(scope, receive, send)
        text = "Invalid access token" if token else "Access token is required"
        return await error(scope["path"], 401, text)(scope, receive, send)


async def _bad_query(request: Request, wrong: Exception) -> Response:
    return error(request.url.path, 400, str(wrong))


async def _http_error(request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, HTTPException)
    return error(request.url.path, wrong.status_code, wrong.detail, wrong.headers)


def create_app(
    fleet: Fleet, *, token: str = DEFAULT_TOKEN, faults: Iterable[Rule] = (), fleet_account: bool = False
) -> Starlette:
    """Tessie's API over a fleet. `fleet_account` opens the endpoints that answer 403 to ordinary owners."""
    rules = Faults(faults)
    journal = Journal()
    middleware = [
        Middleware(JournalMiddleware, journal=journal),
        Middleware(FaultMiddleware, faults=rules),
        Middleware(TokenMiddleware, token=token),
    ]
    app = Starlette(
        routes=_ROUTES, middleware=middleware, exception_handlers={BadQuery: _bad_query, HTTPException: _http_error}
    )
    app.state.fleet = fleet
    app.state.faults = rules
    app.state.journal = journal
    app.state.fleet_account = fleet_account
    app.state.other_products = []
    return app


class Simulator(StandIn):
    """`with Simulator(fleet) as sim:` serves on a background thread at `sim.url`."""

    def __init__(
        self,
        fleet: Fleet | None = None,
        *,
        token: str = DEFAULT_TOKEN,
        faults: Iterable[Rule] = (),
        fleet_account: bool = False,
        port: int = 0,
    ) -> None:
        super().__init__(port)
        self.fleet = fleet or Fleet()
        self.token = token
        self.app = create_app(self.fleet, token=token, faults=faults, fleet_account=fleet_account)

    def application(self) -> Starlette:
        """Return Tessie's API, and the control."""
        return self.app

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
