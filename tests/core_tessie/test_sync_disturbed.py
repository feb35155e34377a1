"""A sync that is cut off, delivered twice, out of order and in two runs at once leaves the rows of a quiet one."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
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

pytestmark = pytest.mark.slow

FAULTS = ("server_error", "malformed", "cut_off", "offline", "bad_gateway", "rate_limited", "html_error")
ALL_FAULTS = (
    *FAULTS,
    *("bad_request", "not_found", "other_shape", "unauthorized", "asleep", "null_state", "empty", "fields", "slow"),
)
LIST_FAULTS = (*FAULTS, "unauthorized", "bad_request", "other_shape", "empty", "unlisted", "odd_vins", "null_state")
STATE = {
    "charge_state": {"battery_pct": "battery_level", "rated_range_mi": "battery_range"},
    "drive_state": {"latitude": "latitude", "longitude": "longitude", "heading_deg": "heading"},
    "vehicle_state": {"odometer_mi": "odometer", "car_version": "car_version"},
}
PARTS = ("state", "drives", "charges", "idles", "battery_health")
ROUNDS = 12
CALLS = 60
"""Most calls that one run makes for one car, retries and searches included."""
OWN = {"backfill"}


@pytest.fixture
def sim(tessie_port: int) -> Iterator[Simulator]:
    """A Tessie of nine weeks, with its clock a week before its end."""
    with Simulator(Fleet(seed=7, until=NOW - timedelta(days=7)), port=tessie_port) as simulator:
        yield simulator


async def begun(client: Client) -> str:
    run_id: str = (await client.post("/colbycommands/sync")).json()["id"]
    await client.queue(QUEUE, [{"kind": "plan_sync", "run_id": run_id}])
    return run_id


async def finish_run(client: Client, sim: Simulator, run_id: str) -> Any:
    """Deliver a run's messages until it has ended."""
    for _ in range(40):
        document = (await client.get(f"/colbycommands/sync/{run_id}")).json()
        if document["ended_at"]:
            return document
        for vin in sim.vins:
            await client.queue(QUEUE, [{"kind": "sync_vehicle", "run_id": run_id, "vin": vin}])
    raise AssertionError(document)


async def disturb(client: Client, sim: Simulator, draw: Random, runs: list[str]) -> None:
    """Deliver some messages at once, some twice and in any order, and cancel them at a random moment."""
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


async def undisturbed_rows(client: Client, sim: Simulator) -> dict[str, list[Row]]:
    await finish_run(client, sim, await begun(client))
    return without_own_columns(await content(client))


def without_own_columns(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {table: [{k: v for k, v in row.items() if k not in OWN} for row in rows] for table, rows in tables.items()}


@pytest.fixture(scope="module")
def quiet_rows() -> dict[str, list[Row]]:
    """The rows of an undisturbed sync, for all seeds; empty until the first one has made it."""
    return {}


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(4, 20))])
def test_disturbed_sync_leaves_the_rows_of_a_quiet_one(
    seed: int, tmp_path: Path, sim: Simulator, tessie_port: int, quiet_rows: dict[str, list[Row]]
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
            ended = await finish_run(client, sim, run_id)
            assert ended["status"] in {"succeeded", "partial"}, ended
        last = await finish_run(client, sim, await begun(client))
        assert last["status"] == "succeeded", last
        return without_own_columns(await content(client))

    if not quiet_rows:
        quiet_rows |= Runner(tmp_path / "quiet", tessie_port)(lambda client: undisturbed_rows(client, sim))
    assert Runner(tmp_path / "state", tessie_port)(case) == quiet_rows


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 40))])
def test_month_of_failures_ends_with_the_copy_that_tessie_has(
    seed: int, tmp_path: Path, sim: Simulator, tessie_port: int
) -> None:
    """Tessie's clock moves by three days at a time; each time other calls fail, or records are merged or corrected."""
    draw = Random(seed)

    async def case(client: Client) -> None:
        at = NOW - timedelta(days=7)
        for _ in range(10):
            before, at = at, at + timedelta(days=3)
            sim.fleet.pin(at)
            fail(sim)
            change(sim, draw)
            await look_back(client, before)
            rules = [failure(sim, draw) for _ in range(draw.randrange(1, 5))]
            fail(sim, *rules)
            sim.ask("/_sim/requests", "DELETE")
            check_run(await synced(client), sim, rules)
            assert len(sim.ask("/_sim/requests")) < CALLS * len(sim.vins)
        fail(sim)
        await look_back(client, at)
        assert (await synced(client))["status"] == "succeeded"
        for vin in sim.vins:
            await check_car(client, sim, vin)

    Runner(tmp_path / "state", tessie_port)(case, started=True)


async def look_back(client: Client, to: datetime) -> None:
    """Move the last sync to a time on Tessie's clock, as the real clock is months ahead; unsynced parts stay so."""
    for table in ("vehicles", "sync_parts"):
        await client.ports.settings.db.run(f"UPDATE {table} SET synced_at = min(synced_at, ?)", instant(to.timestamp()))


def failure(sim: Simulator, draw: Random) -> dict[str, object]:
    """Return a rule that makes a part of a car, or the list, fail: once, twice or throughout a run."""
    rule: dict[str, object] = {"retry_after": 0, "times": draw.choice((1, 2, None))}
    if draw.random() < 0.15:
        return rule | {"kind": draw.choice(LIST_FAULTS), "path": "^/vehicles$", "vin": draw.choice((None, *sim.vins))}
    vin = draw.choice(sim.vins)
    part = draw.choice(PARTS)
    kind = draw.choice(ALL_FAULTS)
    fields = {"tag": {}, "cost": "", "ended_at": "now", "charge_state": 5, "capacity": 2**63, "latitude": [1]}
    return rule | {"kind": kind, "vin": vin, "path": f"/{part}$", "fields": fields}


def check_run(done: Any, sim: Simulator, rules: list[dict[str, object]]) -> None:
    """Check that a failure affects only its own car in the run."""
    if any(rule["path"] == "^/vehicles$" and rule["kind"] != "unlisted" for rule in rules):
        assert done["ended_at"]
        return
    failing = {rule["vin"] for rule in rules}
    assert set(done["progress"]) | failing == set(sim.vins) | failing, done
    assert {vin: facts["status"] for vin, facts in done["progress"].items() if vin not in failing} == dict.fromkeys(
        set(sim.vins) - failing, "succeeded"
    ), done


async def check_car(client: Client, sim: Simulator, vin: str) -> None:
    """Check that all records of a car, its state and its sync parts are right."""
    for kind in ("drives", "charges", "idles"):
        there = {
            record["id"]: (record["updated_at"], record["ended_at"]) for record in sim.ask(f"/{vin}/{kind}")["results"]
        }
        here = await rows(client, kind, f"vin = '{vin}'")
        assert {row["tessie_id"]: (row["tessie_updated_at"], row["ended_at"]) for row in here} == {
            id_: (instant(updated), instant(ended)) for id_, (updated, ended) in there.items()
        }, (vin, kind)
    state = sim.ask(f"/{vin}/state")
    (car,) = await rows(client, "vehicles", f"id = '{vin}'")
    assert (car["is_active"], car["archived_at"], car["backfill"]) == (1, None, None)
    assert (car["state"], car["display_name"]) == (state["state"], state["display_name"])
    for part, columns in STATE.items():
        for column, name in columns.items():
            if (value := (state.get(part) or {}).get(name)) is not None:
                assert car[column] == value, (vin, column)
    parts = await rows(client, "sync_parts", f"vin = '{vin}'")
    assert {row["part"]: (row["failures"], row["first_failed_at"], row["error"]) for row in parts} == dict.fromkeys(
        (row["part"] for row in parts), (0, None, None)
    )


def change(sim: Simulator, draw: Random) -> None:
    """Drop a record of the last days, and correct another one, as Tessie does."""
    vin = draw.choice(sim.vins)
    dropped, corrected, *_ = sim.ask(f"/{vin}/drives?limit=4")["results"]
    sim.ask(f"/_sim/drives/{vin}/{dropped['id']}", "DELETE")
    sim.ask(f"/_sim/drives/{vin}/{corrected['id']}", "PATCH", {"tag": "Business"})
