"""The sync against a simulated Tessie over HTTP: the rows it copies, and the faults it survives."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from tests.patience import pauses

from core_tessie.sync.routes import CRON
from core_tessie.sync.work import DEAD_LETTERS, QUEUE
from edge.ports import Row
from edge.testing import Client
from sims.tessie import Fleet, Simulator

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 5, 20, tzinfo=UTC)
TWO_WEEKS = NOW - timedelta(days=14)
"""The first two months of a fleet, for tests that need no whole history: their sync takes seconds in workerd."""
TABLES = (
    "vehicles",
    "vehicle_settings",
    "drives",
    "charges",
    "idles",
    "climates",
    "software_updates",
    "battery_health",
)
DRIVE = {
    "tessie_id": "id",
    "starting_location": "starting_location",
    "starting_saved_location": "starting_saved_location",
    "starting_latitude": "starting_latitude",
    "starting_longitude": "starting_longitude",
    "ending_location": "ending_location",
    "ending_saved_location": "ending_saved_location",
    "ending_latitude": "ending_latitude",
    "ending_longitude": "ending_longitude",
    "starting_battery_pct": "starting_battery",
    "ending_battery_pct": "ending_battery",
    "starting_odometer_mi": "starting_odometer",
    "ending_odometer_mi": "ending_odometer",
    "distance_mi": "odometer_distance",
    "autopilot_distance_mi": "autopilot_distance",
    "average_speed_mph": "average_speed",
    "max_speed_mph": "max_speed",
    "inside_temp_c": "average_inside_temperature",
    "outside_temp_c": "average_outside_temperature",
    "rated_range_used_mi": "rated_range_used",
    "ideal_range_used_mi": "ideal_range_used",
    "energy_used_kwh": "energy_used",
    "tag": "tag",
}
CHARGE = {
    "tessie_id": "id",
    "location": "location",
    "saved_location": "saved_location",
    "latitude": "latitude",
    "longitude": "longitude",
    "is_supercharger": "is_supercharger",
    "is_fast_charger": "is_fast_charger",
    "odometer_mi": "odometer",
    "energy_added_kwh": "energy_added",
    "energy_used_kwh": "energy_used",
    "rated_range_added_mi": "miles_added",
    "ideal_range_added_mi": "miles_added_ideal",
    "starting_battery_pct": "starting_battery",
    "ending_battery_pct": "ending_battery",
    "cost": "cost",
}
IDLE = {
    "tessie_id": "id",
    "location": "location",
    "saved_location": "saved_location",
    "latitude": "latitude",
    "longitude": "longitude",
    "starting_battery_pct": "starting_battery",
    "ending_battery_pct": "ending_battery",
    "rated_range_used_mi": "rated_range_used",
    "ideal_range_used_mi": "ideal_range_used",
    "climate_fraction": "climate_fraction",
    "sentry_fraction": "sentry_fraction",
    "energy_used_kwh": "energy_used",
}
INSTANTS = {"started_at": "started_at", "ended_at": "ended_at", "tessie_updated_at": "updated_at"}


@pytest.fixture
def sim(run: Any) -> Iterator[Simulator]:
    """A Tessie of nine weeks, which `run` talks to."""
    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW), port=run.tessie_port) as simulator:
        yield simulator


def fail(sim: Simulator, *rules: dict[str, object]) -> None:
    sim.ask("/_sim/faults", "PUT", list(rules))


async def synced(client: Client) -> Any:
    started = await client.post("/colbycommands/sync")
    assert started.status == 202, started.text
    return await ended(client, started.json()["id"])


async def ended(client: Client, run_id: str) -> Any:
    async for _ in pauses():
        run = (await client.get(f"/colbycommands/sync/{run_id}")).json()
        if run["ended_at"]:
            return run
    raise AssertionError(f"not ended in 30 s: {run}")


async def rows(client: Client, table: str, where: str = "1", order: str = "id") -> list[Row]:
    result: list[Row] = await client.ports.settings.db.all(f"SELECT * FROM {table} WHERE {where} ORDER BY {order}")
    return result


async def content(client: Client) -> dict[str, list[Row]]:
    """All rows of a sync, without the columns of time."""
    times = ("created_at", "updated_at", "synced_at", "refreshed_at", "recorded_at", "backfilled_at", "first_seen_at")
    live = ("climates",)
    return {
        table: [{key: value for key, value in row.items() if key not in times} for row in await rows(client, table)]
        for table in TABLES
        if table not in live
    }


def instant(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(("table", "columns"), [("drives", DRIVE), ("charges", CHARGE), ("idles", IDLE)])
def test_every_record_is_copied_number_by_number(run: Any, sim: Simulator, table: str, columns: dict[str, str]) -> None:
    async def case(client: Client) -> None:
        assert (await synced(client))["status"] == "succeeded"
        for vin in sim.vins:
            there = {record["id"]: record for record in sim.ask(f"/{vin}/{table}")["results"]}
            here = await rows(client, table, f"vin = '{vin}'")
            assert sorted(row["tessie_id"] for row in here) == sorted(there)
            for row in here:
                record = there[row["tessie_id"]]
                assert row["id"] == f"{vin}-{record['id']}"
                assert {name: row[name] for name in columns} == {name: record[key] for name, key in columns.items()}
                assert {name: row[name] for name in INSTANTS} == {
                    name: instant(record[key]) for name, key in INSTANTS.items()
                }

    run(case, started=True)


def test_vehicle_has_the_values_of_its_state(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        for vin in sim.vins:
            state = sim.ask(f"/{vin}/state")
            (row,) = await rows(client, "vehicles", f"id = '{vin}'")
            charge, drive = state.get("charge_state") or {}, state.get("drive_state") or {}
            assert row["tessie_id"] == state["id_s"]
            assert row["display_name"] == state["display_name"]
            assert row["battery_pct"] == charge.get("battery_level")
            assert row["rated_range_mi"] == charge.get("battery_range")
            assert (row["latitude"], row["longitude"]) == (drive.get("latitude"), drive.get("longitude"))
            assert row["odometer_mi"] == state["vehicle_state"]["odometer"]
            assert row["car_version"] == state["vehicle_state"]["car_version"]
            (settings,) = await rows(client, "vehicle_settings", f"id = '{vin}'")
            assert settings["charge_limit_pct"] == charge.get("charge_limit_soc")
            updates = await rows(client, "software_updates", f"vin = '{vin}' AND status = 'installed'")
            assert [update["version"] for update in updates] == [state["vehicle_state"]["car_version"].split()[0]]
            climates = await rows(client, "climates", f"vin = '{vin}'")
            assert [climate["inside_temp_c"] for climate in climates] == [
                state["climate_state"]["inside_temp"] for _ in "1" if state.get("climate_state")
            ]

    run(case, started=True)


@pytest.mark.usefixtures("sim")
def test_a_second_sync_changes_nothing(run: Any) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        before = await content(client)
        moved = await rows(client, "drives")
        second = await synced(client)
        assert second["status"] == "succeeded"
        assert await content(client) == before
        assert await rows(client, "drives") == moved  # updated_at and all

    run(case, started=True)


def test_two_syncs_at_once_leave_the_same_rows_as_one(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        first, two = await asyncio.gather(synced(client), synced(client))
        assert (first["status"], two["status"]) == ("succeeded", "succeeded")
        for vin in sim.vins:
            assert len(await rows(client, "drives", f"vin = '{vin}'")) == len(sim.ask(f"/{vin}/drives")["results"])

    run(case, started=True)


def test_repeated_message_of_an_ended_run_is_skipped(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        ended_run = await synced(client)
        before = await content(client)
        sim.ask("/_sim/requests", "DELETE")
        bodies = [{"kind": "sync_vehicle", "run_id": ended_run["id"], "vin": vin} for vin in sim.vins]
        outcomes = await client.queue(QUEUE, bodies)
        assert [outcome.retry_after for outcome in outcomes] == [None] * len(bodies)
        assert await content(client) == before
        assert sim.ask("/_sim/requests") == []

    run(case, started=True)


@pytest.mark.slow
@pytest.mark.local_only("Miniflare's queues cannot be held still between two starts")
def test_interrupted_sync_resumes(run: Any, sim: Simulator) -> None:
    async def first_part(client: Client) -> str:
        started = (await client.post("/colbycommands/sync")).json()["id"]
        await client.queue(QUEUE, [{"kind": "plan_sync", "run_id": started}])
        fail(sim, {"kind": "cut_off", "path": "/charges$"})
        (outcome,) = await client.queue(QUEUE, [{"kind": "sync_vehicle", "run_id": started, "vin": sim.vins[0]}])
        assert outcome.retry_after is not None
        assert len(await rows(client, "drives")) > 0
        assert len(await rows(client, "charges")) == 0
        return str(started)

    async def second_part(client: Client) -> None:
        fail(sim)
        sim.ask("/_sim/requests", "DELETE")
        assert (await ended(client, started))["status"] == "succeeded"
        calls = [call["path"] for call in sim.ask("/_sim/requests")]
        assert f"/{sim.vins[0]}/drives" not in calls
        assert len(await rows(client, "charges", f"vin = '{sim.vins[0]}'")) == len(
            sim.ask(f"/{sim.vins[0]}/charges")["results"]
        )

    started = run(first_part)
    run(second_part, started=True)


def test_a_record_that_tessie_corrects_later_is_corrected_here(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        vin = sim.vins[0]
        newest = sim.ask(f"/{vin}/drives?limit=1")["results"][0]
        sim.ask(f"/_sim/drives/{vin}/{newest['id']}", "PATCH", {"tag": "Business", "energy_used": 1.25})
        # The clock of the simulated year stands still, this one's does not: let the last sync be as old as the drive.
        await client.ports.settings.db.run("UPDATE vehicles SET synced_at = ?", instant(newest["ended_at"]))
        await synced(client)
        (row,) = await rows(client, "drives", f"id = '{vin}-{newest['id']}'")
        assert (row["tag"], row["energy_used_kwh"]) == ("Business", 1.25)

    run(case, started=True)


def test_a_later_sync_asks_only_for_what_may_be_new(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        sim.ask("/_sim/requests", "DELETE")
        await synced(client)
        calls = [call for call in sim.ask("/_sim/requests") if call["path"].endswith("/drives")]
        assert len(calls) == len(sim.vins)
        floors = [int(dict(parse_qsl(call["query"]))["from"]) for call in calls]
        assert min(floors) > datetime.now(UTC).timestamp() - 2.1 * 86_400

    run(case, started=True)


@pytest.mark.slow
def test_a_failing_car_holds_up_no_other_and_is_named(run: Any, sim: Simulator) -> None:
    bad = sim.vins[1]

    async def case(client: Client) -> None:
        fail(sim, {"kind": "server_error", "vin": bad})
        ended_run = await synced(client)
        assert ended_run["status"] == "partial"
        assert (ended_run["vehicles_done"], ended_run["vehicles_failed"]) == (len(sim.vins) - 1, 1)
        assert ended_run["progress"][bad]["status"] == "failed"
        assert "500" in ended_run["progress"][bad]["error"]
        fail(sim)
        assert (await synced(client))["status"] == "succeeded"

    run(case, started=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "rate_limited", "retry_after": 0, "times": 3},
        {"kind": "server_error", "times": 3},
        {"kind": "malformed", "times": 3},
        {"kind": "html_error", "times": 3},
        {"kind": "cut_off", "times": 3},
        {"kind": "offline", "times": 3},
        {"kind": "bad_gateway", "times": 3},
    ],
    ids=lambda fault: fault["kind"],
)
def test_temporary_fault_loses_no_row(run: Any, sim: Simulator, fault: dict[str, object]) -> None:
    vin = sim.vins[2]

    async def case(client: Client) -> None:
        fail(sim, {"vin": vin, **fault})
        assert (await synced(client))["status"] == "succeeded"
        fail(sim)
        assert len(await rows(client, "drives", f"vin = '{vin}'")) == len(sim.ask(f"/{vin}/drives")["results"])

    run(case, started=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "fault", "reason"),
    [
        ({"TESSIE_API_KEY": "wrong"}, None, "401"),
        ({}, {"kind": "malformed", "path": "^/vehicles$"}, "vehicles"),
        ({}, {"kind": "unauthorized", "path": "^/vehicles$"}, "401"),
    ],
    ids=["a wrong key", "no list", "refused"],
)
def test_failed_start_of_a_run_has_its_reason(
    run: Any, sim: Simulator, env: dict[str, str], fault: dict[str, object] | None, reason: str
) -> None:
    async def case(client: Client) -> None:
        fail(sim, *([fault] if fault else []))
        ended_run = await synced(client)
        assert ended_run["status"] == "failed"
        assert reason in ended_run["error"]

    run.env |= env
    run(case, started=True)


def test_missing_key_is_reported_at_once(run: Any) -> None:
    async def case(client: Client) -> None:
        answer = await client.post("/colbycommands/sync")
        assert (answer.status, answer.json()["setting"]) == (503, "TESSIE_API_KEY")
        assert (await client.get("/health")).json()["status"] == "degraded"

    del run.env["TESSIE_API_KEY"]
    run(case)


def test_the_clock_starts_a_sync(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await client.scheduled(CRON)
        (row,) = await rows(client, "sync_runs")
        assert (row["cause"], row["vehicles_total"]) == ("cron", len(sim.vins))
        assert (await ended(client, row["id"]))["status"] == "succeeded"

    run(case, started=True)


@pytest.mark.usefixtures("sim")
def test_a_run_that_lost_its_messages_is_closed_by_the_next(run: Any) -> None:
    async def case(client: Client) -> None:
        db = client.ports.settings.db
        columns = "id, cause, status, started_at"
        values = "'old', 'cron', 'started', '2026-01-01 00:00:00'"
        await db.run(f"INSERT INTO sync_runs ({columns}) VALUES ({values})")
        await synced(client)
        (old,) = await rows(client, "sync_runs", "id = 'old'")
        assert (old["status"], old["error"]) == ("failed", "abandoned")

    run(case, started=True)


def test_a_dead_letter_names_its_vehicle_in_the_run(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        fail(sim, {"kind": "server_error", "path": "^/[A-Z0-9]{17}/"})  # none is through before its letter comes
        started = (await client.post("/colbycommands/sync")).json()["id"]
        await client.queue(QUEUE, [{"kind": "plan_sync", "run_id": started}])
        bodies = [{"kind": "sync_vehicle", "run_id": started, "vin": vin} for vin in sim.vins]
        await client.queue(DEAD_LETTERS, bodies)
        document = (await client.get(f"/colbycommands/sync/{started}")).json()
        assert (document["status"], document["vehicles_failed"]) == ("failed", len(sim.vins))

    run(case)


@pytest.mark.slow
def test_car_with_missing_parts_is_stored_partly(run: Any, sim: Simulator) -> None:
    vin = sim.vins[0]

    async def case(client: Client) -> None:
        await synced(client)
        (before,) = await rows(client, "vehicles", f"id = '{vin}'")
        fail(sim, {"kind": "null_state", "vin": vin})
        assert (await synced(client))["status"] in {"succeeded", "partial"}
        (after,) = await rows(client, "vehicles", f"id = '{vin}'")
        assert after["odometer_mi"] == before["odometer_mi"]

    run(case, started=True)


def test_every_answer_is_kept_without_its_tokens(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        async for _ in pauses():
            stored = await rows(client, "tessie_raw", "path LIKE '%/state'")
            if len(stored) == len(sim.vins):
                break
        assert len(stored) == len(sim.vins)
        tokens = [token for vin in sim.vins for token in (sim.ask(f"/{vin}/state").get("tokens") or [])]
        assert tokens
        assert not [row for row in stored for token in tokens if token in row["body"]]
        assert all(row["status"] == 200 and row["body_bytes"] > 100 for row in stored)

    run(case, started=True)


def test_an_unknown_run_is_a_404(run: Any) -> None:
    async def case(client: Client) -> None:
        answer = await client.get("/colbycommands/sync/nope")
        assert (answer.status, answer.json()["title"]) == (404, "No such sync run")

    run(case)
