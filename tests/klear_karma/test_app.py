"""The Worker as a whole: access to routes, health, headers and rate limits."""

from edge.testing import Answer, Client
from klear_karma.app import app

from .conftest import Run

CLOSED = [f"{endpoint.method} {endpoint.path}" for endpoint in app.endpoints if endpoint.access.name != "PUBLIC"]
PUBLIC = {f"{endpoint.method} {endpoint.path}" for endpoint in app.endpoints} - {*CLOSED}


def test_few_routes_are_public() -> None:
    public = {route for route in PUBLIC if not route.split(" ")[1].startswith("/api/auth/")}
    assert public == {
        "GET /",
        "GET /health",
        "GET /assets/{upload_id}",
        "GET /practitioners/{practitioner_id}",
        "GET /calendars/{file}",
        "GET /api/practitioners/search",
        "GET /api/practitioners/{practitioner_id}",
        "GET /api/practitioners/{practitioner_id}/availability",
        "GET /api/practitioners/{practitioner_id}/reviews",
    }


def test_closed_routes_need_a_user(run: Run) -> None:
    async def case(client: Client) -> dict[str, int]:
        stranger = client.anonymous()
        routes = {route: route.replace("{", "").replace("}", "").split(" ") for route in CLOSED}
        return {route: (await stranger.request(method, path)).status for route, (method, path) in routes.items()}

    assert run(case) == dict.fromkeys(CLOSED, 401)


def test_health_reports_each_service(run: Run) -> None:
    health = run(lambda client: client.anonymous().get("/health")).json()
    assert health["status"] == "ok", health
    assert {name: health["checks"][name]["status"] for name in ("d1", "kv", "r2", "events")} == {
        "d1": "ok",
        "kv": "ok",
        "r2": "ok",
        "events": "ok",
    }


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
