"""The contract cases, run against the local adapters."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.contracts import bucket, clock, database, fetch, key_value, queue
from tests.contracts.expected import refused
from tests.contracts.origin import origin

from edge.ports import FetchError, LimitExceeded
from edge.runtimes.local.background import LocalBackground
from edge.runtimes.local.bucket import LocalBucket
from edge.runtimes.local.clock import LocalClock
from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.fetch import LocalFetch
from edge.runtimes.local.key_value import LocalKeyValue
from edge.runtimes.local.log import LocalLog
from edge.runtimes.local.queue import LocalQueue, QueueStore


def each(cases: Iterable[Callable[..., Any]]) -> pytest.MarkDecorator:
    """Parametrize a test by cases, named as they are."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.__name__) for case in cases])


@each(database.CASES)
def test_database(case: database.Case, tmp_path: Path) -> None:
    db = LocalDatabase(tmp_path / "db.sqlite")
    asyncio.run(finished(case(db)))
    db.close()


@each(key_value.CASES)
def test_key_value(case: key_value.Case, tmp_path: Path) -> None:
    kv = LocalKeyValue(tmp_path / "kv.sqlite")
    asyncio.run(finished(case(kv)))
    kv.close()


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
            await store.done(delivery.id for delivery in batch)
        return got

    asyncio.run(finished(case(LocalQueue(store, "jobs"), received)))
    store.close()


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
