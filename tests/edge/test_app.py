"""The pipeline of a request: the order of the layers, the rights of each, and an answer in every case."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from edge.access import PUBLIC, READER
from edge.endpoint import PlanError
from edge.http import Response
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.pipeline import Next
from edge.ports import Clock, Log
from edge.request import Request
from edge.routes import Routes
from edge.testing import Client, EndlessStream

type Serve = Callable[..., Client]


def pages(ran: list[str]) -> Routes:
    routes = Routes(tag="t", access=PUBLIC)

    @routes.get("/x")
    async def get_x() -> str:
        ran.append("handler")
        return "x"

    @routes.get("/bug")
    async def bug() -> None:
        raise RuntimeError("a bug")

    @routes.get("/locked", access=READER)
    async def locked() -> None:
        ran.append("locked")

    return routes


def layer(name: str, ran: list[str]) -> Callable[[Request, Next], Any]:
    async def pass_on(request: Request, call_next: Next) -> Response:
        ran.append(f"{name} in")
        response = await call_next(request)
        ran.append(f"{name} out")
        return response

    return pass_on


def test_middleware_runs_from_the_first_inwards_and_back(serve: Serve) -> None:
    ran: list[str] = []
    asyncio.run(serve(pages(ran), middleware=[layer("a", ran), layer("b", ran)]).get("/x"))
    assert ran == ["a in", "b in", "handler", "b out", "a out"]


@pytest.mark.parametrize("target", ["/x", "/nowhere", "/bug", "/locked", "/%"])
def test_every_answer_goes_back_through_every_layer(serve: Serve, target: str) -> None:
    ran: list[str] = []
    asyncio.run(serve(pages(ran), middleware=[layer("a", ran)]).get(target))
    assert (ran[0], ran[-1]) == ("a in", "a out")


def test_a_layer_may_answer_itself(serve: Serve) -> None:
    ran: list[str] = []

    async def teapot(_request: Request, _call_next: Next) -> Response:
        return Response.text("teapot", 418)

    answer = asyncio.run(serve(pages(ran), middleware=[layer("a", ran), teapot]).get("/x"))
    assert (answer.status, ran) == (418, ["a in", "a out"])


async def breaks_before(_request: Request, _call_next: Next) -> Response:
    raise RuntimeError("in the middleware")


async def breaks_after(request: Request, call_next: Next) -> Response:
    await call_next(request)
    raise RuntimeError("in the middleware")


@pytest.mark.parametrize("broken", [breaks_before, breaks_after])
def test_a_bug_in_a_layer_is_answered_and_logged_and_the_outer_layers_do_their_part(
    serve: Serve, log: Any, broken: Any
) -> None:
    client = serve(pages([]), middleware=[request_id, access_log, cors, broken])
    answer = asyncio.run(client.get("/x"))
    assert (answer.status, answer.json()["title"]) == (500, "Internal server error")
    assert answer.header("access-control-allow-origin") == "http://localhost:3000"
    assert answer.header("x-request-id") == answer.json()["request_id"]
    assert [line["message"] for line in log.lines] == ["unhandled", "request"]


def test_a_bug_in_the_outermost_layer_is_answered(serve: Serve) -> None:
    assert asyncio.run(serve(pages([]), middleware=[breaks_before]).get("/x")).status == 500


def finisher(name: str, ran: list[str]) -> Callable[[Request, Response], None]:
    def finish(_request: Request, response: Response) -> None:
        ran.append(f"{name} {response.status}")

    return finish


def broken_finisher(_request: Request, _response: Response) -> None:
    raise RuntimeError("in the middleware")


def test_plain_functions_finish_the_response_from_the_last_outwards(serve: Serve) -> None:
    ran: list[str] = []
    layers = [finisher("a", ran), layer("b", ran), finisher("c", ran), finisher("d", ran)]
    asyncio.run(serve(pages(ran), middleware=layers).get("/x"))
    assert ran == ["b in", "handler", "d 200", "c 200", "b out", "a 200"]


def test_finishers_outside_of_a_broken_one_finish_the_500(serve: Serve, log: Any) -> None:
    ran: list[str] = []
    layers = [finisher("a", ran), broken_finisher, finisher("b", ran)]
    answer = asyncio.run(serve(pages(ran), middleware=layers).get("/x"))
    assert (answer.status, ran) == (500, ["handler", "b 200", "a 500"])
    assert [line["message"] for line in log.lines] == ["unhandled"]


def test_finisher_gets_the_ports_of_its_signature(serve: Serve, log: Any) -> None:
    def timed(_request: Request, _response: Response, clock: Clock, lines: Log) -> None:
        lines("info", "at", year=clock.now().year)

    assert asyncio.run(serve(pages([]), middleware=[timed]).get("/x")).json() == "x"
    assert log.lines == [{"level": "info", "message": "at", "year": 2026}]


def test_a_layer_gets_the_ports_of_its_signature(serve: Serve, log: Any) -> None:
    async def timed(request: Request, call_next: Next, clock: Clock, lines: Log) -> Response:
        lines("info", "at", year=clock.now().year)
        return await call_next(request)

    assert asyncio.run(serve(pages([]), middleware=[timed]).get("/x")).json() == "x"
    assert log.lines == [{"level": "info", "message": "at", "year": 2026}]


def test_a_layer_with_an_unknown_parameter_is_an_error_at_import(serve: Serve) -> None:
    async def odd(_request: Request, _call_next: Next, number: int) -> Response:
        return Response(status=number)

    with pytest.raises(PlanError, match="nothing provides number"):
        serve(pages([]), middleware=[odd])


@pytest.mark.parametrize(
    ("target", "route", "status"),
    [("/x?key=secret", "/x", 200), ("/bug", "/bug", 500), ("/nowhere/secret", None, 404), ("/locked", "/locked", 401)],
)
def test_the_access_log_names_the_route_and_never_the_path_or_the_query(
    serve: Serve, log: Any, target: str, route: str | None, status: int
) -> None:
    answer = asyncio.run(serve(pages([]), middleware=[request_id, access_log]).get(target))
    (line,) = [line for line in log.lines if line["message"] == "request"]
    assert (line["method"], line["route"], line["status"], line["actor"]) == ("GET", route, status, None)
    assert line["request_id"] == answer.header("x-request-id")
    assert str(answer.header("server-timing")) == f"app;dur={line['ms']:.2f}"
    assert "secret" not in str(line)


def test_the_access_log_names_the_caller(serve: Serve, log: Any) -> None:
    client = serve(pages([]), middleware=[access_log])
    asyncio.run(client.get("/locked", headers=[("x-api-key", "the-admin-key")]))
    assert log.lines[-1]["actor"] == "admin"


def test_head_has_no_body_from_any_handler(serve: Serve) -> None:
    async def teapot(_request: Request, _call_next: Next) -> Response:
        return Response.text("teapot", 418)

    answer = asyncio.run(serve(pages([]), middleware=[teapot]).request("HEAD", "/x"))
    assert (answer.status, answer.body, answer.header("content-length")) == (418, b"", "6")


def test_a_stream_is_handed_through_part_by_part(serve: Serve) -> None:
    routes = Routes(tag="t", access=PUBLIC)

    async def parts() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"%d" % number

    @routes.get("/stream")
    async def stream() -> Response:
        return Response(parts())

    client = serve(routes, middleware=[request_id, access_log, cors])
    assert asyncio.run(client.get("/stream")).body == b"012"
    assert asyncio.run(client.request("HEAD", "/stream")).body == b""


class Parts:
    """A stream without an end, which tells whether it was closed."""

    def __init__(self) -> None:
        self.sent = 0
        self.is_closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self.sent += 1
        return bytes(1 << 20)

    async def aclose(self) -> None:
        self.is_closed = True


def streaming(parts: Parts) -> Routes:
    routes = Routes(tag="t", access=PUBLIC)

    @routes.get("/stream")
    async def stream() -> Response:
        return Response(parts)

    @routes.post("/stream")
    async def post_stream() -> Response:
        return Response(parts)

    return routes


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket"])
def test_stream_answers_no_handshake_and_is_closed_unread(serve: Serve, protocol: str) -> None:
    parts = Parts()
    client = serve(streaming(parts), middleware=[request_id, access_log, cors])
    answer = asyncio.run(client.get("/stream", headers=[("upgrade", protocol)]))
    assert (answer.status, answer.json()["type"]) == (400, "urn:problem:plain-http-only")
    assert answer.header("access-control-allow-origin") == "http://localhost:3000"
    assert (parts.is_closed, parts.sent) == (True, 0)


def test_head_of_a_stream_closes_it_unread(serve: Serve) -> None:
    for headers in ([], [("upgrade", "websocket")]):
        parts = Parts()
        assert asyncio.run(serve(streaming(parts)).request("HEAD", "/stream", headers=headers)).body == b""
        assert (parts.is_closed, parts.sent) == (True, 0)


@pytest.mark.parametrize(("method", "headers"), [("GET", []), ("POST", [("upgrade", "websocket")])])
def test_client_reads_so_much_of_a_stream_and_closes_it(serve: Serve, method: str, headers: Any) -> None:
    parts = Parts()
    with pytest.raises(EndlessStream):
        asyncio.run(serve(streaming(parts)).request(method, "/stream", headers=headers))
    assert parts.is_closed
    assert parts.sent <= 17


def test_an_app_answers_requests_at_the_same_time(serve: Serve) -> None:
    routes = Routes(tag="t", access=PUBLIC)
    gate = asyncio.Event()

    @routes.get("/wait")
    async def wait() -> str:
        await gate.wait()
        return "waited"

    @routes.get("/open")
    async def open_gate() -> str:
        gate.set()
        return "opened"

    client = serve(routes, middleware=[request_id, access_log, cors])

    async def both() -> list[str]:
        return [answer.json() for answer in await asyncio.gather(client.get("/wait"), client.get("/open"))]

    assert asyncio.run(both()) == ["waited", "opened"]
