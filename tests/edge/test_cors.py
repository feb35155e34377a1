"""CORS: exact origins, preflights, and headers on every answer of every kind."""

import asyncio
from collections.abc import Callable

import pytest
from pydantic_core import from_json

from apps import ROOT, folder, packages
from edge.access import PUBLIC, READER
from edge.middleware.cors import cors
from edge.routes import Routes
from edge.testing import Answer, Client

type Serve = Callable[..., Client]
type Sent = list[tuple[str, str]]

PAGE = [("origin", "https://page.example")]
ASK = [*PAGE, ("access-control-request-method", "PUT")]


def ask(serve: Serve, origins: str, method: str, target: str, headers: Sent) -> Answer:
    routes = Routes(tag="t", access=PUBLIC)

    @routes.get("/x")
    async def get_x() -> int:
        return 1

    @routes.get("/bug")
    async def bug() -> None:
        raise RuntimeError

    @routes.get("/locked", access=READER)
    async def locked() -> None: ...

    client = serve(routes, env={"CORS_ALLOWED_ORIGINS": origins}, middleware=[cors])
    return asyncio.run(client.request(method, target, headers=headers))


@pytest.mark.parametrize(
    ("origins", "sent", "granted", "vary"),
    [
        ("*", PAGE, "*", None),
        ("*", [], "*", None),
        ("https://page.example", PAGE, "https://page.example", "origin"),
        ("https://page.example", [], "https://page.example", "origin"),
        ("https://a.example,https://page.example", PAGE, "https://page.example", "origin"),
        ("https://a.example,https://b.example", [], None, "origin"),
        ("https://a.example", PAGE, None, "origin"),
        ("http://page.example", PAGE, None, "origin"),
        ("https://page.example:444", PAGE, None, "origin"),
        ("https://page.example", [("origin", "https://page.example.evil")], None, "origin"),
        ("https://page.example", [("origin", "null")], None, "origin"),
        (",", PAGE, None, "origin"),
    ],
)
def test_only_an_origin_of_the_list_may_read(
    serve: Serve, origins: str, sent: Sent, granted: str | None, vary: str | None
) -> None:
    answer = ask(serve, origins, "GET", "/x", sent)
    assert (answer.status, answer.json()) == (200, 1)
    assert answer.header("access-control-allow-origin") == granted
    assert answer.header("vary") == vary
    assert answer.header("access-control-allow-credentials") is None


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("GET", "/nowhere", 404), ("POST", "/x", 405), ("GET", "/bug", 500), ("GET", "/locked", 401), ("HEAD", "/x", 200)],
)
def test_every_answer_carries_the_headers(serve: Serve, method: str, target: str, status: int) -> None:
    answer = ask(serve, "https://page.example", method, target, PAGE)
    assert (answer.status, answer.header("access-control-allow-origin")) == (status, "https://page.example")
    assert "x-request-id" in str(answer.header("access-control-expose-headers"))


@pytest.mark.parametrize("target", ["/x", "/locked", "/nowhere"])
def test_a_preflight_is_answered_before_access_and_route(serve: Serve, target: str) -> None:
    answer = ask(serve, "https://page.example", "OPTIONS", target, ASK)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("access-control-allow-origin") == "https://page.example"
    assert "PUT" in str(answer.header("access-control-allow-methods"))
    assert answer.header("access-control-max-age") == "7200"


def test_a_preflight_of_a_strange_page_grants_no_origin(serve: Serve) -> None:
    answer = ask(serve, "https://a.example", "OPTIONS", "/x", ASK)
    assert (answer.status, answer.header("access-control-allow-origin")) == (204, None)


def test_preflight_names_known_headers_alone(serve: Serve) -> None:
    headers = [("access-control-request-headers", "x-a, Authorization, x b, é, x:c, ")]
    listed = [
        ask(serve, "*", "OPTIONS", "/x", sent).header("access-control-allow-headers") for sent in (ASK, ASK + headers)
    ]
    assert listed[0] == listed[1]
    names = (listed[0] or "").split(", ")
    assert "x-a" not in names
    assert {"authorization", "content-type", "x-api-key", "prefer", "range", "last-event-id", "if-match"} <= {*names}


@pytest.mark.parametrize("package", packages())
def test_preflight_names_each_header_that_an_app_documents(serve: Serve, package: str) -> None:
    document = from_json((ROOT / "openapi" / folder(package) / "openapi.json").read_bytes())
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    headers = {
        parameter["name"].lower()
        for operation in operations
        for parameter in operation.get("parameters", [])
        if parameter.get("in") == "header"
    }
    listed = ask(serve, "*", "OPTIONS", "/x", ASK).header("access-control-allow-headers") or ""
    assert headers <= {*listed.split(", ")}


def test_page_may_read_whether_an_answer_was_replayed(serve: Serve) -> None:
    exposed = ask(serve, "https://page.example", "GET", "/x", PAGE).header("access-control-expose-headers") or ""
    assert "idempotency-replayed" in exposed.split(", ")


@pytest.mark.parametrize("sent", [[], PAGE, [("access-control-request-method", "PUT")]])
def test_options_that_is_no_preflight_names_the_methods_of_the_path(serve: Serve, sent: Sent) -> None:
    answer = ask(serve, "*", "OPTIONS", "/x", sent)
    assert (answer.status, answer.header("allow")) == (204, "GET, HEAD, OPTIONS")
    assert answer.header("access-control-allow-origin") == "*"


ODD = ["http://[", "http://[::1", "http://a]", "null", "://", "x" * 100_000, "\0", "http://a:99999999", "é"]


@pytest.mark.parametrize("origin", ODD)
def test_odd_origin_is_not_allowed(serve: Serve, origin: str) -> None:
    answer = ask(serve, "https://page.example", "GET", "/x", [("origin", origin)])
    assert (answer.status, answer.header("access-control-allow-origin")) == (200, None)


def test_preflight_sends_back_a_bounded_list(serve: Serve) -> None:
    names = ",".join(f"x-{number}" for number in range(20_000))
    answer = ask(serve, "*", "OPTIONS", "/x", [*ASK, ("access-control-request-headers", names)])
    assert (answer.status, len(answer.header("access-control-allow-headers") or "") < 10_000) == (204, True)
