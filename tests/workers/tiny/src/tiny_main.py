"""The hard cases of the bridge to JavaScript, one route each."""

import asyncio
from collections.abc import AsyncIterator

from edge.access import PUBLIC, Actor
from edge.app import App
from edge.errors import Unauthorized
from edge.events import Delivery, Retry, Tick
from edge.http import Response
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.ports import Background, Bucket, Clock, KeyValue
from edge.request import Request
from edge.routes import Routes
from edge.runtimes.workers.entry import worker
from edge.settings import Settings


class TinySettings(Settings):
    """One binding that is there, and one setting that is not."""

    kv: KeyValue
    files: Bucket
    missing_one: str


routes = Routes(tag="tiny", access=PUBLIC)


@routes.post("/echo")
async def echo(request: Request) -> Response:
    """Give the body back, read twice."""
    body = await request.body(100_000)
    return Response(body if await request.body(100_000) == body else b"", 200, [("content-type", "image/png")])


@routes.get("/cookies")
async def set_cookies() -> Response:
    """Set two cookies."""
    return Response(b"", 200, [("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2, and more; Path=/")])


@routes.get("/split")
async def split() -> Response:
    """Try to smuggle a header."""
    return Response(b"x", 200, [("x-a", "b\r\nx-evil: 1")])


@routes.get("/none")
async def nothing() -> None:
    """Return nothing."""


@routes.any("/any")
async def anything(request: Request) -> dict[str, str]:
    """Return the method."""
    return {"method": request.method}


@routes.get("/setting")
async def read_setting(settings: TinySettings) -> dict[str, str]:
    """Read an unset setting."""
    return {"value": settings.missing_one}


@routes.get("/stream")
async def stream(kv: KeyValue, clock: Clock) -> Response:
    """Send parts until the client disconnects."""

    async def parts() -> AsyncIterator[bytes]:
        try:
            for number in range(200):
                yield f"part {number}\n".encode() + b"." * 20_000
                await clock.sleep(0.02)
        finally:
            await kv.put("stream", "closed")

    return Response(parts(), 200, [("content-type", "text/plain")])


@routes.get("/file/{size}")
async def send_file(size: int, files: Bucket) -> Response:
    """Store a file of so many bytes and send it as the bucket gives it."""
    await files.put("big", bytes(range(256)) * (size // 256), content_type="image/x")
    file = await files.get("big")
    assert file is not None
    return Response(file[1], 200, [("content-type", file[0].content_type or "")])


@routes.get("/broken")
async def break_off() -> Response:
    """Fail after the first part."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"begun"
        raise ValueError("the source failed")

    return Response(parts(), 200, [("content-type", "text/plain")])


@routes.get("/later/{name}")
async def later(name: str, background: Background, clock: Clock, kv: KeyValue) -> dict[str, str]:
    """Do something after the response; `fail` fails."""

    async def work() -> None:
        await clock.sleep(0.3)
        if name == "fail":
            raise ValueError("it broke later")
        await kv.put(name, "done")

    background.add(work())
    return {"status": "begun"}


@routes.get("/kv/{name}")
async def read(name: str, kv: KeyValue) -> Response:
    """Read a value."""
    return Response(await kv.get(name) or b"")


@routes.cron("0 0 * * *")
async def fail_at_midnight(tick: Tick) -> None:
    """Fail."""
    await asyncio.sleep(0)
    raise ValueError(f"failed at {tick.scheduled_at.isoformat()}")


@routes.cron("0 1 * * *")
async def need_a_setting(settings: TinySettings) -> None:
    """Fail for want of a setting."""
    await asyncio.sleep(0)
    assert settings.missing_one


@routes.queue("jobs", retry_delay=7)
async def consume(delivery: Delivery) -> None:
    """Acknowledge, retry or fail, by the message."""
    if delivery.body == "later":
        raise Retry("not yet", 42)
    if delivery.body == "fail":
        raise ValueError("no")


async def nobody(request: Request) -> Actor:
    """Identify nobody."""
    raise Unauthorized(request.path)


app = App(
    "tiny",
    version="1",
    settings=TinySettings,
    resources=[routes],
    authenticate=nobody,
    middleware=[request_id, access_log, cors],
)
Default = worker(app)
