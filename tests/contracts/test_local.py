"""The contract cases, run against the local adapters."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.contracts import (
    bucket,
    clock,
    crypto,
    database,
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
from tests.contracts.expected import refused
from tests.contracts.model import fails
from tests.contracts.origin import origin

from edge.ports import DatabaseError, FetchError, ForeignKeyViolation, Limit, LimitExceeded, Statement, Window
from edge.ports.model import ModelError, ModelRefused, Prompt
from edge.runtimes.local.background import LocalBackground
from edge.runtimes.local.bucket import LocalBucket
from edge.runtimes.local.clock import LocalClock
from edge.runtimes.local.crypto import LocalCrypto
from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.events import LocalEvents
from edge.runtimes.local.fetch import LocalFetch
from edge.runtimes.local.key_value import LocalKeyValue
from edge.runtimes.local.log import LocalLog
from edge.runtimes.local.mailer import LocalMailer
from edge.runtimes.local.model import LocalModel
from edge.runtimes.local.queue import LocalQueue, QueueStore
from edge.runtimes.local.quotas import LocalQuotas
from edge.runtimes.local.rate_limiter import LocalRateLimiter
from edge.runtimes.local.telemetry import LocalTelemetry
from edge.runtimes.local.throttle import LocalThrottle
from sims.model import EMBEDDER, KEY, MODEL, ModelSim

pytestmark = pytest.mark.slow

NOT_LOCAL = {"an_event_writes_25_points": "here nobody counts the points of one event"}
"""Differences of the local runtime, with reasons; each case must indeed fail here."""


def each(cases: Iterable[Callable[..., Any]]) -> pytest.MarkDecorator:
    """Parametrize a test by cases, named as they are."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.__name__, marks=_marks(case)) for case in cases])


def _marks(case: Callable[..., Any]) -> list[pytest.MarkDecorator]:
    reason = NOT_LOCAL.get(case.__name__)
    return [pytest.mark.xfail(strict=True, reason=reason)] if reason else []


@each(database.CASES)
def test_database(case: database.Case, tmp_path: Path) -> None:
    db = LocalDatabase(tmp_path / "db.sqlite")
    asyncio.run(finished(case(db)))
    db.close()


@each(scoped.CASES)
def test_scoped_database(case: scoped.Case, tmp_path: Path) -> None:
    db = LocalDatabase(tmp_path / "db.sqlite")
    asyncio.run(finished(case(db)))
    db.close()


@each(key_value.CASES)
def test_key_value(case: key_value.Case, tmp_path: Path) -> None:
    kv = LocalKeyValue(tmp_path / "kv.sqlite")
    asyncio.run(finished(case(kv)))
    kv.close()


@each(mailer.CASES)
def test_mailer(case: mailer.Case, tmp_path: Path) -> None:
    asyncio.run(finished(case(LocalMailer(tmp_path / "mail", lambda: LocalLog("error")))))


@each(bucket.CASES)
def test_bucket(case: bucket.Case, tmp_path: Path) -> None:
    files = LocalBucket(tmp_path / "files")
    asyncio.run(finished(case(files)))
    files.close()


@each(queue.CASES)
def test_queue(case: queue.Case, tmp_path: Path) -> None:
    store = QueueStore(tmp_path / "queues.sqlite")

    async def received(count: int) -> list[Any]:
        got: list[Any] = []
        while len(got) < count:
            batch = await store.lease("jobs", 100)
            got += [delivery.body for delivery in batch]
            await store.delete(delivery.id for delivery in batch)
        return got

    asyncio.run(finished(case(LocalQueue(store, "jobs"), received)))
    store.close()


class Now:
    """A clock that stands still, and jumps to the next period on demand."""

    def __init__(self) -> None:
        self.seconds = 1_000_000_005.0

    async def steady(self) -> None:
        pass

    async def next(self) -> None:
        self.seconds += rate_limiter.LIMIT.period


@each(rate_limiter.CASES)
def test_rate_limiter(case: rate_limiter.Case) -> None:
    now = Now()
    limiter = LocalRateLimiter(rate_limiter.LIMIT, now=lambda: now.seconds)
    asyncio.run(finished(case(limiter, now)))


def test_a_rate_limiter_counts_so_many_keys_and_no_more() -> None:
    async def run() -> None:
        limiter = LocalRateLimiter(Limit(1, 60), keys=2, now=lambda: 0.0)
        assert [(await limiter.take(key)).ok for key in ("a", "b", "a", "b")] == [True, True, False, False]
        assert (await limiter.take("c")).ok  # the first is forgotten for it
        assert [(await limiter.take(key)).ok for key in ("b", "c", "a")] == [False, False, True]

    asyncio.run(run())


@each(quotas.CASES)
def test_quotas(case: quotas.Case, tmp_path: Path) -> None:
    with closing(LocalQuotas(tmp_path / "quotas" / "COUNTS.sqlite")) as counts:
        asyncio.run(finished(case(counts)))


@each(throttle.CASES)
def test_throttle(case: throttle.Case, tmp_path: Path) -> None:
    with closing(LocalThrottle(tmp_path / "throttles" / "CALLS.sqlite")) as calls:
        asyncio.run(finished(case(calls)))


def test_throttle_holds_over_processes_and_a_clock_that_goes_back(tmp_path: Path) -> None:
    async def run() -> list[float]:
        now = Now()
        path = tmp_path / "throttles" / "CALLS.sqlite"
        ahead = LocalThrottle(path, now=lambda: now.seconds)
        behind = LocalThrottle(path, now=lambda: now.seconds - 100)
        with closing(ahead), closing(behind):
            return [await calls.reserve("tessie", throttle.SLOW) for calls in (ahead, behind, ahead, behind)]

    assert asyncio.run(run()) == [0.0, 0.0, 2.0, 4.0]


def test_window_holds_at_every_moment_for_any_calls(tmp_path: Path) -> None:
    """No 60 seconds hold more than 60 calls, however calls of two windows come; refused ones are made nowhere."""
    random = Random(7)

    async def run() -> list[float]:
        now = Now()
        taken_at = list[float]()
        with closing(LocalThrottle(tmp_path / "throttles" / "CALLS.sqlite", now=lambda: now.seconds)) as calls:
            for _ in range(1_500):
                now.seconds += random.choice([0.0, 0.0, 0.0, 0.1, 2.0, 9.0 * random.random()])
                window, patience = random.choice([(Window(60, 60.0), 2.0), (Window(40, 60.0), 90.0)])
                wait = await calls.admit("discogs", window, patience)
                if wait <= patience:
                    taken_at.append(now.seconds + wait)
        return sorted(taken_at)

    taken_at = asyncio.run(run())
    assert len(taken_at) > 500
    assert all(later - earlier >= 60.0 - 1e-6 for earlier, later in zip(taken_at, taken_at[60:], strict=False))


def test_window_forgets_calls_of_a_clock_that_was_set_back(tmp_path: Path) -> None:
    async def run() -> float:
        now = Now()
        with closing(LocalThrottle(tmp_path / "throttles" / "CALLS.sqlite", now=lambda: now.seconds)) as calls:
            now.seconds += 86_400
            for _ in range(3):
                await calls.admit("discogs", throttle.MINUTE)
            await calls.pause("discogs", 30)
            now.seconds -= 86_400
            return await calls.admit("discogs", throttle.MINUTE, patience=700)

    assert asyncio.run(run()) <= 600


@each(telemetry.CASES)
def test_telemetry(case: telemetry.Case, tmp_path: Path) -> None:
    log = LocalLog(write=bytes.strip)
    with closing(LocalTelemetry(tmp_path / "analytics" / "points.sqlite", lambda: log)) as points:
        asyncio.run(finished(case(points)))


@each(fetch.CASES)
def test_fetch(case: fetch.Case) -> None:
    async def run() -> None:
        async with origin() as url:
            port = LocalFetch()
            try:
                await case(port, url)
            finally:
                await port.close()

    asyncio.run(run())


@each(clock.CASES)
def test_clock_and_background(case: clock.Case) -> None:
    async def run() -> None:
        background = LocalBackground(LocalLog(write=bytes.strip))
        await case(LocalClock(), background)
        await background.drain(5)

    asyncio.run(run())


@each(crypto.CASES)
def test_crypto(case: crypto.Case) -> None:
    asyncio.run(finished(case(LocalCrypto())))


@each(events.CASES)
def test_events(case: events.Case, tmp_path: Path) -> None:
    async def run() -> None:
        log = LocalEvents(tmp_path / "events" / "log.sqlite", events.app(), events.no_ports)
        await finished(case(log))
        await log.end()
        log.close()

    asyncio.run(run())


@each(model.CASES)
def test_model(case: model.Case) -> None:
    run_with_model(case)


@each(embeddings.CASES)
def test_embeddings(case: model.Case) -> None:
    run_with_model(case)


def run_with_model(case: model.Case) -> None:
    """Run a case against the stand-in."""

    async def run(url: str) -> None:
        port = LocalModel(url, KEY)
        try:
            await finished(case(port))
        finally:
            await port.close()

    with ModelSim() as sim:
        asyncio.run(run(sim.openai_url))


async def finished(case: Awaitable[None]) -> None:
    """Run a case; one that hangs fails."""
    async with asyncio.timeout(30):
        await case


def test_a_response_over_the_cap_is_an_error() -> None:
    async def run() -> None:
        async with origin() as url:
            port = LocalFetch(max_body=10)
            await refused(FetchError, port("GET", f"{url}/gzip"))
            await port.close()

    asyncio.run(run())


def test_a_function_takes_at_most_32_arguments_here(tmp_path: Path) -> None:
    """As Cloudflare documents; workerd itself is more generous."""
    db = LocalDatabase(tmp_path / "db.sqlite")
    asyncio.run(refused(LimitExceeded, db.first(f"SELECT max({', '.join('1' * 33)})")))
    db.close()


def test_deferred_foreign_key_is_a_violation_here(tmp_path: Path) -> None:
    db = LocalDatabase(tmp_path / "db.sqlite")
    late = [Statement("PRAGMA defer_foreign_keys = ON"), Statement("INSERT INTO child VALUES (1)")]

    async def run() -> None:
        await db.run("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        await db.run("CREATE TABLE child (parent INTEGER REFERENCES parent(id))")
        await refused(ForeignKeyViolation, db.batch(late))

    asyncio.run(run())
    db.close()


def test_message_of_a_trigger_is_no_violation_here(tmp_path: Path) -> None:
    db = LocalDatabase(tmp_path / "db.sqlite")
    db.connection.executescript(
        "CREATE TABLE t (a); CREATE TRIGGER refuse BEFORE INSERT ON t "
        "BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: t.a'); END"
    )

    async def run() -> None:
        (fault,) = await asyncio.gather(db.run("INSERT INTO t VALUES (1)"), return_exceptions=True)
        assert type(fault) is DatabaseError

    asyncio.run(run())
    db.close()


def test_a_server_without_the_model_is_asked_for_its_own_of_that_kind() -> None:
    async def run(url: str) -> None:
        port = LocalModel(url, KEY)
        for name in ("@cf/baai/bge-m3", EMBEDDER):
            await port.embed(["text"], name)
        await fails(ModelRefused, port.embed(["text"], MODEL))
        await port.answer(Prompt("@cf/baai/bge-m3", [{"role": "user", "content": "Hello"}]))
        await port.close()

    with ModelSim() as sim:
        asyncio.run(run(sim.openai_url))
        assert [request["model"] for request in sim.requests] == [EMBEDDER, EMBEDDER, MODEL, MODEL]


def test_a_wrong_key_and_an_unreachable_server_are_reported() -> None:
    async def run(url: str, kind: type[ModelError]) -> None:
        port = LocalModel(url, "not the key")
        with pytest.raises(kind):
            await port.embed(["text"], EMBEDDER)
        await port.close()

    with ModelSim() as sim:
        asyncio.run(run(sim.openai_url, ModelRefused))
    asyncio.run(run("http://127.0.0.1:1/v1", ModelError))
