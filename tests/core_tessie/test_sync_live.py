"""Near-live data: the poll, corrections through the mirror, and a key that Tessie refuses."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from core_tessie.sync.poll import activity_of
from core_tessie.sync.routes import CRON, POLL_CRON
from edge.testing import Client
from sims.tessie import Fleet, Simulator

from .conftest import Runner
from .test_live_events import events_after, finished, mark, of
from .test_sync import NOW, TWO_WEEKS, ended, fail, rows, synced

pytestmark = pytest.mark.slow


@pytest.fixture
def sim(run: Runner) -> Iterator[Simulator]:
    """A Tessie of two cars and two weeks, which `run` talks to."""
    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW, number=2), port=run.tessie_port) as simulator:
        yield simulator


async def polled(client: Client, minute: int = 0) -> list[dict[str, Any]]:
    """Run the poll's cron, wait for the runs that it began, and return their rows."""
    before = {row["id"] for row in await rows(client, "sync_runs")}
    await client.scheduled(POLL_CRON, datetime(2026, 1, 5, 20, minute, tzinfo=UTC))
    begun = [row for row in await rows(client, "sync_runs") if row["id"] not in before]
    return [await ended(client, row["id"]) for row in begun]


def test_poll_syncs_only_the_car_that_began_to_drive(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]
    car = sim.fleet[vin]

    async def case(client: Client) -> None:
        await synced(client)
        assert await polled(client) == []
        before = await rows(client, "vehicles")
        sim.ask("/_sim/requests", "DELETE")
        assert await polled(client) == []
        assert [call["path"] for call in sim.ask("/_sim/requests")] == ["/vehicles"]
        assert await rows(client, "vehicles") == before

        drive = next(drive for drive in car.history.drives if drive.start.at > NOW.timestamp())
        others = [other for other in sim.fleet if other is not car]
        sim.fleet.pin((drive.start.at + drive.end.at) / 2)
        for other in others:
            other.now = lambda: int(NOW.timestamp())
        (done,) = await polled(client)
        assert (done["cause"], list(done["progress"])) == ("poll", [vin])
        (row,) = await rows(client, "vehicles", f"id = '{vin}'")
        assert row["shift_state"] == "D"
        assert await polled(client) == []

        sim.fleet.pin(drive.end.at + 120)
        since = await mark(client)
        (done,) = await polled(client)
        assert list(done["progress"]) == [vin]
        assert len(await rows(client, "drives", f"id = '{vin}-{drive.id}'")) == 1
        types = [event["type"] for event in of(await events_after(client, since, finished(1)), vin)]
        assert {"vehicle.changed", "drive.recorded", "drive.ended"} <= set(types)
        assert await polled(client) == []
        assert not [call for call in sim.ask("/_sim/requests") if "wake" in call["path"] or call["method"] != "GET"]

    run(case, started=True)


@pytest.mark.usefixtures("sim")
def test_poll_can_be_slower_or_off(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> int:
        await synced(client)
        sim.ask("/_sim/requests", "DELETE")
        for minute in range(0, 60, 5):
            await polled(client, minute)
        return len(sim.ask("/_sim/requests"))

    run.env["SYNC_POLL_MINUTES"] = "15"
    assert run(case, started=True) == 4
    run.env["SYNC_POLL_MINUTES"] = "0"
    assert run(case, started=True) == 0


@pytest.mark.parametrize("odd", [{}, [], ["D"], 5, True, 2**70, "", None])
def test_unreadable_activity_is_parked(odd: Any) -> None:
    state = {"drive_state": {"shift_state": odd}, "charge_state": {"charging_state": odd}}
    assert activity_of(state, {"shift_state": "D", "charging_state": "Charging"}) == "parked"


@pytest.mark.parametrize("odd", [{}, [], None, "?"])
def test_part_that_the_list_lacks_is_as_before(odd: Any) -> None:
    state = {"state": "asleep", "drive_state": odd or None, "charge_state": odd or None}
    assert activity_of(state, {"shift_state": "D", "charging_state": None}) == "driving"
    assert activity_of(state, {"shift_state": None, "charging_state": "Charging"}) == "charging"
    assert activity_of({"state": "asleep"}, {"shift_state": None, "charging_state": None}) == "parked"


def test_poll_survives_an_unreachable_tessie(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        fail(sim, {"kind": "bad_gateway", "path": "^/vehicles$"})
        sim.ask("/_sim/requests", "DELETE")
        assert await polled(client) == []
        assert len(sim.ask("/_sim/requests")) == 1

    run(case, started=True)


def test_correction_through_the_mirror_is_here_at_once(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]
    charge = sim.ask(f"/{vin}/charges")["results"][-1]
    drives = [record["id"] for record in sim.ask(f"/{vin}/drives")["results"][-3:-1]]

    async def cost(client: Client, target: str, body: object = None) -> Any:
        answer = await client.post(f"/tessieapi/{vin}/charges/{target}", body)
        assert answer.status in {200, 404}, answer.text
        return (await client.get(f"/d1/charges?id=eq.{vin}-{charge['id']}")).json()[0]["cost"]

    async def case(client: Client) -> None:
        await synced(client)
        assert await cost(client, f"{charge['id']}/set_cost?cost=12.34") == 12.34
        assert await cost(client, f"{charge['id']}/set_cost", {"cost": 5}) == 5
        assert await cost(client, "1/set_cost?cost=99") == 5
        assert await cost(client, f"{charge['id']}/set_cost?cost=") is None
        body = {"drives": ",".join(map(str, drives)), "tag": "Business"}
        assert (await client.post(f"/tessieapi/{vin}/drives/set_tag", body)).status == 200
        listed = ",".join(f"{vin}-{drive}" for drive in drives)
        tagged = (await client.get(f"/d1/drives?id=in.({listed})")).json()
        assert [row["tag"] for row in tagged] == ["Business", "Business"]
        await synced(client)
        tagged = (await client.get(f"/d1/drives?id=in.({listed})")).json()
        assert [row["tag"] for row in tagged] == ["Business", "Business"]

    run(case, started=True)


def test_refused_key_is_one_state_and_not_a_run_for_each_tick(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        fail(sim, {"kind": "unauthorized"})
        since = await mark(client)
        for hour in (4, 8, 12):
            await client.scheduled(CRON, datetime(2026, 1, 5, hour, tzinfo=UTC))
            assert await polled(client) == []
        refused = await rows(client, "sync_runs", "status = 'failed'")
        assert len(refused) == 1
        assert "TESSIE_API_KEY" in refused[0]["error"]
        types = [event["type"] for event in await events_after(client, since, finished(1))]
        assert types.count("tessie.key.refused") == 1
        health = (await client.get("/health")).json()
        assert (health["status"], health["probes"]["TESSIE_API_KEY"]["status"]) == ("degraded", "error")
        assert "refuses" in health["probes"]["TESSIE_API_KEY"]["message"]
        fail(sim)
        await client.scheduled(CRON, datetime(2026, 1, 5, 16, tzinfo=UTC))
        (last,) = await rows(client, "sync_runs", "cause = 'cron' AND status != 'failed'")
        assert (await ended(client, last["id"]))["status"] == "succeeded"
        assert (await client.get("/health")).json()["probes"]["TESSIE_API_KEY"]["status"] == "ok"

    run(case, started=True)


@pytest.mark.local_only("a failing job is an error of the Worker, which the stand-in for the clock does not raise")
def test_other_refusal_after_a_refused_key_is_reported_by_a_run(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        fail(sim, {"kind": "unauthorized"})
        await client.scheduled(CRON, datetime(2026, 1, 5, 4, tzinfo=UTC))
        fail(sim, {"kind": "not_found", "path": "^/vehicles$"})
        with pytest.raises(ExceptionGroup):
            await client.scheduled(CRON, datetime(2026, 1, 5, 8, tzinfo=UTC))
        errors = [row["error"] for row in await rows(client, "sync_runs", "status = 'failed'")]
        assert "vehicles: Tessie answered 404" in errors

    run(case, started=True)


def test_key_that_is_refused_during_a_run_ends_it(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        fail(
            sim,
            {"kind": "unauthorized", "path": "^/[A-Z0-9]{17}/"},
            {"kind": "slow", "path": "^/vehicles$", "times": 1},
            {"kind": "unauthorized", "path": "^/vehicles$"},
        )
        done = await synced(client)
        assert (done["status"], "TESSIE_API_KEY" in done["error"]) == ("failed", True)

    run(case, started=True)
