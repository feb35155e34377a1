"""The copy follows Tessie: merged, removed, late, corrected and unreadable records are the same here."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from edge.testing import Client
from sims.tessie import Fleet, Simulator

from .conftest import Runner
from .test_live_events import events_after, finished, mark, of
from .test_sync import NOW, TWO_WEEKS, fail, instant, rows, synced

pytestmark = pytest.mark.slow

DAY = 86_400


@pytest.fixture
def sim(run: Runner) -> Iterator[Simulator]:
    """A Tessie of two cars and two weeks, which `run` talks to."""
    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW, number=2), port=run.tessie_port) as simulator:
        yield simulator


@pytest.fixture
def old(run: Runner) -> Iterator[Simulator]:
    """A Tessie of two cars and nine weeks."""
    with Simulator(Fleet(seed=7, until=NOW, number=2), port=run.tessie_port) as simulator:
        yield simulator


async def look_back(client: Client, to: float) -> None:
    """Move the last sync to long ago: the simulated clock stands still, the real one does not."""
    await client.ports.settings.db.run("UPDATE vehicles SET synced_at = ?", instant(to))


async def same(client: Client, sim: Simulator, vin: str, kind: str) -> None:
    """Check that the rows of a kind are those that Tessie has."""
    there = {record["id"]: instant(record["ended_at"]) for record in sim.ask(f"/{vin}/{kind}")["results"]}
    assert {row["tessie_id"]: row["ended_at"] for row in await rows(client, kind, f"vin = '{vin}'")} == there


def merge(sim: Simulator, vin: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Merge the two newest charges, as Tessie does, into the older one; return both as they were."""
    newer, older = sim.ask(f"/{vin}/charges?limit=2")["results"]
    both = {name: older[name] + newer[name] for name in ("energy_added", "energy_used", "miles_added")}
    sim.ask(f"/_sim/charges/{vin}/{older['id']}", "PATCH", {"ended_at": newer["ended_at"], **both})
    sim.ask(f"/_sim/charges/{vin}/{newer['id']}", "DELETE")
    return newer, older


def test_merged_charges_are_not_counted_twice(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]

    async def case(client: Client) -> None:
        await synced(client)
        total = sum(row["energy_used_kwh"] for row in await rows(client, "charges", f"vin = '{vin}'"))
        newer, older = merge(sim, vin)
        await look_back(client, older["started_at"])
        since = await mark(client)
        await synced(client)
        await same(client, sim, vin, "charges")
        again = sum(row["energy_used_kwh"] for row in await rows(client, "charges", f"vin = '{vin}'"))
        assert again == pytest.approx(total)
        events = [
            event
            for event in of(await events_after(client, since, finished(1)), vin)
            if event["type"] == "charge.removed"
        ]
        assert [event["data"]["id"] for event in events] == [f"{vin}-{newer['id']}"]
        report = (await client.post("/colbycommands/energy-report", {"from": "2025-01-01"})).json()
        assert report["id"]
        listed = (await client.get(f"/d1/charges?id=eq.{vin}-{newer['id']}")).json()
        assert listed == []
        (aside,) = await rows(client, "removed_records")
        assert (aside["kind"], aside["tessie_id"]) == ("charges", newer["id"])

    run(case, started=True)


def test_removed_record_comes_back_as_it_was(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]
    drive = sim.ask(f"/{vin}/drives?limit=30")["results"][-1]

    async def case(client: Client) -> None:
        await synced(client)
        (before,) = await rows(client, "drives", f"id = '{vin}-{drive['id']}'")
        sim.ask(f"/_sim/drives/{vin}/{drive['id']}", "DELETE")
        await look_back(client, drive["started_at"])
        await synced(client)
        assert await rows(client, "drives", f"id = '{vin}-{drive['id']}'") == []
        sim.ask(f"/_sim/drives/{vin}", "PUT", [drive])
        since = await mark(client)
        await client.ports.settings.db.run("UPDATE vehicles SET synced_at = CURRENT_TIMESTAMP")
        await synced(client)
        (after,) = await rows(client, "drives", f"id = '{vin}-{drive['id']}'")
        assert after | {"updated_at": before["updated_at"]} == before
        assert await rows(client, "removed_records") == []
        types = [event["type"] for event in of(await events_after(client, since, finished(1)), vin)]
        assert "drive.restored" in types
        assert "drive.recorded" not in types

    run(case, started=True)


def test_one_empty_answer_removes_nothing(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]

    async def case(client: Client) -> None:
        await synced(client)
        await look_back(client, NOW.timestamp() - 20 * DAY)
        fail(sim, {"kind": "empty", "vin": vin, "path": "/drives$", "times": 1})
        await synced(client)
        await same(client, sim, vin, "drives")
        assert await rows(client, "removed_records") == []

    run(case, started=True)


@pytest.mark.parametrize("kind", ["server_error", "not_found"])
def test_window_whose_confirmation_fails_is_read_again(run: Runner, sim: Simulator, kind: str) -> None:
    vin = sim.vins[0]
    listed = sim.ask(f"/{vin}/drives")["results"]
    at = int(datetime.now(UTC).timestamp() - 5 * DAY)
    new = listed[0] | {"id": 9_000_001, "started_at": at, "ended_at": at + 60, "updated_at": at + 60}

    async def case(client: Client) -> None:
        await synced(client)
        await stay_behind(client, listed[-1]["started_at"])
        sim.ask(f"/_sim/drives/{vin}/{listed[10]['id']}", "DELETE")
        sim.ask(f"/_sim/drives/{vin}", "PUT", [new])
        fail(sim, {"kind": kind, "vin": vin, "path": "/drives$", "every": 2})
        assert list((await synced(client))["progress"][vin]["failing"]) == ["drives"]
        assert len(await rows(client, "drives", f"id = '{vin}-{listed[10]['id']}'")) == 1
        fail(sim)
        await synced(client)
        await same(client, sim, vin, "drives")

    run(case, started=True)


@pytest.mark.parametrize("is_overlap", [False, True], ids=["by start", "by overlap"])
def test_open_charge_is_followed_to_its_end(run: Runner, sim: Simulator, is_overlap: bool) -> None:
    vin = sim.vins[0]
    sim.fleet.filters_by_overlap = is_overlap
    now = datetime.now(UTC).timestamp()
    template = sim.ask(f"/{vin}/charges?limit=1")["results"][0]
    running = template | {
        "id": 9_000_001,
        "started_at": int(now - 9 * DAY),
        "ended_at": None,
        "energy_added": 5.0,
        "energy_used": None,
        "cost": None,
        "created_at": int(now - 9 * DAY),
        "updated_at": int(now - 9 * DAY),
    }
    done = running | {
        "ended_at": int(now - 60),
        "energy_added": 61.5,
        "energy_used": 66.0,
        "cost": 12.5,
        "updated_at": int(now - 50),
    }
    later = template | {"id": 9_000_002, "started_at": int(now - 2 * DAY), "ended_at": int(now - DAY)}

    async def case(client: Client) -> None:
        sim.ask(f"/_sim/charges/{vin}", "PUT", [running, later])
        await synced(client)
        sim.ask(f"/_sim/charges/{vin}", "PUT", [done])
        since = await mark(client)
        await synced(client)
        (row,) = await rows(client, "charges", f"id = '{vin}-9000001'")
        assert (row["ended_at"], row["energy_added_kwh"], row["cost"]) == (instant(done["ended_at"]), 61.5, 12.5)
        events = [
            event
            for event in of(await events_after(client, since, finished(1)), vin)
            if event["type"] == "charge.ended"
        ]
        assert [(event["data"]["id"], event["data"]["energy_used_kwh"]) for event in events] == [
            (f"{vin}-9000001", 66.0)
        ]

    run(case, started=True)


@pytest.mark.parametrize("kind", ["drives", "charges", "idles"])
def test_oldest_open_record_is_followed_behind_newer_ones(run: Runner, sim: Simulator, kind: str) -> None:
    vin = sim.vins[0]
    now = datetime.now(UTC).timestamp()
    record = sim.ask(f"/{vin}/{kind}?limit=1")["results"][0]
    record |= {"ended_at": None, "created_at": int(now - 30 * DAY), "updated_at": int(now - 30 * DAY)}
    running = [record | {"id": 9_000_000 + place, "started_at": int(now - (30 - place) * DAY)} for place in range(10)]
    run.env["SYNC_REREAD_WINDOWS"] = "0"

    async def case(client: Client) -> None:
        sim.ask(f"/_sim/{kind}/{vin}", "PUT", running)
        await synced(client)
        sim.ask(f"/_sim/{kind}/{vin}", "PUT", [running[0] | {"ended_at": int(now - 29.5 * DAY)}])
        await synced(client)
        (row,) = await rows(client, kind, f"id = '{vin}-9000000'")
        assert row["ended_at"] == instant(int(now - 29.5 * DAY))

    run(case, started=True)


def test_long_idle_that_is_listed_at_its_end_arrives(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]
    now = datetime.now(UTC).timestamp()
    idle, charge = (sim.ask(f"/{vin}/{kind}?limit=1")["results"][0] for kind in ("idles", "charges"))

    async def case(client: Client) -> None:
        await synced(client)
        times = {"started_at": int(now - 7 * DAY), "ended_at": int(now - 60), "updated_at": int(now - 60)}
        sim.ask(f"/_sim/idles/{vin}", "PUT", [idle | {"id": 9_000_001, **times}])
        sim.ask(f"/_sim/charges/{vin}", "PUT", [charge | {"id": 9_000_002, **times}])
        await synced(client)
        assert len(await rows(client, "idles", f"id = '{vin}-9000001'")) == 1
        assert len(await rows(client, "charges", f"id = '{vin}-9000002'")) == 1

    run(case, started=True)


def test_kind_that_failed_is_followed_from_its_own_last_end(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]
    now = datetime.now(UTC).timestamp()
    run.env["SYNC_REREAD_WINDOWS"] = "0"
    idle, drive = (sim.ask(f"/{vin}/{kind}?limit=1")["results"][0] for kind in ("idles", "drives"))
    idle |= {"id": 9_000_001, "started_at": int(now - 13 * DAY), "ended_at": int(now - 9 * DAY)}
    drive |= {"id": 9_000_002, "started_at": int(now - 9 * DAY), "ended_at": int(now - 8.9 * DAY)}

    async def case(client: Client) -> None:
        await synced(client)
        await stay_behind(client, now - 10 * DAY)
        sim.ask(f"/_sim/idles/{vin}", "PUT", [idle])
        sim.ask(f"/_sim/drives/{vin}", "PUT", [drive])
        fail(sim, {"kind": "not_found", "vin": vin, "path": "/idles$"})
        await synced(client)
        fail(sim)
        await synced(client)
        assert len(await rows(client, "idles", f"id = '{vin}-9000001'")) == 1

    run(case, started=True)


def test_empty_answer_costs_no_record_that_is_new(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]
    now = datetime.now(UTC).timestamp()
    drive = sim.ask(f"/{vin}/drives?limit=1")["results"][0]
    times = {"started_at": int(now - 5 * DAY), "ended_at": int(now - 5 * DAY), "updated_at": int(now - 5 * DAY)}

    async def case(client: Client) -> None:
        await synced(client)
        await stay_behind(client, now - 6 * DAY)
        sim.ask(f"/_sim/drives/{vin}", "PUT", [drive | {"id": 9_000_001, **times}])
        fail(sim, {"kind": "empty", "vin": vin, "path": "/drives$", "times": 1})
        await synced(client)
        assert await rows(client, "drives", f"id = '{vin}-9000001'") == []
        await synced(client)
        assert len(await rows(client, "drives", f"id = '{vin}-9000001'")) == 1

    run(case, started=True)


async def stay_behind(client: Client, at: float) -> None:
    """Let the last sync of every part be some time ago."""
    for table in ("vehicles", "sync_parts"):
        await client.ports.settings.db.run(f"UPDATE {table} SET synced_at = ?", instant(at))


def test_correction_of_an_old_record_is_found(run: Runner, old: Simulator) -> None:
    vin = old.vins[0]
    listed = {kind: old.ask(f"/{vin}/{kind}")["results"] for kind in ("drives", "charges")}
    drive, charge = listed["drives"][150], listed["charges"][10]

    async def case(client: Client) -> None:
        await synced(client)
        old.fleet.pin(NOW.timestamp() + 3600)
        old.ask(f"/_sim/drives/{vin}/{drive['id']}", "PATCH", {"tag": "Business"})
        old.ask(f"/_sim/charges/{vin}/{charge['id']}", "PATCH", {"cost": 77.5, "location": "Another place"})
        await synced(client)
        (row,) = await rows(client, "drives", f"id = '{vin}-{drive['id']}'")
        assert row["tag"] == "Business"
        (row,) = await rows(client, "charges", f"id = '{vin}-{charge['id']}'")
        assert (row["cost"], row["location"]) == (77.5, "Another place")
        old.ask("/_sim/requests", "DELETE")
        await synced(client)
        assert len([call for call in old.ask("/_sim/requests") if call["path"] == f"/{vin}/drives"]) == 1

    run(case, started=True)


def test_correction_behind_a_new_record_is_found(run: Runner, old: Simulator) -> None:
    vin = old.vins[0]
    listed = {kind: old.ask(f"/{vin}/{kind}")["results"] for kind in ("drives", "charges")}
    drive, charge = listed["drives"][-1], listed["charges"][-1]

    async def case(client: Client) -> None:
        await synced(client)
        old.fleet.pin(NOW.timestamp() + 3600)
        old.ask(f"/_sim/drives/{vin}/{drive['id']}", "PATCH", {"tag": "Business"})
        old.ask(f"/_sim/charges/{vin}/{charge['id']}", "PATCH", {"cost": 77.5})
        for later in range(3):
            at = int(datetime.now(UTC).timestamp()) - 600 + later
            for kind, (newest, *_) in listed.items():
                new = newest | {"id": 9_000_001 + later, "started_at": at, "ended_at": at + 9, "updated_at": at + 9}
                old.ask(f"/_sim/{kind}/{vin}", "PUT", [new])
            await synced(client)
        (row,) = await rows(client, "drives", f"id = '{vin}-{drive['id']}'")
        assert row["tag"] == "Business"
        (row,) = await rows(client, "charges", f"id = '{vin}-{charge['id']}'")
        assert row["cost"] == 77.5

    run(case, started=True)


def test_rereading_keeps_within_its_windows(run: Runner, old: Simulator) -> None:
    vin = old.vins[0]
    drive = old.ask(f"/{vin}/drives")["results"][-1]
    run.env["SYNC_REREAD_WINDOWS"] = "1"

    async def case(client: Client) -> None:
        await synced(client)
        old.fleet.pin(NOW.timestamp() + 3600)
        old.ask(f"/_sim/drives/{vin}/{drive['id']}", "PATCH", {"tag": "Business"})
        runs = 0
        while (await rows(client, "drives", f"id = '{vin}-{drive['id']}'"))[0]["tag"] != "Business":
            runs += 1
            assert runs < 6
            old.ask("/_sim/requests", "DELETE")
            await synced(client)
            calls = [call for call in old.ask("/_sim/requests") if call["path"] == f"/{vin}/drives"]
            assert len(calls) <= 2
        assert runs > 1

    run(case, started=True)


UNREADABLE = {
    "drives": {
        "tag": {},
        "average_speed": "fast",
        "max_speed": 2**63,
        "ending_latitude": [1],
        "ended_at": "now",
        "starting_location": "\ud800",
        "ending_location": "x" * 20_000,
        "updated_at": 10**400,
    },
    "charges": {"cost": "", "is_supercharger": "perhaps", "odometer": True, "location": 5},
}


def test_unreadable_field_costs_that_field(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[0]

    async def case(client: Client) -> None:
        rules: list[dict[str, object]] = [
            {"kind": "fields", "vin": vin, "path": f"/{kind}$", "fields": fields} for kind, fields in UNREADABLE.items()
        ]
        sim.faults.replace(rules)
        since = await mark(client)
        done = await synced(client)
        assert done["status"] == "succeeded"
        fail(sim)
        for kind, fields in UNREADABLE.items():
            records = {record["id"]: record for record in sim.ask(f"/{vin}/{kind}")["results"]}
            here = await rows(client, kind, f"vin = '{vin}'")
            assert {row["tessie_id"] for row in here} == set(records)
            counts = done["progress"][vin]["unreadable"][kind]
            assert sorted(counts.values()) == [len(records)] * len(fields)
            assert {row[name] for row in here for name in counts} == {None}
        events = await events_after(client, since, finished(1))
        (event,) = (event for event in of(events, vin) if event["type"] == "sync.unreadable")
        assert event["data"]["fields"] == done["progress"][vin]["unreadable"]
        assert any(event["type"] == "log.warning" and "not readable" in event["data"]["message"] for event in events)

    run(case, started=True)


def test_entries_of_the_list_without_a_vin_are_left_out(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        fail(sim, {"kind": "odd_vins", "path": "^/vehicles$"})
        done = await synced(client)
        assert (done["status"], sorted(done["progress"])) == ("succeeded", sorted(sim.vins))

    run(case, started=True)


@pytest.mark.parametrize("number", [100, 101, 250])
def test_many_records_in_one_second_all_arrive(run: Runner, sim: Simulator, number: int) -> None:
    vin = sim.vins[0]
    middle = sim.ask(f"/{vin}/drives")["results"][40]
    many = [middle | {"id": 9_000_000 + offset} for offset in range(number)]

    async def case(client: Client) -> None:
        sim.ask(f"/_sim/drives/{vin}", "PUT", many)
        await synced(client)
        await same(client, sim, vin, "drives")

    run(case, started=True)


def test_gone_vehicle_is_archived_once_and_comes_back(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[1]

    async def case(client: Client) -> None:
        await synced(client)
        drives = len(await rows(client, "drives", f"vin = '{vin}'"))
        fail(sim, {"kind": "unlisted", "vin": vin, "path": "^/vehicles$"}, {"kind": "not_found", "vin": vin})
        since = await mark(client)
        statuses = [(await synced(client))["status"] for _ in range(5)]
        assert statuses == ["partial", "partial", "succeeded", "succeeded", "succeeded"]
        (car,) = await rows(client, "vehicles", f"id = '{vin}'")
        assert (car["is_active"], bool(car["archived_at"]), bool(car["display_name"])) == (0, True, True)
        assert len(await rows(client, "drives", f"vin = '{vin}'")) == drives
        types = [event["type"] for event in of(await events_after(client, since, finished(5)), vin)]
        assert types.count("vehicle.archived") == 1
        fail(sim)
        since = await mark(client)
        assert (await synced(client))["status"] == "succeeded"
        (car,) = await rows(client, "vehicles", f"id = '{vin}'")
        assert (car["is_active"], car["archived_at"]) == (1, None)
        assert "vehicle.returned" in [
            event["type"] for event in of(await events_after(client, since, finished(1)), vin)
        ]

    run(case, started=True)


def test_vehicle_that_is_only_missing_from_the_list_stays(run: Runner, sim: Simulator) -> None:
    vin = sim.vins[1]
    answers = [{}, {}, {"kind": "bad_request"}, {"kind": "bad_request"}, {"kind": "not_found"}]

    async def case(client: Client) -> None:
        await synced(client)
        for answer in answers:
            rules: list[dict[str, object]] = [{"vin": vin, "path": "/state$", **answer}] if answer else []
            fail(sim, {"kind": "unlisted", "vin": vin, "path": "^/vehicles$"}, *rules)
            assert (await synced(client))["status"] == ("partial" if answer else "succeeded")
        (car,) = await rows(client, "vehicles", f"id = '{vin}'")
        assert (car["is_active"], car["archived_at"]) == (1, None)

    run(case, started=True)
