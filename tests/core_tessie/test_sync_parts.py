"""A failing part of a vehicle's sync affects no other, is reported with its time, and catches up later."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.patience import pauses

from core_tessie.tessie.records import RECORDS
from edge.testing import Client
from sims.tessie import Fleet, Simulator

from .conftest import Runner
from .test_sync import NOW, TWO_WEEKS, ended, fail, rows, synced

pytestmark = pytest.mark.slow


@pytest.fixture
def sim(run: Runner) -> Iterator[Simulator]:
    """A Tessie of two cars and two weeks, which `run` talks to."""
    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW, number=2), port=run.tessie_port) as simulator:
        yield simulator


FAULTS = [
    ("battery_health", {"kind": "bad_request"}),
    ("battery_health", {"kind": "server_error"}),
    ("battery_health", {"kind": "other_shape"}),
    ("idles", {"kind": "not_found"}),
    ("drives", {"kind": "server_error"}),
    ("state", {"kind": "not_found"}),
    ("state", {"kind": "other_shape"}),
    ("state", {"kind": "offline"}),
]


@pytest.mark.parametrize(
    ("part", "fault"), FAULTS, ids=lambda value: value if isinstance(value, str) else value["kind"]
)
def test_failing_part_does_not_affect_others(run: Runner, sim: Simulator, part: str, fault: dict[str, object]) -> None:
    vin = sim.vins[0]

    async def case(client: Client) -> None:
        fail(sim, {"vin": vin, "path": f"/{part}$", **fault})
        first = await synced(client)
        assert (first["status"], first["vehicles_done"], first["vehicles_failed"]) == ("partial", len(sim.vins), 0)
        progress = first["progress"][vin]
        assert progress["status"] == "partial"
        assert list(progress["failing"]) == [part]
        since = progress["failing"][part]["since"]
        assert part in progress["error"]
        for kind in RECORDS.keys() - {part}:
            assert len(await rows(client, kind, f"vin = '{vin}'")) == len(sim.ask(f"/{vin}/{kind}")["results"])
        if part != "state":
            (car,) = await rows(client, "vehicles", f"id = '{vin}'")
            assert car["battery_pct"] is not None
        second = await synced(client)
        assert second["progress"][vin]["failing"][part]["since"] == since
        (standing,) = await rows(client, "sync_parts", f"id = '{vin}-{part}'")
        assert (standing["failures"], standing["first_failed_at"]) == (2, since)
        fail(sim)
        assert (await synced(client))["status"] == "succeeded"
        (standing,) = await rows(client, "sync_parts", f"id = '{vin}-{part}'")
        assert (standing["failures"], standing["first_failed_at"], standing["error"]) == (0, None, None)
        if part in RECORDS:
            assert len(await rows(client, part, f"vin = '{vin}'")) == len(sim.ask(f"/{vin}/{part}")["results"])

    run(case, started=True)


def test_state_and_new_drives_come_while_an_optional_part_fails(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]

    async def case(client: Client) -> None:
        await synced(client)
        fail(sim, {"kind": "bad_request", "vin": vin, "path": "/battery_health$"})
        db = client.ports.settings.db
        for _ in range(2):
            await db.run("DELETE FROM drives WHERE id IN (SELECT id FROM drives WHERE vin = ? LIMIT 3)", vin)
            await db.run("UPDATE vehicles SET battery_pct = 1, synced_at = '2025-11-01 00:00:00' WHERE id = ?", vin)
            assert (await synced(client))["status"] == "partial"
            assert len(await rows(client, "drives", f"vin = '{vin}'")) == len(sim.ask(f"/{vin}/drives")["results"])
            (car,) = await rows(client, "vehicles", f"id = '{vin}'")
            assert car["battery_pct"] != 1

    run(case, started=True)


def test_failing_part_does_not_hold_up_a_backfill(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]

    async def case(client: Client) -> None:
        await synced(client)
        fail(sim, {"kind": "not_found", "vin": vin, "path": "/idles$"})
        await client.ports.settings.db.run("DELETE FROM charges WHERE vin = ?", vin)
        answer = await client.post("/agent/actions", {"kind": "backfill", "payload": {"vin": vin}})
        action: Any = answer.json()
        async for _ in pauses():
            action = (await client.get(f"/agent/actions/{action['id']}")).json()
            if action["ended_at"]:
                break
        assert action["result"]["status"] == "partial", action
        assert len(await rows(client, "charges", f"vin = '{vin}'")) == len(sim.ask(f"/{vin}/charges")["results"])
        ended_run = await ended(client, action["id"])
        assert list(ended_run["progress"][vin]["failing"]) == ["idles"]

    run(case, started=True)
