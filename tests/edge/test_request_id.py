"""Request id and trace context: taken over where valid, made anew where not."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from edge.access import PUBLIC
from edge.middleware import request_id as module
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


@pytest.mark.parametrize("given", ["a", "0", "A.b_c~d-9", "x" * 128])
def test_an_id_of_safe_letters_is_kept(serve: Serve, given: str) -> None:
    assert ask(serve, ("X-Request-Id", given))[0] == given


@pytest.mark.parametrize("given", ["", "-a", "a b", "a\n", "a\r\nb: c", "é", "<script>", "x" * 129, "a,b", "a;b"])
def test_any_other_id_is_replaced(serve: Serve, given: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", ask(serve, ("x-request-id", given))[0])


@pytest.mark.parametrize(
    "given",
    [f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00", f"cc-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-more"],
)
def test_a_trace_is_continued_under_a_span_of_our_own(serve: Serve, given: str) -> None:
    seen, trace = ask(serve, ("traceparent", given))
    assert seen == TRACE
    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-{given[53:55]}", trace)
    assert SPAN not in trace


@pytest.mark.parametrize(
    "given",
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
def test_an_invalid_trace_is_begun_anew(serve: Serve, given: str) -> None:
    assert TRACE not in ask(serve, ("traceparent", given))[1]


def test_ids_of_many_requests_differ(serve: Serve) -> None:
    number = 3 * module.DRAWN
    answers = [ask(serve) for _ in range(number)]
    assert len({request_id for request_id, _ in answers}) == number
    assert len({trace.split("-")[2] for _, trace in answers}) == number


def test_no_id_is_drawn_at_import() -> None:
    """A snapshot of the module would give the same ids to every isolate."""
    program = "from edge.middleware import request_id; print(len(request_id._FRESH))"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
