"""A tiny app that the tests of the local runtime serve."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

from edge.access import ADMIN, PUBLIC, Actor
from edge.app import App
from edge.context import Ports
from edge.endpoint import Body
from edge.events import Delivery, Retry
from edge.http import Response
from edge.ports import Bucket, Database, KeyValue, Log, Queue
from edge.request import Request
from edge.resources import health
from edge.routes import Routes
from edge.settings import Secret, Settings

VERSION = "one"


class TinySettings(Settings):
    """A binding of each kind."""

    db: Database
    kv: KeyValue
    files: Bucket
    jobs: Queue
    key: Secret | None = None


routes = Routes(tag="tiny", access=PUBLIC)


@routes.get("/")
async def get_root() -> Response:
    """Return the version."""
    return Response.text(VERSION)


@routes.get("/named/{name}")
async def get_named(name: str) -> Response:
    """Return the name."""
    return Response.text(name)


@routes.post("/size")
async def count_bytes(request: Request) -> int:
    """Count the bytes of the body."""
    return len(await request.body())


@routes.get("/client")
async def get_client(request: Request) -> Response:
    """Return the request's address."""
    return Response.text(request.client)


@routes.put("/file")
async def keep_file(request: Request, ports: Ports) -> int:
    """Keep the body as a file, and return how much of it is there."""
    await ports.settings.files.put("file", await request.body())
    file = await ports.settings.files.get("file")
    return sum([len(part) async for part in file[1]])


@routes.get("/slow")
async def get_slow(log: Log) -> Response:
    """Answer late."""
    log("info", "slow begun")
    await asyncio.sleep(0.5)
    return Response.text("late")


@routes.get("/stream")
async def get_stream(log: Log) -> Response:
    """Stream without an end."""

    async def parts() -> AsyncIterator[bytes]:
        log("info", "stream begun")
        try:
            while True:
                yield b"part\n"
                await asyncio.sleep(0.01)
        finally:
            log("info", "stream closed")

    return Response(parts())


@routes.get("/broken-stream")
async def get_broken() -> Response:
    """Break in the middle of a stream."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"part\n"
        raise ValueError("broken in the middle")

    return Response(parts())


@routes.get("/split")
async def get_split() -> Response:
    """Try to add a header through another."""
    return Response(headers=[("location", "/\r\nset-cookie: stolen=1")])


@routes.post("/jobs")
async def send_jobs(bodies: Body[list[dict[str, int]]], ports: Ports) -> None:
    """Send messages."""
    await ports.settings.jobs.send_batch(bodies)


@routes.get("/done")
async def list_done(ports: Ports) -> list[int]:
    """List the messages that the consumer has handled."""
    return [row["n"] for row in await ports.settings.db.all("SELECT n FROM done ORDER BY n")]


@routes.queue("jobs", batch_size=4, max_retries=1, retry_delay=0, dead_letter="dead")
async def do_job(delivery: Delivery, ports: Ports) -> None:
    """Work a while, or put the message back, or kill the process, by the message's text."""
    body = delivery.body
    if "kill" in body:
        os.kill(os.getpid(), signal.SIGKILL)
    if "fail" in body:
        raise Retry("as it was told")
    ports.log("info", "working", n=body["n"])
    await asyncio.sleep(body.get("ms", 0) / 1000)
    await ports.settings.db.run("INSERT OR IGNORE INTO done (n) VALUES (?)", body["n"])


@routes.queue("dead", batch_size=100)
async def record_dead_letter(delivery: Delivery, ports: Ports) -> None:
    """Record a dead letter, as a negative number."""
    await ports.settings.db.run("INSERT OR IGNORE INTO done (n) VALUES (?)", -delivery.body.get("n", 1))


async def nobody(request: Request) -> Actor:
    """Let everyone do everything."""
    return Actor(request.client, ADMIN)


app = App(
    "tiny",
    version="1",
    settings=TinySettings,
    resources=[routes, health.routes],
    authenticate=nobody,
    queues={"JOBS": "jobs"},
)
