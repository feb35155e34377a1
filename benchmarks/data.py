"""`python -m benchmarks.data`: the cost of reads in databases of three sizes: CPU, statements, SQLite's steps.

SQLite counts no rows that it reads, as D1 does for its bill; its steps grow with them. Statements are recorded as they
run, and run again on a connection of their own to be counted and explained.
"""

import argparse
import asyncio
import random
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from core_tessie.app import app
from edge import Role
from edge.data.conditions import ANONYMOUS
from edge.runtimes.local.migrations import migrate
from edge.runtimes.local.runtime import LocalRuntime, database_path
from edge.testing import Client
from klear_karma.practitioners.store import Snapshot, cell_of, index
from klear_karma.search.geography import COARSE, Place
from klear_karma.search.query import Search, page_of
from klear_karma.tables import TABLES
from pyedge.client import ROOT

KEY = "an-administrators-key-for-benchmarks"
ENV = {
    "ADMIN_API_KEY": KEY,
    "JWT_SECRET_KEY": "a-signing-key-for-benchmarks-of-32-bytes",
    "RATE_LIMITER": "off",
    "LOG_LEVEL": "error",
}
VIN = "5YJ3E1EA7KF000000"
DRIVES = 1_500
"""Drives of each car in its year."""
CHARGES = 300
"""Charges of each car in its year."""
CAR = "INSERT INTO vehicles (id, vin, utc_offset_s) VALUES (?1, ?1, 3600)"
NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)"
AT = "datetime('2025-11-01', (i * 525600 / ?2) || ' minutes')"
FILL_DRIVES = f"""{NUMBERS} INSERT INTO drives (id, vin, tessie_id, started_at, ended_at, distance_mi, energy_used_kwh)
SELECT ?1 || '-' || i, ?1, i, {AT}, datetime({AT}, '20 minutes'), 5 + i % 30, 2 + i % 9 FROM n"""
FILL_CHARGES = f"""{NUMBERS}
INSERT INTO charges (id, vin, tessie_id, started_at, ended_at, energy_added_kwh, energy_used_kwh, cost, saved_location)
SELECT ?1 || '-' || i, ?1, i, {AT}, datetime({AT}, '2 hours'), 20 + i % 30, 22 + i % 30, i % 9, 'Home' FROM n"""
REPORT = "/colbycommands/energy-report"
YEAR = {"from": "2025-11-01", "to": "2026-11-01", "timezone": "Europe/Berlin"}
VILLAGE = Place(10.5, 10.5)
NEIGHBOURS = 30
"""Practitioners in the village, with a word of their own; all others live in large cities."""
SEARCHES = {
    "search near a place": Search.model_validate({"lat": VILLAGE.lat, "lng": VILLAGE.lng}),
    "full-text search": Search.model_validate({"q": "raindr"}),
    "full-text search near a place": Search.model_validate({"lat": VILLAGE.lat, "lng": VILLAGE.lng, "q": "massage"}),
}

type Call = Callable[[], Awaitable[Any]]


class Cost(NamedTuple):
    """The cost of one read: CPU milliseconds, statements, steps, and the tables that it scans from end to end."""

    cpu_ms: float
    statements: int
    steps: int
    scans: list[str]


def steps_of(connection: sqlite3.Connection, sql: str) -> int:
    """Return the steps of SQLite's machine that a statement takes."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.execute(sql).fetchall()  # warm: the schema is read, the statement compiled
    connection.set_progress_handler(step, 1)
    try:
        connection.execute(sql).fetchall()
    finally:
        connection.set_progress_handler(None, 0)
    return count


def scans_of(connection: sqlite3.Connection, sql: str) -> list[str]:
    """Return the steps of a plan that read a whole table."""
    plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    return [step for step in plan if step.startswith("SCAN ") and step.split()[1] in tables]


async def cost(call: Call, runtime_connection: sqlite3.Connection, path: Path, rounds: int) -> Cost:
    """Measure a read: its time alone, then its statements on a connection of its own."""
    for _ in range(2):
        await call()
    times = []
    for _ in range(rounds):
        begun = time.process_time_ns()
        await call()
        times.append((time.process_time_ns() - begun) / 1e6)
    statements: list[str] = []
    runtime_connection.set_trace_callback(statements.append)
    await call()
    runtime_connection.set_trace_callback(None)
    reads = [sql for sql in statements if sql.lstrip()[:6].upper() in {"SELECT", "WITH"} or sql.startswith("/*")]
    with closing(sqlite3.connect(path)) as connection:
        steps = sum(steps_of(connection, sql) for sql in reads)
        scans = [scan for sql in reads for scan in scans_of(connection, sql)]
    return Cost(median(times), len(reads), steps, scans)


@asynccontextmanager
async def garage(cars: int) -> AsyncIterator[tuple[Client, Client, Path]]:
    """Run the default app over cars with a year each: clients of the administrator and of one car's key, the file."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = LocalRuntime.open(app, Path(folder), ENV, migrations=ROOT / "migrations")
        path = database_path(app, Path(folder))
        assert path is not None
        with closing(sqlite3.connect(path)) as connection:
            for number in range(cars):
                vin = f"{VIN[:-4]}{number:04}"
                connection.execute(CAR, (vin,))
                connection.execute(FILL_DRIVES, (vin, DRIVES))
                connection.execute(FILL_CHARGES, (vin, CHARGES))
            connection.commit()
        admin = Client(app, runtime.ports(), headers=[("authorization", f"Bearer {KEY}")])
        made = await admin.post("/auth/keys", {"name": "phone", "role": "operator", "subjects": [VIN]})
        bound = Client(app, admin.ports, headers=[("authorization", f"Bearer {made.json()['key']}")])
        try:
            yield admin, bound, path
        finally:
            await runtime.stop()


def reads_of(admin: Client, bound: Client) -> dict[str, Call]:
    """Return the reads of the default app by name."""
    return {
        "one row by its id, administrator": lambda: _answer(admin, "GET", f"/d1/drives/{VIN}-7"),
        "one row by its id, key of one car": lambda: _answer(bound, "GET", f"/d1/drives/{VIN}-7"),
        "list of 1,000 rows, administrator": lambda: _answer(admin, "GET", f"/d1/drives?vin=eq.{VIN}&limit=1000"),
        "list of 1,000 rows, key of one car": lambda: _answer(bound, "GET", "/d1/drives?limit=1000"),
        "report of one car over a year": lambda: _answer(bound, "POST", REPORT, YEAR | {"vin": VIN}),
    }


async def _answer(client: Client, method: str, path: str, body: object = None) -> Any:
    answer = await client.request(method, path, json=body) if body else await client.request(method, path)
    assert answer.status in {200, 201}, answer.text
    return answer


async def measure_reads(cars: int, rounds: int) -> dict[str, Cost]:
    """Return the cost of each read of the default app."""
    async with garage(cars) as (admin, bound, path):
        running = admin.ports.settings.db.connection
        return {name: await cost(call, running, path, rounds) for name, call in reads_of(admin, bound).items()}


def market(path: Path, size: int) -> None:
    """Fill a database with practitioners, of whom as many live in the village in each size."""
    migrate(path, ROOT / "migrations" / "klear_karma")
    chance = random.Random(size)
    cities = [Place(chance.uniform(-60, 70), chance.uniform(20, 179)) for _ in range(max(20, size // 50))]
    with closing(sqlite3.connect(path)) as connection:
        for number in range(size):
            is_near = number < NEIGHBOURS
            centre = VILLAGE if is_near else cities[number % len(cities)]
            place = COARSE.centre(Place(centre.lat + chance.gauss(0, 0.05), centre.lng + chance.gauss(0, 0.05)))
            _insert(connection, f"p{number}", place, "massage raindrop" if is_near else "massage")
        connection.commit()


def _insert(connection: sqlite3.Connection, name: str, place: Place, headline: str) -> None:
    row: dict[str, Any] = {
        "id": name,
        "name": name,
        "headline": headline,
        "bio": "",
        "specializations": "[]",
        "city": "",
        "coarse_lat": round(place.lat, 6),
        "coarse_lng": round(place.lng, 6),
        "cell": cell_of(place),
        "time_zone": "UTC",
        "verification": "verified",
        "created_at": "2026-01-01",
        "updated_at": "2026-01-01",
    }
    user = "INSERT INTO users (id, email, email_key, created_at, updated_at) VALUES (?1, ?1, ?1, '2026', '2026')"
    connection.execute(user, (name,))
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO practitioners ({', '.join(row)}) VALUES ({marks})", [*row.values()])
    for sql, values in index(name, Snapshot(row, [])):
        connection.execute(sql, values)


async def measure_searches(size: int, rounds: int) -> dict[str, Cost]:
    """Return the cost of each search among so many practitioners, in the public scope."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "market.sqlite"
        market(path, size)
        with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
            costs = {}
            for name, search in SEARCHES.items():
                sql, values = page_of(search, None, search.limit + 1)
                plan = TABLES.scope(ANONYMOUS, Role.PUBLIC)[0].read(sql)
                costs[name] = await cost(_query(connection, str(plan.sql), values), connection, path, rounds)
            return costs


def _query(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> Call:
    async def call() -> list[Any]:
        rows = connection.execute(sql, values).fetchall()
        assert rows
        return rows

    return call


def table(title: str, by_size: dict[int, dict[str, Cost]]) -> Iterator[str]:
    """Yield a Markdown table: for each size CPU, and SQLite's steps; the statements are the same in each."""
    sizes = [f"{size:,} {title}" for size in by_size]
    heads = [f"CPU ms, {size}" for size in sizes] + [f"steps, {size}" for size in sizes]
    yield f"| read | statements | {' | '.join(heads)} |"
    yield "|---" + "|---:" * (len(heads) + 1) + "|"
    for name in next(iter(by_size.values())):
        costs = [costs[name] for costs in by_size.values()]
        cells = [f"{cost.cpu_ms:.2f}" for cost in costs] + [f"{cost.steps:,}" for cost in costs]
        yield f"| {name} | {costs[0].statements} | {' | '.join(cells)} |"


async def main(quick: bool) -> None:
    """Measure and print."""
    rounds = 3 if quick else 15
    cars = (1, 2) if quick else (1, 10, 100)
    people = (100, 200) if quick else (1_000, 10_000, 100_000)
    print("\n".join(table("cars", {count: await measure_reads(count, rounds) for count in cars})), end="\n\n")
    print("\n".join(table("people", {count: await measure_searches(count, rounds) for count in people})))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.data", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small databases, to see that everything works")
    asyncio.run(main(parser.parse_args().quick))
