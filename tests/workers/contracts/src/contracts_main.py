"""Runs the contract cases in workerd: `POST /run/{port}/{case}` answers with the traceback of a failure."""

import asyncio
import traceback
from typing import Any

from js import Error, Promise
from pydantic_core import from_json, to_json
from pyodide.ffi import JsException
from tests.contracts import (
    bucket,
    clock,
    crypto,
    database,
    echo,
    embeddings,
    events,
    fetch,
    key_value,
    mailer,
    model,
    queue,
    quotas,
    rate_limiter,
    scoped,
    telemetry,
    throttle,
)

from edge.access import ADMIN, PUBLIC, Actor
from edge.app import App
from edge.context import Ports
from edge.events import Delivery
from edge.http import Response
from edge.ports import (
    Background,
    Bucket,
    Clock,
    Database,
    Fetch,
    KeyValue,
    Mailer,
    Queue,
    Quotas,
    RateLimiter,
    Throttle,
)
from edge.ports.crypto import Crypto
from edge.ports.events import Events
from edge.ports.model import Model
from edge.ports.telemetry import Telemetry
from edge.request import Request
from edge.routes import Routes
from edge.runtimes.workers.database import database_error
from edge.runtimes.workers.entry import worker
from edge.runtimes.workers.event_log import event_log
from edge.runtimes.workers.js_bridge import raw
from edge.runtimes.workers.log_sockets import LogSocket
from edge.runtimes.workers.quotas import QuotaCounter
from edge.runtimes.workers.throttle import CallThrottle
from edge.settings import Settings

MODULES: dict[str, Any] = {
    "database": database,
    "key_value": key_value,
    "bucket": bucket,
    "queue": queue,
    "fetch": fetch,
    "clock": clock,
    "crypto": crypto,
    "telemetry": telemetry,
    "quotas": quotas,
    "throttle": throttle,
    "rate_limiter": rate_limiter,
    "scoped": scoped,
    "events": events,
    "mailer": mailer,
    "model": model,
    "embeddings": embeddings,
}
CASES = {port: {case.__name__: case for case in module.CASES} for port, module in MODULES.items()}
PATIENCE = 20.0

arrived: list[Any] = []


class ContractSettings(Settings):
    """A binding of each kind."""

    db: Database
    kv: KeyValue
    files: Bucket
    jobs: Queue
    points: Telemetry
    limiter: RateLimiter
    counts: Quotas
    calls: Throttle
    log: Events
    old: Events
    ai: Model
    mails: Mailer


routes = Routes(access=PUBLIC, tag="contracts")


@routes.get("/cases")
async def list_cases() -> dict[str, list[str]]:
    """List the cases of each port."""
    return {port: [*cases] for port, cases in CASES.items()}


@routes.post("/run/{port}/{case}")
async def run_case(port: str, case: str, request: Request) -> Response:
    """Run a case; the body is the address of the origin for those of `Fetch`."""
    arrived.clear()
    arguments = _arguments(port, request.ports, (await request.body()).decode())
    try:
        async with asyncio.timeout(PATIENCE):
            await CASES[port][case](*arguments)
    except Exception:
        return Response.text(traceback.format_exc())
    return Response.text("")


def _arguments(port: str, ports: Ports, origin: str) -> tuple[Any, ...]:
    settings, runtime = ports.settings, ports.runtime
    return {
        "database": (settings.db,),
        "scoped": (settings.db,),
        "key_value": (settings.kv,),
        "bucket": (settings.files,),
        "queue": (settings.jobs, received),
        "fetch": (runtime[Fetch], origin),
        "clock": (runtime[Clock], runtime[Background]),
        "crypto": (runtime[Crypto],),
        "telemetry": (settings.points,),
        "events": (settings.log,),
        "mailer": (settings.mails,),
        "model": (settings.ai,),
        "embeddings": (settings.ai,),
        "quotas": (settings.counts,),
        "throttle": (settings.calls,),
        "rate_limiter": (settings.limiter, rate_limiter.RealPeriods()),
    }[port]


@routes.get("/crossings")
async def count_crossings() -> dict[str, list[str]]:
    """Return what requests to the small API cross into JavaScript."""
    from tests.contracts import crossings  # noqa: PLC0415 - the small API is there for one test alone

    return await crossings.counted()


@routes.post("/old-log")
async def read_old_log(ports: Ports) -> Response:
    """Read a log that an earlier version has written."""
    try:
        await events.an_old_log_is_brought_up_to_date(ports.settings.old)
    except Exception:
        return Response.text(traceback.format_exc())
    return Response.text("")


class Attached:
    """A socket with its attachment."""

    def __init__(self, attachment: str) -> None:
        self.attachment = attachment

    def deserializeAttachment(self) -> str:  # noqa: N802 - the platform's name
        """Return it."""
        return self.attachment

    def serializeAttachment(self, text: str) -> None:  # noqa: N802 - the platform's name
        """Replace it."""
        self.attachment = text


@routes.post("/attachment")
async def read_attachment(request: Request) -> Response:
    """Return an attachment as a connection reads it, and as it would write it."""
    socket = Attached((await request.body()).decode())
    member = LogSocket.of(socket)
    assert member is not None
    member.keep()
    return Response.json({"actor": repr(member.actor), "check_s": member.check_s, "kept": from_json(socket.attachment)})


@routes.post("/scoped")
async def answer_scoped(request: Request) -> Response:
    """Run a caller's statements and writes in a world of rows."""
    return Response.json(await scoped.answers(request.ports.settings.db, await request.json()))


@routes.post("/d1-error")
async def name_d1_error(request: Request) -> str:
    """Return the adapter's exception for D1's own message."""
    try:
        await Promise.reject(Error.new((await request.body()).decode()))
    except JsException as fault:
        return type(database_error(fault)).__name__
    return ""


@routes.queue("jobs", batch_size=100)
async def keep(delivery: Delivery) -> None:
    """Keep the received message."""
    arrived.append(delivery.body)


async def received(count: int) -> list[Any]:
    """Wait for messages. They come in other events, with which no future may be shared."""
    while len(arrived) < count:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return [*arrived]


async def nobody(request: Request) -> Actor:
    """Let everyone do everything."""
    return Actor(request.client, ADMIN)


app = App(
    "contracts",
    version="1",
    settings=ContractSettings,
    resources=[routes, echo.routes],
    authenticate=nobody,
    queues={"JOBS": "jobs"},
    limits={"LIMITER": rate_limiter.LIMIT},
    audiences=events.AUDIENCES,
    revalidate=events.revalidate,
)
Default = worker(app)
EventLog = event_log(app)


class OldLog(event_log(app)):  # type: ignore[misc] # a class that is made
    """A log with stored events of an earlier version."""

    def __init__(self, ctx: Any, env: Any) -> None:
        sql = raw(getattr(ctx, "_ctx", ctx)).storage.sql
        if not sql.exec("SELECT name FROM sqlite_schema WHERE name = 'events'").raw().toArray().length:
            sql.exec("CREATE TABLE events (seq INTEGER PRIMARY KEY, type TEXT, json TEXT)")
            rows = to_json(events.old_rows()).decode()
            sql.exec("INSERT INTO events SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)", rows)
        super().__init__(ctx, env)


__all__ = ["CallThrottle", "Default", "EventLog", "OldLog", "QuotaCounter"]
