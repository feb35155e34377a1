"""Rows that the default app's cron removes in time, on both runtimes, and rows that stay because others need them."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json
from tests.edge.conftest import Lines
from tests.edge.parts.test_retention import Counting
from tests.patience import pauses

from core_tessie.retention import RULES
from core_tessie.sync.routes import CRON
from edge.data.retention import Retention
from edge.instants import to_text
from edge.ports import DatabaseAway
from edge.runtimes.local.clock import LocalClock
from edge.testing import Client
from sims.tessie import Fleet, Simulator

from .conftest import Runner
from .test_auth import by, create_key
from .test_sync import NOW, TWO_WEEKS

pytestmark = pytest.mark.slow

VIN = "5YJ3E1EA1KF000001"


@pytest.fixture
def sim(run: Runner) -> Iterator[Simulator]:
    """A Tessie for the sync, which has the same cron."""
    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW), port=run.tessie_port) as simulator:
        yield simulator


def ago(**span: float) -> str:
    return to_text(datetime.now(UTC) - timedelta(**span))


async def put(client: Client, table: str, *rows: Mapping[str, Any]) -> None:
    for row in rows:
        marks = ", ".join("?" * len(row))
        sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"
        await client.ports.settings.db.run(sql, *row.values())


async def ids(client: Client, table: str) -> set[str]:
    return {row["id"] for row in await client.ports.settings.db.all(f"SELECT id FROM {table}")}


LOGS = (
    {"id": "old", "level": "info", "message": "m", "created_at": ago(days=31)},
    {"id": "new", "level": "info", "message": "m", "created_at": ago(days=29)},
    {"id": "of-a-key", "level": "info", "message": "m", "actor": "named", "created_at": ago(days=29)},
)
RAW = (
    {"id": "old", "method": "GET", "path": "/x", "created_at": ago(days=91)},
    {"id": "seen again", "method": "GET", "path": "/y", "created_at": ago(days=91), "last_seen_at": ago(days=1)},
    {"id": "not seen again", "method": "GET", "path": "/z", "created_at": ago(days=99), "last_seen_at": ago(days=91)},
    {"id": "new", "method": "GET", "path": "/x", "created_at": ago(days=89)},
)
TICKETS = (
    {"id": "old", "actor": "a", "role": 1, "expires_at": ago(hours=2)},
    {"id": "good", "actor": "a", "role": 1, "expires_at": ago(seconds=-30)},
)
LONG_AGO = {"cause": "api", "started_at": ago(days=400), "ended_at": ago(days=366), "status": "succeeded"}
RUNS = (
    {"id": "old", **LONG_AGO},
    {"id": "walked", **LONG_AGO},
    {"id": "open-action", **LONG_AGO},
    {"id": "running", "cause": "api", "started_at": ago(hours=1), "status": "started", "created_at": ago(days=999)},
    {"id": "new", **LONG_AGO, "ended_at": ago(days=364)},
)
DONE = {"kind": "wake", "status": "succeeded", "created_at": ago(days=999), "ended_at": ago(days=731)}
ACTIONS = (
    {"id": "old", **DONE},
    {"id": "dead", **DONE, "status": "dead"},
    {"id": "unsent", "kind": "command", "status": "queued", "created_at": ago(days=999)},
    {
        "id": "open-action",
        "kind": "sync_vehicle",
        "status": "queued",
        "sent_at": ago(days=1),
        "created_at": ago(days=1),
    },
    {"id": "running", "kind": "backfill", "status": "running", "created_at": ago(days=999)},
    {"id": "queued again", **DONE, "status": "queued"},
    {"id": "new", **DONE, "ended_at": ago(days=729)},
)
KEY = {"name": "k", "role": 1, "prefix": "key_", "hash": "h", "created_at": ago(days=999)}
KEYS = (
    {"id": "revoked", **KEY, "revoked_at": ago(days=366)},
    {"id": "expired", **KEY, "expires_at": ago(days=366)},
    {"id": "named", **KEY, "revoked_at": ago(days=366)},
    {"id": "asked", **KEY, "revoked_at": ago(days=366)},
    {"id": "revoked lately", **KEY, "revoked_at": ago(days=364), "expires_at": ago(days=366)},
    {"id": "expires", **KEY, "expires_at": ago(days=-1)},
    {"id": "good", **KEY},
)
MESSAGES = (
    {
        "id": "m",
        "conversation_id": "c",
        "role": "user",
        "content": "Hi",
        "status": "complete",
        "actor": "asked",
        "turn": 1,
        "created_at": ago(days=5000),
    },
)
ROWS: dict[str, tuple[dict[str, Any], ...]] = {
    "logs": LOGS,
    "tessie_raw": RAW,
    "tickets": TICKETS,
    "sync_runs": RUNS,
    "agent_actions": ACTIONS,
    "api_keys": KEYS,
    "agent_messages": MESSAGES,
}
GONE = {
    "logs": {"old"},
    "tessie_raw": {"old", "not seen again"},
    "tickets": {"old"},
    "sync_runs": {"old"},
    "agent_actions": {"old", "dead"},
    "api_keys": {"revoked", "expired"},
    "agent_messages": set(),
}


async def fill(client: Client) -> None:
    backfill = '{"run_id": "walked", "since": 1, "floor": 0, "trails": {}}'
    await put(client, "vehicles", {"id": VIN, "vin": VIN, "is_active": 0, "backfill": backfill})
    for table, rows in ROWS.items():
        await put(client, table, *rows)


def test_cron_removes_old_rows_that_nothing_needs(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> dict[str, Any]:
        await fill(client)
        await client.scheduled(CRON)
        return {table: await ids(client, table) for table in ROWS}

    left = run(case)
    for table, rows in ROWS.items():
        there = {row["id"] for row in rows}
        assert there - left[table] == GONE[table], table
    assert sim.vins


def test_removals_are_logged(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> Any:
        await fill(client)
        await client.scheduled(CRON)
        async for _ in pauses():
            row = await client.ports.settings.db.first("SELECT * FROM logs WHERE message = 'old rows removed'")
            if row:
                return row
        raise AssertionError("no log row of the removals")

    row = run(case)
    assert (row["actor"], row["level"]) == ("cron", "info")
    report = from_json(row["payload"])
    assert report["removed"] == {table: len(gone) for table, gone in GONE.items() if gone}
    assert (report["more"], report["skipped"]) == ([], {})
    assert sim.vins


def test_a_second_run_removes_nothing_more(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> list[dict[str, set[str]]]:
        results = []
        await fill(client)
        for _ in range(2):
            await client.scheduled(CRON)
            results.append({table: await ids(client, table) for table in GONE if table not in {"logs", "tessie_raw"}})
        return results

    once, twice = run(case)
    assert {table: once[table] - twice[table] for table in once} == {table: set() for table in once}
    assert sim.vins


def test_parallel_runs_remove_the_rows_of_one(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> dict[str, Any]:
        await fill(client)
        await asyncio.gather(client.scheduled(CRON), client.scheduled(CRON))
        return {table: await ids(client, table) for table in ROWS}

    left = run(case)
    for table, rows in ROWS.items():
        assert {row["id"] for row in rows} - left[table] == GONE[table], table
    assert sim.vins


@pytest.mark.parametrize("away_at", range(1, 14))
def test_interrupted_run_removes_no_needed_row(tmp_path: Path, away_at: int) -> None:
    async def case(client: Client) -> list[dict[str, set[str]]]:
        results = []
        await fill(client)
        settings = client.ports.settings
        clock = LocalClock()
        db = Counting(settings.db, away_at=away_at)
        for database in (db, settings.db):
            with suppress(DatabaseAway):
                await Retention(RULES, database, settings, clock, Lines()).run()
            results.append({table: await ids(client, table) for table in ROWS})
        return results

    cut_off, whole = Runner(tmp_path / "state", 9)(case)
    for table, rows in ROWS.items():
        there = {row["id"] for row in rows}
        assert there - cut_off[table] <= GONE[table], table
        assert there - whole[table] == GONE[table], table


@pytest.fixture
def local(tmp_path: Path) -> Runner:
    """A local runner, for settings that would each need a Worker of their own; Tessie is unreachable."""
    runner = Runner(tmp_path / "state", 9)
    runner.env["TESSIE_DEADLINE_S"] = "0.1"
    return runner


async def removed(client: Client) -> None:
    """Run the cron's jobs; the sync among them fails, as Tessie does not answer."""
    with pytest.raises(ExceptionGroup):
        await client.scheduled(CRON)


def message(conversation: str, number: int, role: str = "user", days: float = 11, status: str = "complete") -> Any:
    return {
        "id": f"{conversation}-{number}",
        "conversation_id": conversation,
        "role": role,
        "content": "x",
        "status": status,
        "turn": (number + 1) // 2,
        "created_at": ago(days=days),
    }


def test_conversations_are_kept_unless_an_owner_says_how_long(local: Runner) -> None:
    async def case(client: Client) -> set[str]:
        await put(client, "agent_messages", *(message("old", n, "assistant" if n % 2 == 0 else "user") for n in (1, 2)))
        await put(client, "agent_messages", message("goes on", 1), message("goes on", 2, "assistant", 9))
        await put(client, "agent_messages", message("open", 1), message("open", 3, "user", 0, "open"))
        await removed(client)
        return await ids(client, "agent_messages")

    assert len(local(case)) == 6
    local.state = local.state / "other"
    local.env["AGENT_MESSAGES_KEEP_DAYS"] = "10"
    assert local(case) == {"goes on-1", "goes on-2", "open-1", "open-3"}


def test_logs_are_bounded_by_number_and_answers_by_size(local: Runner) -> None:
    local.env |= {"LOGS_MAX_ROWS": "3", "TESSIE_RAW_MAX_MB": "1"}

    async def case(client: Client) -> tuple[set[str], set[str]]:
        await put(
            client,
            "logs",
            *({"id": f"{n}", "level": "info", "message": "m", "created_at": ago(hours=n)} for n in range(1, 9)),
        )
        answers = [{"id": f"{n}", "method": "GET", "path": "/x", "created_at": ago(hours=n)} for n in range(1, 9)]
        await put(client, "tessie_raw", *(row | {"body": "x", "stored_bytes": 300_000} for row in answers))
        await removed(client)
        return await ids(client, "logs"), await ids(client, "tessie_raw")

    logs, raw = local(case)
    assert {"1", "2", "3"} <= logs
    assert not {"5", "6", "7", "8"} & logs
    assert {"1", "2", "3", "4"} <= raw
    assert not {"5", "6", "7", "8"} & raw


@pytest.mark.parametrize("value", ["0", "", "nonsense"])
def test_invalid_setting_removes_no_row(local: Runner, value: str) -> None:
    local.env |= dict.fromkeys(("LOGS_KEEP_DAYS", "LOGS_MAX_ROWS", "TESSIE_RAW_KEEP_DAYS", "TESSIE_RAW_MAX_MB"), value)

    async def case(client: Client) -> tuple[set[str], set[str]]:
        await fill(client)
        await removed(client)
        return await ids(client, "logs"), await ids(client, "tessie_raw")

    logs, raw = local(case)
    assert {row["id"] for row in LOGS} <= logs
    assert {row["id"] for row in RAW} <= raw


def test_a_key_that_is_good_goes_on_after_a_run(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> list[int]:
        key = await create_key(client)
        await client.ports.settings.db.run("UPDATE api_keys SET created_at = ?", ago(days=3000))
        await client.scheduled(CRON)
        return [(await by(client, key["key"]).get("/auth/me")).status]

    assert run(case) == [200]
    assert sim.vins
