"""A sync of many cars stays within D1's limits for an invocation, and one without news writes no row."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from benchmarks.sync_scale import CountingRuntime, sync
from tests.patience import pauses

from core_tessie.actions.kinds import VEHICLES_AT_ONCE
from core_tessie.app import app
from core_tessie.sync.backfill import Backfill
from core_tessie.sync.lookback import ROLLING
from core_tessie.sync.poll import AT_ONCE, activity_of
from core_tessie.sync.routes import POLL_CRON
from core_tessie.sync.work import QUEUE
from edge.testing import Client
from sims.tessie import Fleet, Simulator

from .conftest import ENV, KEY, ROOT, Runner
from .test_sync import fail, instant, synced

pytestmark = pytest.mark.slow

D1_STATEMENTS = 1_000
"""Statements that an invocation may send to D1 on Workers' paid plan."""
ONE_VEHICLE = 150
"""Statements that one vehicle's message needs at most, however long its history is."""


@pytest.fixture
def sim(tessie_port: int) -> Iterator[Simulator]:
    """A Tessie of many cars with a history of five days."""
    until = datetime.now(UTC) - timedelta(days=1)
    fleet = Fleet(seed=7, start=until - timedelta(days=4), until=until, number=300)
    with Simulator(fleet, port=tessie_port) as simulator:
        yield simulator


@pytest.fixture
def runtime(tmp_path: Path, tessie_port: int) -> Iterator[CountingRuntime]:
    """A runtime that counts its statements and delivers no messages."""
    env = ENV | {"TESSIE_BASE_URL": f"http://127.0.0.1:{tessie_port}"}
    runtime = CountingRuntime.open(app, tmp_path / "state", env, migrations=ROOT / "migrations" / app.migrations)
    yield runtime
    asyncio.run(runtime.stop())


def limited(sim: Simulator, number: int) -> list[str]:
    """Give Tessie a number of cars, and return their VINs."""
    for vin in sim.vins[number:]:
        del sim.fleet._cars[vin]
    return sim.vins


async def put_vehicles(client: Client, vins: list[str]) -> None:
    """Store cars that were driving when they were last seen."""
    columns = "id, vin, is_active, backfilled_at, synced_at, shift_state"
    sql = f"INSERT INTO vehicles ({columns}) VALUES (?, ?, 1, ?, ?, 'D')"
    now = datetime.now(UTC).timestamp()
    for place, vin in enumerate(vins):
        await client.ports.settings.db.run(sql, vin, vin, instant(now), instant(now - place))


def test_sync_without_news_writes_no_row_and_makes_few_queries(tmp_path: Path, tessie_port: int) -> None:
    until = datetime.now(UTC) - timedelta(days=1)
    fleet = Fleet(seed=7, start=until - timedelta(days=365), until=until, number=1)
    env = ENV | {"TESSIE_BASE_URL": f"http://127.0.0.1:{tessie_port}"}

    async def case() -> None:
        runtime = CountingRuntime.open(app, tmp_path / "state", env, migrations=ROOT / "migrations" / app.migrations)
        client = Client(app, runtime.ports(), KEY)
        try:
            first, quiet = [await sync(runtime, client) for _ in range(2)]
            fleet.pin(datetime.now(UTC))
            later = await sync(runtime, client)
        finally:
            await runtime.stop()
        assert first.rows > 3_000
        assert max(first.statements, quiet.statements, later.statements) <= ONE_VEHICLE
        assert (quiet.rows, quiet.calls) == (0, 7)
        assert 0 < later.rows < 60
        assert later.calls == 7 + len(ROLLING)

    with Simulator(fleet, port=tessie_port):
        asyncio.run(case())


def test_poll_of_many_cars_is_done_in_parts(sim: Simulator, runtime: CountingRuntime) -> None:
    vins = sim.vins
    client = Client(app, runtime.ports(), KEY)
    at = datetime(2026, 1, 5, 20, tzinfo=UTC)

    async def case() -> list[list[str]]:
        await put_vehicles(client, vins)
        listed = sim.ask("/vehicles")["results"]
        driving = [car["vin"] for car in listed if activity_of(car["last_state"], {}) == "driving"]
        parked = f"UPDATE vehicles SET shift_state = NULL WHERE id IN ({', '.join(map(repr, driving)) or 'NULL'})"
        await client.ports.settings.db.run(parked)  # each of them does something else than it did
        batches = []
        for _ in range(3):
            runtime.counts.statements = 0
            await client.scheduled(POLL_CRON, at)
            await runtime.background.drain(10)
            assert runtime.counts.statements < D1_STATEMENTS
            batches.append([message.body["vin"] for message in await runtime.queues.lease(QUEUE, 1_000)])
        return batches

    first, second, third = asyncio.run(case())
    assert (len(first), len(second), third) == (AT_ONCE, len(vins) - AT_ONCE, [])
    assert min(map(vins.index, first)) > max(map(vins.index, second)), "those that wait longest come first"


def test_plan_of_a_backfill_makes_equal_queries_for_one_and_many_cars(sim: Simulator, runtime: CountingRuntime) -> None:
    client = Client(app, runtime.ports(), KEY)

    async def case() -> list[str]:
        await put_vehicles(client, sim.vins)
        await client.ports.settings.db.run(
            "INSERT INTO sync_parts (id, vin, part) SELECT id || '-x', id, 'x' FROM vehicles"
        )
        runtime.counts.statements = 0
        return await app.provide(Backfill, client.ports).plan("a-run", None, "admin", None, whole=True)

    assert len(asyncio.run(case())) == len(sim.vins)
    assert runtime.counts.statements < 20


def test_message_of_a_backfill_brings_a_few_cars_up_to_date(sim: Simulator, runtime: CountingRuntime) -> None:
    vins = limited(sim, 2 * VEHICLES_AT_ONCE + 2)
    client = Client(app, runtime.ports(), KEY)

    async def case() -> Any:
        await put_vehicles(client, vins)
        action = (await client.post("/agent/actions", {"kind": "backfill", "payload": {}})).json()
        messages = 0
        while batch := await runtime.queues.lease(QUEUE, 1):
            runtime.counts.statements = 0
            await client.queue(QUEUE, [batch[0].body])
            await runtime.background.drain(10)
            assert runtime.counts.statements < D1_STATEMENTS * 0.6
            await runtime.queues.delete([batch[0].id])
            messages += 1
        assert messages == 3
        return (await client.get(f"/agent/actions/{action['id']}")).json()

    action = asyncio.run(case())
    assert (action["status"], action["result"]["vehicles_done"]) == ("succeeded", len(vins)), action


def test_failing_cars_of_a_backfill_hold_up_no_other(sim: Simulator, tmp_path: Path, tessie_port: int) -> None:
    vins = sorted(limited(sim, VEHICLES_AT_ONCE + 2))

    async def case(client: Client) -> Any:
        await synced(client)
        rules: list[dict[str, object]] = [{"kind": "server_error", "vin": vin} for vin in vins[:-1]]
        fail(sim, *rules)
        action = (await client.post("/agent/actions", {"kind": "backfill", "payload": {}})).json()
        action = await action_ended(client, action["id"])
        fail(sim)
        run = (await client.get(f"/colbycommands/sync/{action['id']}")).json()
        again = await client.post(f"/agent/actions/{action['id']}/retry")
        assert again.status == 202, again.text
        return action, run, await action_ended(client, action["id"])

    action, run, again = Runner(tmp_path / "state", tessie_port)(case, started=True)
    assert action["status"] in {"dead", "failed"}
    assert run["progress"][vins[-1]]["status"] == "succeeded"
    assert {run["progress"][vin]["status"] for vin in vins[:-1]} <= {"retrying", "failed"}
    assert (again["status"], again["result"]["vehicles_done"]) == ("succeeded", len(vins))


async def action_ended(client: Client, action_id: str) -> Any:
    async for _ in pauses():
        action = (await client.get(f"/agent/actions/{action_id}")).json()
        if action["ended_at"]:
            return action
    raise AssertionError(action)
