"""Access: each role has the rights of those before it, and other requests are refused before their body is read."""

import asyncio
from collections.abc import Callable

import pytest
from pydantic import BaseModel

from edge.access import ADMIN, OPERATOR, PUBLIC, READER, Actor, Role
from edge.auth.keys import presented_key, require_key
from edge.endpoint import Body
from edge.errors import NotFound, Problem, Unauthorized
from edge.events import Frame
from edge.middleware.cors import cors
from edge.request import Request
from edge.routes import Routes
from edge.settings import Secret, Settings
from edge.testing import Answer, Client

type Serve = Callable[..., Client]
type Sent = list[tuple[str, str]]

ROLES = {"reader": READER, "operator": OPERATOR, "admin": ADMIN}


class Keyed(Settings):
    admin_api_key: Secret


class Thing(BaseModel):
    name: str


async def by_name(request: Request) -> Actor:
    name = presented_key(request)
    if name not in ROLES:
        raise Unauthorized("the key is not known")
    return Actor(name, ROLES[name])


async def by_one_key(request: Request, settings: Keyed) -> Actor:
    return require_key(request, settings.admin_api_key)


def guarded() -> Routes:
    routes = Routes("/things", tag="t", access=READER)

    @routes.get("", access=PUBLIC)
    async def public() -> str:
        return "open"

    @routes.get("/read")
    async def read(actor: Actor) -> str:
        return actor.name

    @routes.post("/act", access=OPERATOR)
    async def act(thing: Body[Thing]) -> str:
        return thing.name

    @routes.delete("/all", access=ADMIN)
    async def remove() -> None: ...

    return routes


def ask(client: Client, method: str, target: str, headers: Sent) -> Answer:
    return asyncio.run(client.request(method, target, headers=headers, body=b'{"name": "x"}'))


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        (None, [200, 401, 401, 401]),
        ("nobody", [200, 401, 401, 401]),
        ("reader", [200, 200, 403, 403]),
        ("operator", [200, 200, 200, 403]),
        ("admin", [200, 200, 200, 204]),
    ],
)
def test_a_role_has_the_rights_of_the_lower_roles(serve: Serve, role: str | None, statuses: list[int]) -> None:
    client = serve(guarded(), authenticate=by_name)
    sent = [("x-api-key", role)] if role else []
    requests = [("GET", "/things"), ("GET", "/things/read"), ("POST", "/things/act"), ("DELETE", "/things/all")]
    assert [ask(client, method, target, sent).status for method, target in requests] == statuses


@pytest.mark.parametrize("subjects", [frozenset(), frozenset({"A"})])
def test_bound_caller_is_refused_on_admin_routes_and_frames(serve: Serve, subjects: frozenset[str]) -> None:
    bound = Actor("both", ADMIN, subjects)
    ran = list[str]()

    async def authenticate(_request: Request) -> Actor:
        return bound

    routes = guarded()

    @routes.frame("remove", access=ADMIN)
    async def remove_by_frame() -> None:
        ran.append("remove")

    @routes.frame("read", access=READER)
    async def read_by_frame() -> None:
        ran.append("read")

    client = serve(routes, authenticate=authenticate)
    assert [ask(client, *request, []).status for request in (("GET", "/things/read"), ("DELETE", "/things/all"))] == [
        200,
        403,
    ]
    frames = [Frame({"type": name}, bound, "1") for name in ("remove", "read")]
    answers = [asyncio.run(client.app.frame(frame, client.ports)) for frame in frames]
    assert (answers[0]["problem"]["status"], answers[1], ran) == (403, {"result": None}, ["read"])


def test_a_refusal_names_the_required_and_the_present_role(serve: Serve) -> None:
    answer = ask(serve(guarded(), authenticate=by_name), "DELETE", "/things/all", [("x-api-key", "reader")])
    assert answer.json()["detail"] == "this needs the role admin; reader has reader"


def test_a_refusal_without_a_key_explains_how_to_send_it(serve: Serve) -> None:
    answer = ask(serve(guarded(), authenticate=by_name), "GET", "/things/read", [])
    assert (answer.status, answer.header("www-authenticate")) == (401, 'Bearer realm="api"')


def test_a_stranger_learns_nothing_of_bodies_or_methods(serve: Serve) -> None:
    client = serve(guarded(), authenticate=by_name)
    refused = asyncio.run(client.request("POST", "/things/act", body=b"{"))
    assert refused.status == 401
    assert asyncio.run(client.request("HEAD", "/things/read")).status == 401


def test_limits_for_strangers_cover_their_failed_attempts(serve: Serve) -> None:
    async def admit(request: Request) -> None:
        if request.headers.get("x-tries"):
            raise NotFound("nobody is here")

    client = serve(guarded(), authenticate=by_name, admit=admit)
    key = ("x-api-key", "reader")
    tries = ("x-tries", "many")
    requests = [("/things", []), ("/things", [tries]), ("/things/read", [tries]), ("/things/read", [tries, key])]
    assert [ask(client, "GET", target, sent).status for target, sent in requests] == [200, 404, 404, 200]
    assert [ask(client, "DELETE", "/things/all", sent).status for sent in ([], [tries], [tries, key])] == [
        401,
        404,
        403,
    ]


class TooMany(Problem):
    """Too many."""

    title = "Too many"
    status = 429


PREFLIGHT = [("origin", "http://a"), ("access-control-request-method", "GET")]
COUNTED: dict[str, tuple[str, str, Sent, int]] = {
    "a method that is none of the path's": ("PUT", "/things", [], 405),
    "an unknown method": ("PROPFIND", "/things", [], 405),
    "a method of a path that needs a key": ("GET", "/things/act", [], 405),
    "a method with a key": ("PUT", "/things", [("x-api-key", "admin")], 405),
    "an escape that is none": ("GET", "/%zz", [], 400),
    "bytes that are no UTF-8": ("GET", "/things/%ff", [], 400),
    "a URL that is too long": ("GET", "/things?" + "q" * 17_000, [], 414),
    "a path that is too long": ("GET", "/" + "p" * 17_000, [("x-api-key", "admin")], 414),
    "an unknown path": ("GET", "/nowhere", [], 404),
    "no path": ("OPTIONS", "*", [], 404),
    "OPTIONS that is no preflight": ("OPTIONS", "/things", [], 204),
    "OPTIONS with an origin alone": ("OPTIONS", "/things", [("origin", "http://a")], 204),
    "OPTIONS of an unknown path": ("OPTIONS", "/nowhere", [], 404),
}


@pytest.mark.parametrize("what", COUNTED)
def test_request_that_no_route_takes_counts_for_its_address(serve: Serve, what: str) -> None:
    method, target, headers, status = COUNTED[what]
    counted: list[str] = []

    async def admit(request: Request) -> None:
        counted.append(request.path)
        if len(counted) > 2:
            raise TooMany("for now")

    open_to_all = {"CORS_ALLOWED_ORIGINS": "*"}
    client = serve(guarded(), env=open_to_all, authenticate=by_name, admit=admit, middleware=[cors])
    answers = [ask(client, method, target, headers) for _ in range(3)]
    assert [answer.status for answer in answers] == [status, status, 429]
    assert len(counted) == 3
    assert answers[-1].header("access-control-allow-origin") == "*"
    assert answers[-1].json()["type"] == "urn:problem:too-many"


@pytest.mark.parametrize("target", ["/things", "/things/act", "/nowhere", "/%zz", "/" + "p" * 17_000])
def test_preflight_counts_for_nobody(serve: Serve, target: str) -> None:
    async def admit(_: Request) -> None:
        raise TooMany("for ever")

    client = serve(guarded(), authenticate=by_name, admit=admit, middleware=[cors])
    assert ask(client, "OPTIONS", target, PREFLIGHT).status == 204


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([("authorization", "Bearer k1")], "k1"),
        ([("Authorization", "bearer   k1 ")], "k1"),
        ([("x-api-key", "k2")], "k2"),
        ([("authorization", "Bearer k1"), ("x-api-key", "k2")], "k1"),
        ([("authorization", "Basic abc"), ("x-api-key", "k2")], "k2"),
        ([("authorization", "Bearer "), ("x-api-key", "k2")], "k2"),
        ([("authorization", "Bearerk1")], None),
        ([("authorization", "Bearer")], None),
        ([("x-api-key", "")], None),
        ([], None),
    ],
)
def test_a_key_comes_as_bearer_or_by_its_own_header(serve: Serve, headers: Sent, key: str | None) -> None:
    routes = Routes(tag="t", access=PUBLIC)

    @routes.get("/key")
    async def tell(request: Request) -> str:
        return presented_key(request)

    answer = ask(serve(routes), "GET", "/key", headers)
    assert (answer.status, answer.json() if key else None) == ((200, key) if key else (401, None))


@pytest.mark.parametrize(
    ("env", "key", "status"),
    [
        ({"ADMIN_API_KEY": "k"}, "k", 200),
        ({"ADMIN_API_KEY": "k"}, "K", 401),
        ({"ADMIN_API_KEY": "k"}, "kk", 401),
        ({"ADMIN_API_KEY": "ключ"}, "ключ", 200),
        ({"ADMIN_API_KEY": ""}, "k", 503),
        ({}, "k", 503),
    ],
)
def test_the_static_key_opens_all_routes_and_nothing_opens_without_it(
    serve: Serve, env: dict[str, str], key: str, status: int
) -> None:
    client = serve(guarded(), settings=Keyed, env=env, authenticate=by_one_key)
    assert ask(client, "GET", "/things/read", [("x-api-key", key)]).status == status


def test_roles_are_ordered() -> None:
    assert list(Role) == [PUBLIC, READER, OPERATOR, ADMIN] == sorted(Role)
