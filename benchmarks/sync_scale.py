"""`make bench-sync`: the cost of a sync of many cars, each with a year of history: time, memory, calls, statements.

A simulated Tessie runs as a process of its own. The messages of a run are delivered one by one, so that the statements
of each invocation can be counted; CPU time is that of the app's process alone.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

from core_tessie.app import app
from core_tessie.sync.work import QUEUE
from edge.context import Ports
from edge.ports import Database, Fetch, Statement
from edge.runtimes.local.runtime import LocalRuntime
from edge.settings import Field
from edge.testing import Client
from pyedge.client import ROOT

KEY = "an-administrators-key-for-benchmarks"
ENV = {
    "ADMIN_API_KEY": KEY,
    "JWT_SECRET_KEY": "a-signing-key-for-benchmarks-of-32-bytes",
    "TESSIE_API_KEY": "sim-token",
    "TESSIE_CALLS_PER_SECOND": "10000",
    "TESSIE_CALLS_AT_ONCE": "10000",
    "RATE_LIMITER": "off",
    "LOG_LEVEL": "error",
}
HEAD = (
    "| cars | sync | records | time, s | CPU, s | CPU ms a car | calls | statements of an invocation, most "
    "| rows of data written | other rows | memory, MiB |\n"
    "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


class Counts:
    """Counts of the app's calls to its ports."""

    def __init__(self) -> None:
        self.calls = 0
        self.statements = 0


class CountingDatabase:
    """A database that counts statements."""

    def __init__(self, inner: Any, counts: Counts) -> None:
        self.inner = inner
        self._counts = counts

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def all(self, sql: str, *params: Any) -> Any:
        """Count one."""
        self._counts.statements += 1
        return await self.inner.all(sql, *params)

    async def first(self, sql: str, *params: Any) -> Any:
        """Count one."""
        self._counts.statements += 1
        return await self.inner.first(sql, *params)

    async def run(self, sql: str, *params: Any) -> Any:
        """Count one."""
        self._counts.statements += 1
        return await self.inner.run(sql, *params)

    async def batch(self, statements: Sequence[Statement]) -> Any:
        """Count all."""
        self._counts.statements += len(statements)
        return await self.inner.batch(statements)


class CountingRuntime(LocalRuntime):
    """A local runtime that counts statements and calls."""

    counts: Counts

    def _bind(self, field: Field) -> object:
        bound = super()._bind(field)
        if field.port is not Database:
            return bound
        self.counts = Counts()
        return CountingDatabase(bound, self.counts)

    def ports(self) -> Ports:
        """Return the ports, of which one counts calls."""
        fetch = self.fetch

        async def counting(method: str, url: str, **options: Any) -> Any:
            self.counts.calls += 1
            return await fetch(method, url, **options)

        self._runtime[Fetch] = counting
        return super().ports()


class Measured(NamedTuple):
    """One sync: seconds, calls, the most statements of an invocation, rows written, and the memory at its end."""

    wall: float
    cpu: float
    calls: int
    statements: int
    rows: int
    other_rows: int
    memory_mib: int


@contextmanager
def tessie(cars: int, until: datetime, folder: Path) -> Iterator[str]:
    """Run a simulated Tessie with a year of history, and return its address."""
    command = [sys.executable, "-m", "sims.tessie", "--cars", str(cars), "--until-eof"]
    command += ["--start", (until - timedelta(days=365)).isoformat(), "--until", until.isoformat()]
    env = os.environ | {"PYTHONPATH": str(ROOT / "tools")}
    with (folder / "tessie.txt").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=env)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def put_clock(url: str, until: datetime) -> None:
    """Set the clock of the simulated Tessie."""
    body = json.dumps({"until": until.isoformat()}).encode()
    with urlopen(Request(f"{url}/_sim/clock", body, method="PUT"), timeout=60) as answer:
        answer.read()


async def sync(runtime: CountingRuntime, client: Client) -> Measured:
    """Make one sync, a message at a time."""
    counts = runtime.counts
    db = client.ports.settings.db
    written = await total_changes(db)
    counts.calls = most = 0
    started = time.perf_counter()
    cpu = time.process_time()
    run_id = (await client.post("/colbycommands/sync")).json()["id"]
    while batch := await runtime.queues.lease(QUEUE, 1):
        counts.statements = 0
        (outcome,) = await client.queue(QUEUE, [message.body for message in batch])
        await runtime.background.drain(60)
        if outcome.retry_after is not None:
            raise SystemExit(f"{batch[0].body} was put off")
        most = max(most, counts.statements)
        await runtime.queues.delete([message.id for message in batch])
    run = (await client.get(f"/colbycommands/sync/{run_id}")).json()
    if run["status"] != "succeeded":
        raise SystemExit(f"the sync is {run['status']}: {run['error']}")
    rows = run["rows_written"]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    other = await total_changes(db) - written - rows
    return Measured(time.perf_counter() - started, time.process_time() - cpu, counts.calls, most, rows, other, memory)


async def total_changes(db: Any) -> int:
    """Return how many rows the connection has written."""
    changes: int = await db.work(lambda connection: connection.total_changes)
    return changes


async def records(db: Any) -> int:
    """Return how many records are stored."""
    counted = [f"SELECT count(*) AS number FROM {table}" for table in ("drives", "charges", "idles", "battery_health")]
    return sum([(await db.first(sql))["number"] for sql in counted])


async def measure(cars: int, folder: Path) -> list[str]:
    """Return the lines of the table for one number of cars: a first sync, one without news, and one a day later."""
    now = datetime.now(UTC).replace(microsecond=0)
    until = now - timedelta(days=1)
    with tessie(cars, until, folder) as url:
        migrations = ROOT / "migrations" / app.migrations
        runtime = CountingRuntime.open(app, folder / "state", ENV | {"TESSIE_BASE_URL": url}, migrations=migrations)
        try:
            client = Client(app, runtime.ports(), [("authorization", f"Bearer {KEY}")])
            lines = []
            for title in ("first", "nothing new", "a day later"):
                if title == "a day later":
                    put_clock(url, now)
                measured = await sync(runtime, client)
                lines.append(line(cars, title, await records(client.ports.settings.db), measured))
                print(lines[-1], flush=True)
        finally:
            await runtime.stop()
    return lines


def line(cars: int, title: str, number: int, measured: Measured) -> str:
    """Return a line of the table."""
    per_car = measured.cpu * 1000 / cars
    cells = (
        f"{cars:,}",
        title,
        f"{number:,}",
        f"{measured.wall:,.1f}",
        f"{measured.cpu:,.1f}",
        f"{per_car:,.0f}",
        f"{measured.calls:,}",
        f"{measured.statements:,}",
        f"{measured.rows:,}",
        f"{measured.other_rows:,}",
        f"{measured.memory_mib:,}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.sync_scale", description=__doc__)
    parser.add_argument("--cars", default="1,10,100", help="numbers of cars, separated by commas")
    options = parser.parse_args()
    print(HEAD, flush=True)
    for cars in map(int, options.cars.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(measure(cars, Path(folder)))


if __name__ == "__main__":
    main()
