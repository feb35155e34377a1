"""Requests of every app: conditions and compressed bodies are refused; a result has a location."""

import asyncio
from collections.abc import Callable
from typing import Any, TypedDict

import pytest

from apps import load, packages
from edge.access import PUBLIC
from edge.endpoint import Body, PlanError
from edge.middleware.request_id import request_id
from edge.request import Request
from edge.routes import Routes
from edge.routing import ANY
from edge.testing import Answer, Client

type Serve = Callable[..., Client]
type Sent = list[tuple[str, str]]


class Note(TypedDict):
    """A note."""

    id: str
    text: str


def notes(changes: list[str]) -> Routes:
    routes = Routes("/notes", tag="t", access=PUBLIC)

    @routes.get("/{note_id}")
    async def get_note(note_id: str) -> Note:
        return Note(id=note_id, text="")

    @routes.post("", status=201, location="/notes/{id}")
    async def add_note(body: Body[Note]) -> Note:
        changes.append("POST")
        return body

    @routes.any("/mirror/{rest:path}")
    async def mirror(rest: str, request: Request) -> str:
        changes.append(request.method)
        return rest + (await request.body()).decode()

    return routes


def ask(serve: Serve, method: str, target: str, headers: Sent, json: object = None) -> tuple[Answer, list[str]]:
    changes: list[str] = []
    client = serve(notes(changes), middleware=[request_id])
    return asyncio.run(client.request(method, target, headers=headers, json=json)), changes


@pytest.mark.parametrize("header", ["if-match", "if-none-match", "if-unmodified-since"])
@pytest.mark.parametrize(
    ("method", "target"), [("POST", "/notes"), ("PUT", "/notes/mirror/x"), ("DELETE", "/notes/mirror/x")]
)
def test_conditional_change_is_refused_and_changes_nothing(serve: Serve, header: str, method: str, target: str) -> None:
    answer, changes = ask(serve, method, target, [(header, '"1"')], {"id": "1", "text": "x"})
    assert (answer.status, answer.json()["type"], changes) == (412, "urn:problem:conditions-unsupported", [])
    assert header in answer.json()["detail"]


@pytest.mark.parametrize(("method", "target"), [("GET", "/notes/1"), ("HEAD", "/notes/1"), ("GET", "/notes/mirror/x")])
def test_condition_of_a_reader_is_no_change(serve: Serve, method: str, target: str) -> None:
    assert ask(serve, method, target, [("if-none-match", '"1"'), ("if-match", '"1"')])[0].status == 200


@pytest.mark.parametrize(
    ("coding", "status"),
    [("gzip", 415), ("GZIP", 415), ("br, gzip", 415), ("identity, gzip", 415), ("identity", 201), ("", 201)],
)
def test_compressed_body_is_refused(serve: Serve, coding: str, status: int) -> None:
    answer, changes = ask(serve, "POST", "/notes", [("content-encoding", coding)], {"id": "1", "text": "x"})
    assert (answer.status, len(changes)) == (status, int(status == 201))
    assert (answer.header("accept-encoding") == "identity") is (status == 415)


def test_compressed_body_of_a_route_that_reads_it_by_itself_is_refused(serve: Serve) -> None:
    assert ask(serve, "POST", "/notes/mirror/x", [("content-encoding", "zstd")], {})[0].status == 415


@pytest.mark.parametrize(
    ("note_id", "path"), [("a", "/notes/a"), ("a/b?", "/notes/a%2Fb%3F"), ("..", "/notes/.."), ("ü", "/notes/%C3%BC")]
)
def test_location_is_made_of_the_result(serve: Serve, note_id: str, path: str) -> None:
    answer, _ = ask(serve, "POST", "/notes", [], {"id": note_id, "text": "x"})
    assert (answer.status, answer.header("location")) == (201, path)


def test_location_of_a_member_that_there_is_not_is_an_error_at_import(serve: Serve) -> None:
    routes = Routes("/notes", tag="t", access=PUBLIC)

    @routes.post("", status=201, location="/notes/{number}")
    async def add_note(body: Body[Note]) -> Note:
        return body

    with pytest.raises(PlanError, match=r"no /notes/\{number\}"):
        serve(routes)


UNREADABLE = {
    "core_tessie": {"POST /auth/token", "POST /events", "POST /ws/ticket"},
    "devcapsules": {
        "POST /api/v1/auth/api-keys",
        "POST /api/v1/analytics/events",
        "POST /api/v1/teams/{team_id}/members",
        "POST /api/v1/capsules/{capsule_id}/reports",
        "POST /api/v1/auth/reset",
        "POST /api/v1/auth/email",
    },
    "klear_karma": {
        "POST /api/messages",
        "POST /api/reviews",
        "POST /api/reports",
        "POST /api/feeds",
        "POST /events",
        "POST /api/practitioners/me/services",
        "POST /api/practitioners/me/time-off",
        "POST /ws/ticket",
        "POST /api/auth/reset",
        "POST /api/auth/email",
    },
    "vinyl_vault": {"POST /api/auth/reset", "POST /api/auth/email"},
}
"""Routes with a result without an address of its own: a token, an event, a member of a list."""


@pytest.mark.parametrize("package", packages())
def test_each_result_that_can_be_read_has_a_location(package: str) -> None:
    """Handlers that make their response themselves are tested with their app."""
    app = load(package)
    created = [
        endpoint
        for endpoint in app.endpoints
        if endpoint.route.status in {201, 202} and not _is_response(endpoint.returns)
    ]
    without = {f"{endpoint.method} {endpoint.path}" for endpoint in created if not endpoint.route.location}
    assert without == UNREADABLE.get(package, set())
    for endpoint in created:
        if endpoint.route.location:
            path = endpoint.route.location.replace("{", "").replace("}", "")
            assert app.router.find("GET", path)[0].path != path


def _is_response(hint: Any) -> bool:
    return isinstance(hint, type) and hint.__name__ == "Response"


WORDS = [
    ("core_tessie", "/d1/vehicles/list", "GET, HEAD, OPTIONS"),
    ("klear_karma", "/api/appointments/shifted", "GET, HEAD, OPTIONS"),
    ("vinyl_vault", "/api/collection/sync", "OPTIONS, POST"),
    ("vinyl_vault", "/api/collection/import", "GET, HEAD, OPTIONS, POST"),
    ("vinyl_vault", "/api/collection/export", "GET, HEAD, OPTIONS"),
    ("devcapsules", "/api/v1/capsules/import", "OPTIONS, POST"),
]


@pytest.mark.parametrize(("package", "path", "allowed"), WORDS)
def test_word_beside_ids_offers_its_own_methods_alone(package: str, path: str, allowed: str) -> None:
    assert ", ".join(load(package).router.methods(path)) == allowed


def test_no_word_beside_ids_is_left_out() -> None:
    """Each literal path that a pattern of the same length would match as well is alone."""
    words = set()
    for package in packages():
        app = load(package)
        for endpoint in app.endpoints:
            last = endpoint.path.rpartition("/")[2]
            if "{" in last or endpoint.method == ANY:
                continue
            concrete = endpoint.path.replace("{", "").replace("}", "")
            folder = endpoint.path.rpartition("/")[0]
            siblings = {other.path for other in app.endpoints if other.path.rpartition("/")[0] == folder}
            if any(other.endswith("}") and ":path" not in other for other in siblings):
                own = {other.method for other in app.endpoints if other.path == endpoint.path}
                others = {*app.router.methods(concrete)} - own - {"HEAD", "OPTIONS"}
                words |= {(package, endpoint.path, method) for method in others}
    assert words == {("platform_api", "/api/v1/content/purge", "GET")}, "a type that there is not, as any other word"
