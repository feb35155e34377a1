"""Slow, broken and too many requests: each is answered by a problem or cut off, and none is waited for."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from edge.access import PUBLIC, Actor
from edge.app import App
from edge.context import Ports
from edge.http import Response
from edge.ports import Log
from edge.request import Request
from edge.routes import Routes
from edge.runtimes.local.asgi import Server
from edge.runtimes.local.bounds import MOST_AT_WORK
from edge.runtimes.local.connections import HEAD_LIMIT, BoundedHttp
from edge.runtimes.local.log import LocalLog
from edge.settings import Settings

pytestmark = pytest.mark.slow

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n"
opened = asyncio.Event()


class Hasty(BoundedHttp):
    """Waits for parts of a second."""

    head_patience = 0.3
    body_patience = 0.4


async def nobody(_: Request) -> Actor:
    raise AssertionError


silent = LocalLog("error", len)


routes = Routes(tag="t", access=PUBLIC)


@routes.get("/")
async def root() -> str:
    return "here"


@routes.post("/")
async def size(request: Request) -> int:
    return len(await request.body())


@routes.get("/held")
async def hold() -> Response:
    await opened.wait()
    return Response.text("let go")


app = App("t", version="1", settings=Settings, resources=[routes], authenticate=nobody)

type Talk = Callable[..., Any]


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    """Run the server on a port."""
    ports = Ports(Settings({}), {Log: silent})

    async def nothing() -> None: ...

    config = uvicorn.Config(
        Server(app, lambda: ports, silent, nothing, nothing),
        http=Hasty,
        lifespan="off",
        timeout_keep_alive=1,
        log_config=None,
        h11_max_incomplete_event_size=HEAD_LIMIT,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110 - uvicorn tells by a flag
            await asyncio.sleep(0.01)
        try:
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            await serving


async def talk(port: int, *parts: bytes, pause: float = 0.0, source: str = "127.0.0.1") -> bytes:
    """Send parts with pauses between them, and return all that comes until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))

    async def send() -> None:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause)

    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        sending.cancel()
        writer.close()


def problem(answer: bytes) -> Any:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower(), answer[:300]
    document = json.loads(body)
    assert int(head.split(b" ", 2)[1]) == document["status"]
    return document


SLOW = {
    "nothing": [],
    "half a head": [GET[:20]],
    "a head byte by byte": [bytes([byte]) for byte in GET],
    "no body": [POST],
    "a body byte by byte": [POST, *[b"x"] * 100],
}


@pytest.mark.slow
@pytest.mark.parametrize("parts", SLOW.values(), ids=SLOW)
def test_late_request_is_a_408(parts: list[bytes]) -> None:
    async def run() -> bytes:
        async with served() as port:
            return await talk(port, *parts, pause=0.05)

    assert problem(asyncio.run(run()))["status"] == 408


def test_a_connection_used_in_time_stays_open() -> None:
    async def run() -> bytes:
        async with served() as port:
            return await talk(port, GET, GET, GET, b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", pause=0.2)

    assert asyncio.run(run()).count(b"HTTP/1.1 200") == 4


BROKEN = {
    "no HTTP": b"hello\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nhost : a\r\n\r\n",
    "a bare carriage return": b"GET / HTTP/1.1\r\nhost: a\rb\r\n\r\n",
    "NUL": b"GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "a length that is none": b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
    "a chunk that is none": b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    "an encoding that is none": b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
def test_invalid_http_is_a_problem(sent: bytes) -> None:
    async def run() -> bytes:
        async with served() as port:
            return await talk(port, sent)

    assert problem(asyncio.run(run()))["status"] in {400, 408}


def test_a_head_that_is_too_large_is_a_431() -> None:
    async def run() -> bytes:
        async with served() as port:
            return await talk(port, b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * HEAD_LIMIT)

    assert problem(asyncio.run(run()))["status"] == 431


def test_a_url_that_is_too_long_is_a_414() -> None:
    async def run() -> bytes:
        async with served() as port:
            return await talk(port, b"GET /?%s HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" % (b"q" * 17_000))

    assert problem(asyncio.run(run()))["status"] == 414


def test_a_full_server_says_so_at_once() -> None:
    async def run() -> tuple[list[bytes], list[bytes]]:
        opened.clear()
        ask = b"GET /held HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        async with served() as port:
            half = MOST_AT_WORK // 2
            first, other, third = (f"127.0.0.{number}" for number in (1, 2, 3))
            working = [asyncio.create_task(talk(port, ask, source=first)) for _ in range(half)]
            await asyncio.sleep(0.3)
            refused = [await talk(port, ask, source=first) for _ in range(3)]  # it has its share
            working += [asyncio.create_task(talk(port, ask, source=other)) for _ in range(half)]
            await asyncio.sleep(0.3)
            refused += [await talk(port, ask, source=third) for _ in range(3)]
            opened.set()
            return refused, await asyncio.gather(*working)

    refused, answered = asyncio.run(run())
    for answer in refused:
        assert problem(answer)["status"] == 503
        assert b"retry-after: 1" in answer.lower()
    assert all(b"let go" in answer for answer in answered)
