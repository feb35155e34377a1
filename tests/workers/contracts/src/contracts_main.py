"""Runs the contract cases in workerd: `POST /run/{port}/{case}` answers with the traceback of what failed."""

import asyncio
import traceback
from typing import Any

from js import Error, Promise
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
    model,
    queue,
    quotas,
    rate_limiter,
    scoped,
    telemetry,
)

from edge.access import ADMIN, PUBLIC, Actor
from edge.app import App
from edge.crypto import Crypto
from edge.events import Delivery
from edge.http import Request, Response
from edge.live import Events
from edge.model import Model
from edge.ports import Background, Bucket, Clock, Database, Fetch, KeyValue, Ports, Queue, Quotas, RateLimiter
from edge.routes import Routes
from edge.runtimes.workers import QuotaCounter, event_log, worker
from edge.runtimes.workers.database import database_error
from edge.settings import Settings
from edge.telemetry import Telemetry

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
    "rate_limiter": rate_limiter,
    "scoped": scoped,
    "events": events,
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
    log: Events
    ai: Model


routes = Routes(access=PUBLIC, tag="contracts")


@routes.get("/cases")
async def list_cases() -> dict[str, list[str]]:
    """List the cases of each port."""
    return {port: [*cases] for port, cases in CASES.items()}


@routes.post("/run/{port}/{case}")
async def run_case(port: str, case: str, request: Request) -> Response:
    """Run a case; the body is the address of the origin for those of `Fetch`."""
    arrived.clear()
    given = _given(port, request.ports, (await request.body()).decode())
    try:
        async with asyncio.timeout(PATIENCE):
            await CASES[port][case](*given)
    except Exception:
        return Response.text(traceback.format_exc())
    return Response.text("")


def _given(port: str, ports: Ports, origin: str) -> tuple[Any, ...]:
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
        "model": (settings.ai,),
        "embeddings": (settings.ai,),
        "quotas": (settings.counts,),
        "rate_limiter": (settings.limiter, rate_limiter.RealPeriods()),
    }[port]


@routes.post("/scoped")
async def answer_scoped(request: Request) -> Response:
    """Run a caller's statements and writes in a world of rows."""
    return Response.json(await scoped.answers(request.ports.settings.db, await request.json()))


@routes.post("/d1-error")
async def name_d1_error(request: Request) -> str:
    """Tell what the adapter makes of D1's own words."""
    try:
        await Promise.reject(Error.new((await request.body()).decode()))
    except JsException as fault:
        return type(database_error(fault)).__name__
    return ""


@routes.queue("jobs", batch_size=100)
async def keep(delivery: Delivery) -> None:
    """Keep what comes."""
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
)
Default = worker(app)
EventLog = event_log(app)

__all__ = ["Default", "EventLog", "QuotaCounter"]
