"""The ASGI application in process: a scope goes in, messages come out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
from tests.edge.runtimes.tiny import nobody

from edge.access import PUBLIC
from edge.app import App
from edge.context import Ports
from edge.http import HeaderList, Response
from edge.ports import Log
from edge.request import Request
from edge.routes import Routes
from edge.runtimes.local import bounds, encoding, in_flight
from edge.runtimes.local.asgi import Server
from edge.runtimes.local.incoming import Message
from edge.runtimes.local.log import LocalLog
from edge.settings import Settings

type Handler = Callable[[Request], Awaitable[Response]]

END: Message = {"type": "http.request", "body": b"", "more_body": False}


def call(handler: Handler, received: Sequence[Message] = (END,), **scope: Any) -> tuple[list[Message], list[bytes]]:
    """Send one request to an app with one handler; return the messages that it sends and the lines that it logs."""
    routes = Routes(tag="all", access=PUBLIC)

    async def below(request: Request, path: str) -> Response:
        assert path
        return await handler(request)

    routes.any("/{path:path}")(below)
    routes.any("/")(handler)
    app = App("one", version="1", settings=Settings, resources=[routes], authenticate=nobody)
    lines: list[bytes] = []
    log = LocalLog(write=lines.append)
    sent: list[Message] = []
    waiting = list(received)

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def nothing() -> None:
        pass

    server = Server(app, lambda: Ports(Settings({}), {Log: log}), log, nothing, nothing)
    whole: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
        "client": None,
    }
    asyncio.run(server({**whole, **scope}, receive, send))
    return sent, lines


def answers(body: Any = b"", status: int = 200, headers: HeaderList | None = None) -> Handler:
    """Return a handler with one answer."""

    async def handler(_: Request) -> Response:
        return Response(body, status, list(headers or []))

    return handler


@pytest.mark.parametrize(
    ("response", "method", "length"),
    [
        (answers(b"four"), "GET", b"4"),
        (answers(b""), "GET", b"0"),
        (answers(b"four", headers=[("content-length", "4")]), "GET", b"4"),
        (answers(b"four"), "HEAD", b"4"),
        (answers(b"", 204), "GET", None),
        (answers(b"", 204), "HEAD", None),
        (answers(b"", 304), "GET", None),
    ],
)
def test_a_length_is_given_once_or_not_at_all(response: Handler, method: str, length: bytes | None) -> None:
    (start, _), _ = call(response, method=method)
    assert [value for name, value in start["headers"] if name == b"content-length"] == ([length] if length else [])


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\0b", "\ud800"])
def test_a_header_that_cannot_be_sent_is_a_logged_500(value: str) -> None:
    (start, body), lines = call(answers(headers=[("x", value)]))
    assert (start["status"], body["body"]) == (500, b"")
    assert b"response refused" in lines[0]


def test_path_and_query_stay_encoded() -> None:
    seen: list[tuple[str, str, str | None]] = []

    async def handler(request: Request) -> Response:
        seen.append((request.path, request.query, request.headers.get("x-a")))
        return Response()

    call(handler, raw_path=b"/a%2Fb%20", query_string=b"q=%C3%BC", headers=[(b"x-a", b"1"), (b"x-a", b"2")])
    call(handler, raw_path=b"http://host/a%2Fb")
    call(handler, raw_path=b"http://host")
    assert seen == [("/a%2Fb%20", "q=%C3%BC", "1, 2"), ("/a%2Fb", "", None), ("/", "", None)]


def test_a_body_in_parts_is_one_body() -> None:
    async def handler(request: Request) -> Response:
        return Response(await request.body())

    parts: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in (b"one", b"two")]
    (_, body), _ = call(handler, [*parts, END], method="POST")
    assert body["body"] == b"onetwo"


def test_a_body_that_breaks_off_is_no_error_of_ours() -> None:
    async def handler(request: Request) -> Response:
        return Response(await request.body())

    part: Message = {"type": "http.request", "body": b"one", "more_body": True}
    (start, _), lines = call(handler, [part, {"type": "http.disconnect"}], method="POST")
    assert start["status"] == 400
    assert lines == []


def test_a_stream_goes_out_part_by_part_and_ends() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    (start, *rest), _ = call(answers(parts()))
    assert all(name != b"content-length" for name, _ in start["headers"])
    assert [(message["body"], message.get("more_body", False)) for message in rest] == [
        (b"one", True),
        (b"two", True),
        (b"", False),
    ]


def test_a_lifespan_starts_and_stops() -> None:
    (started, stopped), _ = call(
        answers(), [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}], type="lifespan"
    )
    assert started["type"] == "lifespan.startup.complete"
    assert stopped["type"] == "lifespan.shutdown.complete"


def test_an_answer_that_takes_too_long_is_a_504(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "TIME_LIMIT", 0.02)
    monkeypatch.setattr(in_flight, "CHECK_S", 0.01)

    async def never(_: Request) -> Response:
        await asyncio.sleep(30)
        return Response()

    (start, body), _ = call(never)
    assert start["status"] == 504
    assert b"not done in 0.02 s" in body["body"]


def test_names_of_headers_are_remembered_and_bounded() -> None:
    for number in range(2 * encoding.MOST_NAMES):
        assert encoding.ENCODED_NAMES[f"x-{number}"] == b"x-%d" % number
    assert len(encoding.ENCODED_NAMES) <= encoding.MOST_NAMES


@pytest.mark.parametrize("name", ["x\r\ny", "x\0"])
def test_a_header_name_with_a_break_is_refused(name: str) -> None:
    (start, _), _ = call(answers(headers=[(name, "a")]))
    assert start["status"] == 500


@pytest.mark.parametrize("name", ["content-type", "vary", "x"])
@pytest.mark.parametrize("value", ["a\r\nb: c", "a\0", "\x85a", "ü\n"])
def test_a_header_with_a_break_is_refused_each_time(name: str, value: str) -> None:
    for _ in range(2):
        (start, _), _ = call(answers(headers=[(name, value)]))
        assert start["status"] == (200 if value == "\x85a" else 500)
