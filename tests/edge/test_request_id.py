"""Request id and trace context: valid ones are taken over, others are replaced."""

import asyncio
import re
from collections.abc import Callable

import pytest

from edge.access import PUBLIC
from edge.middleware.request_id import request_id
from edge.request import Request
from edge.routes import Routes
from edge.testing import Client

type Serve = Callable[..., Client]

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def ask(serve: Serve, *sent: tuple[str, str]) -> tuple[str, str]:
    """Return the response's id and the trace that the handler saw."""
    routes = Routes(tag="t", access=PUBLIC)

    @routes.get("/x")
    async def see(request: Request) -> list[str]:
        return [request.id, str(request.trace)]

    answer = asyncio.run(serve(routes, middleware=[request_id]).get("/x", headers=sent))
    seen, trace = answer.json()
    assert answer.header("x-request-id") == seen
    return seen, trace


def test_a_request_without_either_gets_both_anew(serve: Serve) -> None:
    first, trace = ask(serve)
    assert re.fullmatch(r"00-([0-9a-f]{32})-[0-9a-f]{16}-01", trace)
    assert first == trace[3:35]
    assert ask(serve)[0] != first


@pytest.mark.parametrize("request_id", ["a", "0", "A.b_c~d-9", "x" * 128])
def test_an_id_of_safe_letters_is_kept(serve: Serve, request_id: str) -> None:
    assert ask(serve, ("X-Request-Id", request_id))[0] == request_id


@pytest.mark.parametrize("request_id", ["", "-a", "a b", "a\n", "a\r\nb: c", "é", "<script>", "x" * 129, "a,b", "a;b"])
def test_any_other_id_is_replaced(serve: Serve, request_id: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", ask(serve, ("x-request-id", request_id))[0])


@pytest.mark.parametrize(
    "traceparent",
    [f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00", f"cc-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-more"],
)
def test_a_trace_is_continued_under_a_span_of_our_own(serve: Serve, traceparent: str) -> None:
    seen, trace = ask(serve, ("traceparent", traceparent))
    assert seen == TRACE
    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-{traceparent[53:55]}", trace)
    assert SPAN not in trace


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_an_invalid_trace_is_begun_anew(serve: Serve, traceparent: str) -> None:
    assert TRACE not in ask(serve, ("traceparent", traceparent))[1]
