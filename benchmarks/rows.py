"""`python -m benchmarks.rows`: print the cost of caller-scoped rows beside the whole database, in one run."""

import asyncio
import tempfile
import time
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from core_tessie.tables import TABLES
from edge import ADMIN, READER, Actor, App, Database, Request, Routes, Settings, Statement, SystemDatabase
from edge.reach import CHECKED
from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Client

VIN = "5YJ3E1EA7KF000001"
SQL = "SELECT id, vin, started_at FROM drives WHERE id = ?"
DRIVE = [
    Statement("INSERT INTO vehicles (id, vin) VALUES (?1, ?1)", (VIN,)),
    Statement("INSERT INTO drives (id, vin, tessie_id, started_at) VALUES (?1 || '-1', ?1, 1, '2026-11-01')", (VIN,)),
]
CALLERS = {"admin": Actor("admin", ADMIN), "bound": Actor("key", READER, frozenset({VIN}))}
ROWS = [("administrator", "/caller", "admin"), ("key bound to one car", "/caller", "bound")]
ROUNDS, REQUESTS = 41, 200

routes = Routes("", tag="Rows")


class RowSettings(Settings):
    """One database."""

    db: Database


@routes.get("/whole", access=READER, reach=CHECKED)
async def get_of_all(db: SystemDatabase) -> Any:
    """Read a row of the whole database."""
    return await db.first(SQL, f"{VIN}-1")


@routes.get("/caller", access=READER)
async def get_own(db: Database) -> Any:
    """Read a row of the caller's database."""
    return await db.first(SQL, f"{VIN}-1")


async def authenticate(request: Request) -> Actor:
    """Return the caller that a header names."""
    return CALLERS[request.headers.get("x-caller") or ""]


app = App(
    "rows",
    version="1",
    settings=RowSettings,
    authenticate=authenticate,
    tables=TABLES,
    resources=[routes],
)


async def measure(client: Client) -> tuple[list[float], dict[str, list[float]]]:
    """Return CPU microseconds a request by the whole database, and beyond it for each caller, one number a round."""
    whole: list[float] = []
    added: dict[str, list[float]] = {name: [] for name, _, _ in ROWS}
    rows = [("whole", "/whole", "admin"), *ROWS]
    for number in range(-1, ROUNDS):
        order = Random(number).sample(rows, len(rows))
        times = {name: await _batch(client, path, caller) for name, path, caller in order}
        if number >= 0:  # the round before is the warm-up
            whole.append(times["whole"])
            for name, differences in added.items():
                differences.append(times[name] - times["whole"])
    return whole, added


async def _batch(client: Client, path: str, caller: str) -> float:
    started = time.process_time_ns()
    for _ in range(REQUESTS):
        answer = await client.get(path, headers=[("x-caller", caller)])
        assert answer.json()["vin"] == VIN, answer.text
    return (time.process_time_ns() - started) / 1000 / REQUESTS


async def main() -> None:
    """Fill a database with one drive, measure, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = LocalRuntime.open(app, Path(folder) / "state", {}, migrations=Path("migrations"))
        ports = runtime.ports()
        await ports.settings.db.batch(DRIVE)
        whole, added = await measure(Client(app, ports))
        await runtime.stop()
    print(f"| one row by its id, median of {ROUNDS} rounds | CPU µs a request |")
    print("|---|---:|")
    print(f"| the whole database (`SystemDatabase`) | {median(whole):.1f} |")
    for name, times in added.items():
        print(f"| beyond it: {name} | {median(times):+.1f} |")


if __name__ == "__main__":
    asyncio.run(main())
