"""Security headers: on every answer of every kind, and weaker only if a handler sets them."""

import asyncio
from collections.abc import Callable

import pytest
from tests.edge.conftest import KEY

from edge.access import PUBLIC, READER, Actor
from edge.http import Response
from edge.middleware.security_headers import HEADERS, POLICY, security_headers
from edge.routes import Routes
from edge.testing import Client

type Serve = Callable[..., Client]


@pytest.fixture
def client(serve: Serve) -> Client:
    routes = Routes(tag="t", access=PUBLIC)

    @routes.get("/x")
    async def get_x() -> int:
        return 1

    @routes.get("/own", access=READER)
    async def own() -> Response:
        headers = [("content-security-policy", "default-src 'self'"), ("cache-control", "max-age=60")]
        return Response(b"", 200, headers)

    @routes.get("/known", access=READER)
    async def name_of(actor: Actor) -> str:
        return actor.name

    @routes.get("/bug")
    async def bug() -> None:
        raise RuntimeError

    return serve(routes, middleware=[security_headers])


@pytest.mark.parametrize(("path", "status"), [("/x", 200), ("/nope", 404), ("/bug", 500), ("/known", 401)])
def test_every_answer_has_them(client: Client, path: str, status: int) -> None:
    answer = asyncio.run(client.request("GET", path))
    assert answer.status == status
    assert {*HEADERS, POLICY} <= {*answer.headers}
    assert answer.header("cache-control") is None


def test_answers_to_identified_callers_are_not_cached(client: Client) -> None:
    answer = asyncio.run(client.request("GET", "/known", headers=[("x-api-key", KEY)]))
    assert (answer.status, answer.header("cache-control")) == (200, "no-store")


def test_headers_of_a_handler_stay(client: Client) -> None:
    answer = asyncio.run(client.request("GET", "/own", headers=[("x-api-key", KEY)]))
    values = [value for name, value in answer.headers if name in {"content-security-policy", "cache-control"}]
    assert values == ["default-src 'self'", "max-age=60"]
