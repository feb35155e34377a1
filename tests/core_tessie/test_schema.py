"""The tables of the first migration, and the plans of every statement that the program itself runs on them."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.patience import pauses

from core_tessie.app import app
from core_tessie.sync.routes import CRON
from edge.ports import Database, Result, Row, Statement, Value
from edge.runtimes.local.migrations import migrate
from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Client
from sims.tessie import Fleet, Simulator

from .conftest import ENV, ROOT

TABLES = {
    "vehicles",
    "vehicle_settings",
    "charges",
    "drives",
    "climates",
    "software_updates",
    "tessie_raw",
    "sync_runs",
    "energy_reports",
    "logs",
    "agent_messages",
    "agent_actions",
}
SMALL = {"vehicles"}
"""Tables that may be read whole: an owner has a handful of cars."""


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("schema") / "DB.sqlite"
    migrate(path, ROOT / "migrations")
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def test_every_table_of_the_first_migration_has_its_columns(migrated: sqlite3.Connection) -> None:
    first = (ROOT / "migrations" / "0001_init.sql").read_text(encoding="utf-8")
    assert set(re.findall(r"CREATE TABLE (\w+)", first)) == TABLES
    for table in TABLES:
        columns = {row[1]: (row[2], row[4], row[5]) for row in migrated.execute(f"PRAGMA table_info({table})")}
        assert columns["id"] == ("TEXT", None, 1)
        assert columns["created_at"] == columns["updated_at"] == ("TEXT", "CURRENT_TIMESTAMP", 0)


def test_database_from_before_loses_its_triggers(tmp_path: Path) -> None:
    path, before = tmp_path / "DB.sqlite", tmp_path / "before"
    before.mkdir()
    for file in sorted((ROOT / "migrations").glob("*.sql")):
        if file.name < "0010":
            (before / file.name).write_text(file.read_text(encoding="utf-8"))
    migrate(path, before)
    dropped = (ROOT / "migrations" / "0010_no_triggers.sql").read_text(encoding="utf-8")
    names = re.findall(r"DROP TRIGGER IF EXISTS (\w+);", dropped)
    assert len(names) == 15
    with closing(sqlite3.connect(path)) as connection:
        for name in names:
            table = name.rpartition("_")[0]
            connection.execute(f"CREATE TRIGGER {name} AFTER UPDATE ON {table} BEGIN SELECT 1; END")
        assert migrate(path, ROOT / "migrations")[0] == "0010_no_triggers.sql"
        assert connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall() == []


class Recorder:
    """A database that records its statements."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.seen: dict[str, int] = {}

    async def all(self, sql: str, *params: Value) -> list[Row]:
        self.seen[sql] = len(params)
        return await self._database.all(sql, *params)

    async def first(self, sql: str, *params: Value) -> Row | None:
        self.seen[sql] = len(params)
        return await self._database.first(sql, *params)

    async def run(self, sql: str, *params: Value) -> Result:
        self.seen[sql] = len(params)
        return await self._database.run(sql, *params)

    async def batch(self, statements: Sequence[Statement]) -> list[Result]:
        self.seen |= {sql: len(params) for sql, params in statements}
        return await self._database.batch(statements)

    async def probe(self) -> None:
        await self._database.probe()


async def ended(database: Database) -> None:
    async for _ in pauses():
        if await database.first("SELECT id FROM sync_runs WHERE status = 'started'") is None:
            return
    raise AssertionError("a sync has not ended in 10 s")


async def used(state: Path, tessie: Simulator) -> dict[str, int]:
    """Return the statements of two syncs and a report, beside those that callers of /d1 compose."""
    runtime = LocalRuntime.open(app, state, ENV | {"TESSIE_BASE_URL": tessie.url}, migrations=ROOT / "migrations")
    recorder = runtime.settings.db = Recorder(runtime.settings.db)  # type: ignore[attr-defined]
    client = Client(app, runtime.ports(), [("authorization", f"Bearer {ENV['ADMIN_API_KEY']}")])
    try:
        await runtime.start(cron=False)
        for _ in range(2):
            await client.scheduled(CRON)
            await ended(recorder)
        for body in ({"from": "2025-11-01"}, {"from": "2025-11-01", "vin": tessie.vins[0]}):
            answer = await client.post("/colbycommands/energy-report", body)
            assert answer.status == 201, answer.text
        assert (await client.get(answer.header("location") or "")).status == 200
        assert (await client.get("/colbycommands/energy-report")).status == 200
    finally:
        await runtime.stop()
    return recorder.seen


def plans(connection: sqlite3.Connection, sql: str, params: int) -> list[str]:
    return [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", ["{}"] * params)]


def scans(connection: sqlite3.Connection, sql: str, params: int) -> list[str]:
    """Return the steps of a plan that scan a whole table: without an index, and not in order up to a LIMIT."""
    plan = plans(connection, sql, params)
    if "LIMIT" in sql and not any("TEMP B-TREE FOR ORDER BY" in step for step in plan):
        return []
    read = [step for step in plan if re.fullmatch(r"SCAN (\w+)( USING .*)?", step)]
    return [step for step in read if step.split()[1] in (TABLES | {"idles", "battery_health"}) - SMALL]


@pytest.mark.slow
def test_no_statement_of_the_program_reads_a_table_from_end_to_end(
    migrated: sqlite3.Connection, tmp_path: Path
) -> None:
    with Simulator(Fleet(seed=7, until=datetime(2025, 11, 12, tzinfo=UTC))) as tessie:
        seen = asyncio.run(used(tmp_path / "state", tessie))
    assert len(seen) > 25
    plans: dict[str, Any] = {sql: scans(migrated, sql, params) for sql, params in seen.items()}
    assert {sql: steps for sql, steps in plans.items() if steps} == {}


def test_full_scan_is_detected(migrated: sqlite3.Connection) -> None:
    assert scans(migrated, "SELECT * FROM drives WHERE tag = ?", 1)
    assert scans(migrated, "SELECT * FROM drives ORDER BY tag LIMIT ?", 1)
    assert not scans(migrated, "SELECT * FROM drives ORDER BY started_at LIMIT ?", 1)
    assert not scans(migrated, "SELECT * FROM drives WHERE vin = ? ORDER BY started_at", 1)
