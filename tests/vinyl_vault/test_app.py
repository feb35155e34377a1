"""The Worker as a whole: access to routes, health, headers and rate limits."""

import pytest

from edge.testing import Answer, Client
from vinyl_vault.app import app

from .conftest import Run

CLOSED = [f"{endpoint.method} {endpoint.path}" for endpoint in app.endpoints if endpoint.access.name != "PUBLIC"]
PUBLIC = {f"{endpoint.method} {endpoint.path}" for endpoint in app.endpoints} - {*CLOSED}


def test_few_routes_are_public() -> None:
    public = {route for route in PUBLIC if not route.split(" ")[1].startswith("/api/auth/")}
    discogs = {"GET /api/discogs/search", "GET /api/discogs/price", "GET /cache/images/{file}"}
    assert public == {"GET /", "GET /health", "GET /api/shared/{token}"} | discogs


@pytest.mark.parametrize("route", CLOSED)
def test_closed_routes_need_a_user(run: Run, route: str) -> None:
    method, path = route.replace("{", "").replace("}", "").split(" ")
    assert run(lambda client: client.anonymous().request(method, path)).status == 401


def test_health_reports_each_service(run: Run) -> None:
    health = run(lambda client: client.anonymous().get("/health")).json()
    assert health["status"] == "ok", health
    assert {name: health["checks"][name]["status"] for name in ("d1", "r2")} == {"d1": "ok", "r2": "ok"}


def test_every_answer_has_an_id_and_headers_for_browsers(run: Run) -> None:
    answer = run(lambda client: client.anonymous().get("/", headers=[("origin", "https://site.example")]))
    assert (answer.status, answer.json()["name"]) == (200, app.name)
    assert answer.header("x-request-id")
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("access-control-allow-origin") == "https://site.example"


def test_anonymous_requests_are_rate_limited(local: Run) -> None:
    del local.env["RATE_LIMITER"]

    async def case(client: Client) -> list[Answer]:
        calls = 2 * app.limits["RATE_LIMITER"].calls + 1  # a new minute may begin among them
        return [await client.anonymous().get("/") for _ in range(calls)]

    first, *others = local(case)
    assert first.status == 200
    refused = [other for other in others if other.status == 429]
    assert refused
    assert all(answer.header("retry-after") for answer in refused)
