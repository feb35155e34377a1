"""A sync that is cut off, delivered twice, out of order and in two runs at once leaves the rows of a quiet one."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from core_tessie.sync.work import QUEUE
from edge.ports import Row
from edge.testing import Client
from sims.tessie import Fleet, Simulator

from .conftest import Runner
from .test_sync import NOW, content, fail, instant, rows, synced

FAULTS = ("server_error", "malformed", "cut_off", "offline", "bad_gateway", "rate_limited", "html_error")
PARTS = ("state", "drives", "charges", "idles", "battery_health")
ROUNDS = 12
CALLS = 60
"""Calls that one run makes of one car at most, retries and searches included."""
OWN = {"backfill"}


@pytest.fixture
def sim(tessie_port: int) -> Iterator[Simulator]:
    """A Tessie of nine weeks, whose clock is a week before its end."""
    with Simulator(Fleet(seed=7, until=NOW - timedelta(days=7)), port=tessie_port) as simulator:
        yield simulator


async def begun(client: Client) -> str:
    run_id: str = (await client.post("/colbycommands/sync")).json()["id"]
    await client.queue(QUEUE, [{"kind": "plan_sync", "run_id": run_id}])
    return run_id


async def through(client: Client, sim: Simulator, run_id: str) -> Any:
    """Deliver a run's messages until it has ended."""
    for _ in range(40):
        found = (await client.get(f"/colbycommands/sync/{run_id}")).json()
        if found["ended_at"]:
            return found
        for vin in sim.vins:
            await client.queue(QUEUE, [{"kind": "sync_vehicle", "run_id": run_id, "vin": vin}])
    raise AssertionError(found)


async def disturb(client: Client, sim: Simulator, draw: Random, runs: list[str]) -> None:
    """Deliver some messages at once, some twice and in any order, and kill them at a moment of chance."""
    rule: dict[str, object] = {"kind": draw.choice(FAULTS), "path": f"/{draw.choice(PARTS)}$", "times": 1}
    fail(sim, rule | ({"retry_after": 0} if rule["kind"] == "rate_limited" else {}))
    bodies = [{"kind": "sync_vehicle", "run_id": run, "vin": vin} for run in runs for vin in sim.vins]
    chosen = draw.choices(bodies, k=4)
    tasks = [asyncio.create_task(client.queue(QUEUE, [body])) for body in chosen]
    await asyncio.sleep(draw.uniform(0, 0.25))
    for task in tasks:
        if draw.random() < 0.7:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def quiet(client: Client, sim: Simulator) -> dict[str, list[Row]]:
    await through(client, sim, await begun(client))
    return told(await content(client))


def told(found: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {table: [{k: v for k, v in row.items() if k not in OWN} for row in rows] for table, rows in found.items()}


@pytest.mark.parametrize("seed", range(10))
def test_disturbed_sync_leaves_the_rows_of_a_quiet_one(
    seed: int, tmp_path: Path, sim: Simulator, tessie_port: int
) -> None:
    draw = Random(seed)

    async def case(client: Client) -> dict[str, list[Row]]:
        runs = [await begun(client)]
        for number in range(ROUNDS):
            await disturb(client, sim, draw, runs)
            if number == ROUNDS // 2:
                runs.append(await begun(client))
        fail(sim)
        for run_id in runs:
            ended = await through(client, sim, run_id)
            assert ended["status"] in {"succeeded", "partial"}, ended
        last = await through(client, sim, await begun(client))
        assert last["status"] == "succeeded", last
        return told(await content(client))

    expected = Runner(tmp_path / "quiet", tessie_port)(lambda client: quiet(client, sim))
    assert Runner(tmp_path / "state", tessie_port)(case) == expected


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_month_of_failures_ends_with_the_copy_that_tessie_has(
    seed: int, tmp_path: Path, sim: Simulator, tessie_port: int
) -> None:
    """The clock of Tessie moves by three days, and each time something else fails, or is merged or corrected."""
    draw = Random(seed)

    async def case(client: Client) -> None:
        at = NOW - timedelta(days=7)
        for _ in range(10):
            before, at = at, at + timedelta(days=3)
            sim.fleet.pin(at)
            fail(sim)
            change(sim, draw)
            # The clock here is months ahead of Tessie's.
            for table, where in (("vehicles", "true"), ("sync_parts", "failures = 0")):
                sql = f"UPDATE {table} SET synced_at = ? WHERE {where} AND synced_at IS NOT NULL"
                await client.ports.settings.db.run(sql, instant(before.timestamp()))
            paths = [f"/{draw.choice(sim.vins)}/{draw.choice(PARTS)}$" for _ in range(3)]
            kinds = (*FAULTS, "bad_request", "not_found", "other_shape")
            rules: list[dict[str, object]] = [
                {"kind": draw.choice(kinds), "path": path, "times": 2, "retry_after": 0} for path in paths
            ]
            fail(sim, *rules)
            sim.ask("/_sim/requests", "DELETE")
            done = await synced(client)
            assert done["vehicles_done"] == len(sim.vins), done
            assert len(sim.ask("/_sim/requests")) < CALLS * len(sim.vins)
        fail(sim)
        await client.ports.settings.db.run("UPDATE vehicles SET synced_at = ?", instant(at.timestamp()))
        assert (await synced(client))["status"] == "succeeded"
        for vin in sim.vins:
            for kind in ("drives", "charges", "idles"):
                there = {record["id"]: record["updated_at"] for record in sim.ask(f"/{vin}/{kind}")["results"]}
                here = await rows(client, kind, f"vin = '{vin}'")
                assert {row["tessie_id"]: row["tessie_updated_at"] for row in here} == {
                    id_: instant(updated) for id_, updated in there.items()
                }, (vin, kind)

    Runner(tmp_path / "state", tessie_port)(case, started=True)


def change(sim: Simulator, draw: Random) -> None:
    """Drop a record of the last days, and correct another one, as Tessie does."""
    vin = draw.choice(sim.vins)
    dropped, corrected, *_ = sim.ask(f"/{vin}/drives?limit=4")["results"]
    sim.ask(f"/_sim/drives/{vin}/{dropped['id']}", "DELETE")
    sim.ask(f"/_sim/drives/{vin}/{corrected['id']}", "PATCH", {"tag": "Business"})
