"""CORS: exact origins, preflights, and headers on every answer of every kind."""

import asyncio
from collections.abc import Callable

import pytest

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


@pytest.mark.parametrize(
    ("requested", "allowed"),
    [
        (None, "authorization, content-type"),
        ("x-a,x-b", "x-a, x-b"),
        ("X_Custom.1, if-match", "X_Custom.1, if-match"),
        ("x-a, x b, é, x:c, ", "x-a"),
    ],
)
def test_a_preflight_allows_the_headers_that_are_names(serve: Serve, requested: str | None, allowed: str) -> None:
    sent = ASK if requested is None else [*ASK, ("access-control-request-headers", requested)]
    assert ask(serve, "*", "OPTIONS", "/x", sent).header("access-control-allow-headers") == allowed


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
