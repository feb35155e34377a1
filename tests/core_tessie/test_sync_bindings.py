"""A sync in workerd with failing bindings (D1, queue, Durable Objects) leaves the rows of an undisturbed one."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from core_tessie.actions.routes import RELAY_CRON
from core_tessie.app import app
from core_tessie.sync.work import QUEUE
from edge.testing import Client
from edge.testing.host import Host, Workers
from pyedge import ControlError
from sims.tessie import Fleet, Simulator

from .conftest import ENV, KEY, ROOT, Runner
from .test_sync import NOW, content, ended, fail
from .test_sync_disturbed import finish_run, undisturbed_rows, without_own_columns

pytestmark = pytest.mark.slow

CHANCES = {"Database": 0.05, "Queue": 0.3, "Throttle": 0.3, "Events": 0.3}
"""The share of a port's calls that fail."""
ROUNDS = 6
MOST_ROUNDS = 60
"""Rounds after which each binding has almost surely failed: parallel events draw in any order."""


@pytest.fixture(scope="module")
def host(workers: Workers) -> Iterator[Host]:
    """Return the runner of the default Worker with bindings that can fail."""
    trees = {name: ROOT / "src" / name for name in ("edge", "core_tessie")}
    host = Host(workers, ROOT / "wrangler.toml", overrides={"main": "tests/workers/failing/main.py"}, trees=trees)
    yield host
    host.stop()


@pytest.fixture
def sim(tessie_port: int) -> Iterator[Simulator]:
    """A Tessie of two cars and three weeks."""
    fleet = Fleet(seed=7, start=NOW - timedelta(days=21), until=NOW, number=2)
    with Simulator(fleet, port=tessie_port) as simulator:
        yield simulator


@pytest.fixture
def expected(sim: Simulator, tmp_path: Path, tessie_port: int) -> Any:
    """Return the rows of an undisturbed sync."""
    return Runner(tmp_path / "quiet", tessie_port)(lambda client: undisturbed_rows(client, sim))


async def started(host: Host, tessie_port: int) -> Client:
    # A claim whose answer was lost is free again when its lease ends.
    env = ENV | {"TESSIE_BASE_URL": f"http://127.0.0.1:{tessie_port}", "AGENT_LEASE_S": "5"}
    return await host.client(app, env, KEY)


async def disturb(client: Client, seed: int, **chances: float) -> None:
    answer = await client.request("PUT", "/_faults", json={"seed": seed, "chances": chances})
    assert answer.status == 200


async def accepted(client: Client) -> str:
    """Request a sync until it is accepted."""
    for _ in range(50):
        answer = await client.post("/colbycommands/sync")
        if answer.status == 202:
            return str(answer.json()["id"])
        assert answer.status in {500, 502, 503}, answer.text
    raise AssertionError("no sync was accepted in 50 attempts")


async def deliver(client: Client, sim: Simulator, draw: Random, run_id: str) -> None:
    """Deliver a run's messages in any order, some of them twice and at once."""
    bodies: list[object] = [{"kind": "plan_sync", "run_id": run_id}]
    bodies += [{"kind": "sync_vehicle", "run_id": run_id, "vin": vin} for vin in sim.vins]
    tasks = [client.queue(QUEUE, [body]) for body in draw.choices(bodies, k=4)]
    faults = [
        result for result in await asyncio.gather(*tasks, return_exceptions=True) if isinstance(result, BaseException)
    ]
    assert all(isinstance(fault, ControlError) for fault in faults), faults


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 12))])
def test_sync_with_failing_bindings_leaves_the_rows_of_a_quiet_one(
    seed: int, host: Host, sim: Simulator, tessie_port: int, expected: Any
) -> None:
    draw = Random(seed)

    async def case() -> None:
        client = await started(host, tessie_port)
        await disturb(client, seed, **CHANCES)
        runs = [await accepted(client), await accepted(client)]
        for number in range(MOST_ROUNDS):
            await deliver(client, sim, draw, draw.choice(runs))
            fired = (await client.get("/_faults")).json()
            if number + 1 >= ROUNDS and set(fired) == set(CHANCES):
                break
        assert set(fired) == set(CHANCES), "each binding must have failed"
        await disturb(client, seed)
        for run_id in runs:
            await client.queue(QUEUE, [{"kind": "plan_sync", "run_id": run_id}])
            await finish_run(client, sim, run_id)
        last = await finish_run(client, sim, await planned(client))
        assert last["status"] == "succeeded", last
        assert without_own_columns(await content(client)) == expected

    asyncio.run(case())


async def planned(client: Client) -> str:
    run_id = await accepted(client)
    await client.queue(QUEUE, [{"kind": "plan_sync", "run_id": run_id}])
    return run_id


async def backfilled(client: Client) -> Any:
    """Request a backfill, and return its action when it has ended: the queue waits 30 s after each failed delivery."""
    for _ in range(50):
        answer = await client.post("/agent/actions", {"kind": "backfill", "payload": {}})
        if answer.status == 202:
            break
    for number in range(1, 1_500):
        action = (await client.get(f"/agent/actions/{answer.json()['id']}")).json()
        if action.get("ended_at"):
            return action
        if number % 25 == 0:  # a workflow whose last step fails for good is ended by the clock
            with suppress(AssertionError):
                await client.scheduled(RELAY_CRON)
        await asyncio.sleep(0.2)
    raise AssertionError(action)


@pytest.mark.soak
def test_lasting_failure_in_the_backfill_workflow_costs_its_part_alone(
    host: Host, sim: Simulator, tessie_port: int
) -> None:
    vin = sim.vins[0]

    async def case() -> None:
        client = await started(host, tessie_port)
        await disturb(client, 0)
        await finish_run(client, sim, await planned(client))
        await client.ports.settings.db.run("DELETE FROM charges")
        fail(sim, {"kind": "server_error", "vin": vin, "path": "/drives$"})
        action = await backfilled(client)
        assert (action["status"], action["result"]["status"]) == ("failed", "partial"), action
        ended_run = await ended(client, action["id"])
        assert list(ended_run["progress"][vin]["failing"]) == ["drives"]
        assert ended_run["progress"][sim.vins[1]]["status"] == "succeeded"
        for car in sim.vins:
            stored = await client.ports.settings.db.all("SELECT id FROM charges WHERE vin = ?", car)
            assert len(stored) == len(sim.ask(f"/{car}/charges")["results"])

    asyncio.run(case())


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6))
def test_backfill_by_workflow_with_failing_bindings_leaves_the_same_rows(
    seed: int, host: Host, sim: Simulator, tessie_port: int, expected: Any
) -> None:
    async def case() -> None:
        client = await started(host, tessie_port)
        await disturb(client, 0)
        await finish_run(client, sim, await planned(client))
        await client.ports.settings.db.run("DELETE FROM drives")
        await disturb(client, seed, Database=0.1, Throttle=0.3, Events=0.3)
        action = await backfilled(client)
        assert (await client.get("/_faults")).json()["Database"] > 0
        await disturb(client, seed)
        assert action["ended_at"]
        if action["status"] != "succeeded":
            action = await backfilled(client)
        assert action["status"] == "succeeded", action
        assert without_own_columns(await content(client)) == expected

    asyncio.run(case())
