"""An app that echoes HTTP messages, the same on both runtimes; `test_border.py` calls it."""

import asyncio
from collections.abc import AsyncIterator

from edge.access import PUBLIC, Actor
from edge.app import App
from edge.errors import Unauthorized
from edge.http import Response
from edge.request import Request
from edge.routes import Routes
from edge.settings import Settings

LIMIT = 100_000
EVERY_BYTE = bytes(range(256))

routes = Routes("/border", tag="border", access=PUBLIC)


@routes.post("/echo")
async def echo(request: Request) -> Response:
    """Return the body, and whether a second read gives the same."""
    body = await request.body(LIMIT)
    again = "same" if await request.body(LIMIT) == body else "other"
    return Response(body, 200, [("content-type", "application/octet-stream"), ("x-again", again)])


@routes.get("/header")
async def read_header(request: Request) -> dict[str, str | None]:
    """Return the values of a header."""
    return {"odd": request.headers.get("x-odd"), "none": request.headers.get("x-none")}


@routes.get("/client")
async def read_client(request: Request) -> str:
    """Return the request's address."""
    return request.client


@routes.get("/endless")
async def stream_for_ever() -> Response:
    """Send parts without an end."""

    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield EVERY_BYTE * 100
            await asyncio.sleep(0.01)

    return Response(chunks())


@routes.get("/headers")
async def send_headers() -> Response:
    """Send headers that are seldom sent."""
    return Response(b"", 200, [("x-odd", "Ünï 🚗"), ("x-two", "1"), ("x-two", "2"), ("x-empty", "")])


@routes.get("/untyped")
async def send_untyped() -> Response:
    """Send text without saying that it is text."""
    return Response(b"text")


@routes.get("/refused/{code}")
async def send_refused(code: int) -> Response:
    """Try to send a character in a header that HTTP cannot carry there."""
    return Response(b"secret", 200, [("x-a", f"b{chr(code)}x-evil: 1")])


@routes.get("/stream/{parts}")
async def stream(parts: int) -> Response:
    """Send so many parts, with an empty one before each."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(parts):
            yield b""
            yield EVERY_BYTE * 100

    return Response(chunks(), 200, [("content-type", "application/octet-stream")])


async def nobody(_: Request) -> Actor:
    """Identify nobody: only public routes are open."""
    raise Unauthorized("nobody may")


app = App("echo", version="1", settings=Settings, resources=[routes], authenticate=nobody)
