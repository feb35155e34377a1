"""The owner's corrections: they survive every sync, both values can be seen, and each can be undone."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from core_tessie.overrides import CORRECTABLE, RECORD_COLUMNS, upsert_from_tessie
from core_tessie.sync.rows import history
from core_tessie.tables import TABLES
from core_tessie.tessie.records import CHARGE
from edge.testing import Client
from sims.tessie import Fleet, Simulator

from .conftest import Runner
from .test_auth import keyed
from .test_sync import NOW, TWO_WEEKS, rows, synced

pytestmark = pytest.mark.slow

MINIMAL = [("prefer", "return=minimal")]
SHOWN = [("prefer", "return=representation")]


@pytest.fixture
def sim(run: Any) -> Iterator[Simulator]:
    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW, number=2), port=run.tessie_port) as simulator:
        yield simulator


async def newest(client: Client, table: str, vin: str) -> Any:
    target = f"/d1/{table}?vin=eq.{vin}&ended_at=is.not_null&order=started_at.desc&limit=1"
    return (await client.get(target)).json()[0]


async def read(client: Client, table: str, row_id: str) -> Any:
    answer = await client.get(f"/d1/{table}/{row_id}")
    assert answer.status == 200, answer.text
    return answer.json()


async def change(client: Client, method: str, target: str, body: object = None, status: int = 200) -> Any:
    answer = await client.request(method, target, json=body, headers=SHOWN)
    assert answer.status == status, answer.text
    return answer.json() if answer.body else None


async def overrides(client: Client, query: str = "") -> dict[str, tuple[Any, Any]]:
    answer = await client.get(f"/d1/overrides?limit=1000{query}")
    assert answer.status == 200, answer.text
    return {row["id"]: (row["owner_value"], row["tessie_value"]) for row in answer.json()}


def amend(sim: Simulator, kind: str, record: Any, **values: object) -> None:
    sim.ask(f"/_sim/{kind}/{record['vin']}/{record['tessie_id']}", "PATCH", values)


async def resynced(client: Client) -> None:
    """Sync all of the history again: the simulated days are long past."""
    db = client.ports.settings.db
    await db.run("UPDATE vehicles SET refreshed_at = NULL, backfill = NULL")
    if await db.first("SELECT 1 FROM sqlite_schema WHERE name = 'sync_parts'"):
        await db.run("UPDATE sync_parts SET refreshed_at = NULL")
    assert (await synced(client))["status"] == "succeeded"


STAMPS = {"created_at", "updated_at", "tessie_updated_at"}


def facts(row: Any) -> Any:
    return {name: value for name, value in row.items() if name not in STAMPS}


def test_correction_survives_a_sync_and_can_be_undone(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        before = await newest(client, "charges", sim.vins[0])
        path, id_ = f"/d1/charges/{before['id']}", f"charges:{before['id']}"
        changes = {"cost": 12.5, "saved_location": None, "is_supercharger": not before["is_supercharger"]}
        assert await change(client, "PATCH", path, changes) | STAMPLESS == before | changes | STAMPLESS
        stored = await overrides(client)
        assert stored == {f"{id_}:{name}": (value, before[name]) for name, value in changes.items()}
        amend(sim, "charges", before, cost=99.25, saved_location="Elsewhere", energy_added=1.75)
        await resynced(client)
        after = await read(client, "charges", before["id"])
        assert {name: after[name] for name in changes} == changes
        assert after["energy_added_kwh"] == 1.75
        assert await overrides(client) == {
            f"{id_}:cost": (12.5, 99.25),
            f"{id_}:saved_location": (None, "Elsewhere"),
            f"{id_}:is_supercharger": (changes["is_supercharger"], before["is_supercharger"]),
        }
        await change(client, "DELETE", f"/d1/overrides/{id_}:cost")
        await change(client, "DELETE", f"/d1/overrides?record_id=eq.{before['id']}")
        restored = await read(client, "charges", before["id"])
        tessies = {"cost": 99.25, "saved_location": "Elsewhere", "energy_added_kwh": 1.75}
        assert facts(restored) == facts(before | tessies)
        assert await overrides(client) == {}
        assert (await client.request("DELETE", f"/d1/overrides/{id_}:cost")).status == 404

    run(case, started=True)


STAMPLESS = dict.fromkeys(STAMPS)


def test_removed_record_stays_removed_until_the_override_is_deleted(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        drive = await newest(client, "drives", sim.vins[0])
        await change(client, "PATCH", f"/d1/drives/{drive['id']}", {"tag": "mine"})
        await change(client, "DELETE", f"/d1/drives/{drive['id']}")
        amend(sim, "drives", drive, tag="theirs", odometer_distance=5.5)
        await resynced(client)
        assert (await client.get(f"/d1/drives/{drive['id']}")).status == 404
        stored = await overrides(client)
        assert stored[f"drives:{drive['id']}:tag"] == ("mine", "theirs")
        owners, record = stored[f"drives:{drive['id']}"]
        assert owners is None
        assert (record["tag"], record["distance_mi"]) == ("theirs", 5.5)
        await change(client, "DELETE", f"/d1/overrides/drives:{drive['id']}")
        back = await read(client, "drives", drive["id"])
        assert facts(back) == facts(drive | {"tag": "mine", "distance_mi": 5.5})
        assert await overrides(client) == {f"drives:{drive['id']}:tag": ("mine", "theirs")}
        await resynced(client)
        assert facts(await read(client, "drives", drive["id"])) == facts(back)

    run(case, started=True)


def test_removal_undone_at_once_leaves_no_trace(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        tables = ("drives", "charges", "idles", "battery_health")
        before = {table: [facts(row) for row in await rows(client, table)] for table in tables}
        for table in tables:
            await change(client, "DELETE", f"/d1/{table}?vin=eq.{sim.vins[0]}&limit=1", status=400)
            record = (await client.get(f"/d1/{table}?vin=eq.{sim.vins[0]}&limit=1")).json()[0]
            await change(client, "DELETE", f"/d1/{table}?id=eq.{quote(record['id'])}")
            assert len(await rows(client, table)) == len(before[table]) - 1
        assert len(await overrides(client)) == len(tables)
        await change(client, "DELETE", "/d1/overrides?id=not.is.null")
        assert {table: [facts(row) for row in await rows(client, table)] for table in tables} == before

    run(case, started=True)


def test_corrections_of_many_records_and_of_whole_ones_stay(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        vin = sim.vins[0]
        answer = await client.request("PATCH", f"/d1/drives?vin=eq.{vin}", json={"tag": "business"}, headers=MINIMAL)
        assert answer.status == 204
        charge = await newest(client, "charges", vin)
        body = {name: value for name, value in charge.items() if name not in {"created_at", "updated_at"}}
        await change(client, "PUT", f"/d1/charges/{charge['id']}", body | {"location": "Garage"})
        drive = await newest(client, "drives", vin)
        amend(sim, "drives", drive, tag="private")
        amend(sim, "charges", charge, location="Street", cost=3.25)
        await resynced(client)
        drives = await rows(client, "drives", f"vin = '{vin}'")
        assert {row["tag"] for row in drives} == {"business"}
        stored = await read(client, "charges", charge["id"])
        assert (stored["location"], stored["cost"]) == ("Garage", 3.25)
        remaining = await overrides(client)
        assert remaining[f"drives:{drive['id']}:tag"] == ("business", "private")
        assert {id_ for id_ in remaining if id_.startswith("charges")} == {f"charges:{charge['id']}:location"}
        assert len(remaining) == min(1000, len(drives) + 1)

    run(case, started=True)


def test_the_owners_own_records_stay_as_they_are_written(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        drive = await newest(client, "drives", sim.vins[0])
        await change(client, "DELETE", f"/d1/drives/{drive['id']}")
        mine = {"vin": drive["vin"], "tessie_id": drive["tessie_id"], "started_at": drive["started_at"], "tag": "mine"}
        await change(client, "POST", "/d1/drives", mine, 201)
        await change(client, "POST", "/d1/drives", mine | {"tessie_id": 7}, 201)
        await change(client, "PATCH", f"/d1/drives/{drive['vin']}-7", {"tag": "new"})
        await resynced(client)
        assert (await read(client, "drives", drive["id"]))["distance_mi"] is None
        stored = await overrides(client)
        assert stored[f"drives:{drive['id']}"][0] is True
        assert stored[f"drives:{drive['vin']}-7"] == (True, None)
        await change(client, "DELETE", "/d1/overrides?record_table=eq.drives")
        assert facts(await read(client, "drives", drive["id"])) == facts(drive)
        assert (await client.get(f"/d1/drives/{drive['vin']}-7")).status == 404
        assert await overrides(client) == {}

    run(case, started=True)


def test_owners_own_record_stays_in_a_window_where_tessie_has_none(run: Runner, sim: Simulator) -> None:
    """A complete window shows which of Tessie's records are gone, and says nothing of the owner's."""

    async def case(client: Client) -> None:
        await synced(client)
        last = await newest(client, "charges", sim.vins[0])
        row = {"vin": sim.vins[0], "tessie_id": last["tessie_id"] + 1, "started_at": last["started_at"], "cost": 4.5}
        [own] = await change(client, "POST", "/d1/charges", row, 201)
        await resynced(client)
        assert (await read(client, "charges", own["id"]))["cost"] == 4.5
        assert await rows(client, "removed_records") == []

    run(case, started=True)


def test_a_record_of_the_owners_that_is_removed_leaves_nothing(run: Runner) -> None:
    async def case(client: Client) -> None:
        await change(client, "POST", "/d1/vehicles", {"vin": VIN}, 201)
        row = {"vin": VIN, "tessie_id": 1, "started_at": "2025-01-01"}
        await change(client, "POST", "/d1/drives", row, 201)
        await change(client, "DELETE", f"/d1/drives/{VIN}-1")
        assert await overrides(client) == {}
        await change(client, "PUT", f"/d1/drives/{VIN}-1", row, 201)
        assert await overrides(client) == {f"drives:{VIN}-1": (True, None)}
        await change(client, "DELETE", "/d1/drives?vin=eq." + VIN)
        await change(client, "DELETE", f"/d1/vehicles/{VIN}")

    run(case)


VIN, OTHER = "5YJ3E1EA7KF000001", "5YJ3E1EA7KF000002"


def test_the_name_of_a_vehicle_is_the_owners_and_its_state_is_the_cars(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        vin = sim.vins[0]
        before = await read(client, "vehicles", vin)
        await change(client, "PATCH", f"/d1/vehicles/{vin}", {"display_name": "Kitt", "battery_pct": 1})
        await resynced(client)
        after = await read(client, "vehicles", vin)
        assert (after["display_name"], after["battery_pct"]) == ("Kitt", before["battery_pct"])
        assert await overrides(client) == {f"vehicles:{vin}:display_name": ("Kitt", before["display_name"])}
        await change(client, "DELETE", f"/d1/overrides/vehicles:{vin}:display_name")
        assert (await read(client, "vehicles", vin))["display_name"] == before["display_name"]

    run(case, started=True)


def test_overrides_are_made_through_their_records_alone(run: Runner) -> None:
    async def case(client: Client) -> None:
        await change(client, "POST", "/d1/vehicles", {"vin": VIN}, 201)
        row = {"vin": VIN, "record_table": "drives", "record_id": "x", "column_name": "tag", "owner_value": 1}
        for method, target in (("POST", ""), ("PATCH", "?id=eq.x"), ("PUT", "/x"), ("PATCH", "/x")):
            await change(client, method, f"/d1/overrides{target}", row, 403)
        assert await overrides(client) == {}

    run(case)


def test_a_bound_caller_sees_the_overrides_of_its_own_vehicles_alone(run: Runner) -> None:
    async def case(client: Client) -> None:
        await change(client, "POST", "/d1/vehicles", [{"vin": VIN}, {"vin": OTHER}], 201)
        columns = ("id", "vin", "tessie_id", "started_at", "tag", "distance_mi")
        for vin in (VIN, OTHER):
            statements = upsert_from_tessie(
                "drives", columns, [(f"{vin}-1", vin, 1, "2025-01-01 00:00:00", "theirs", 3.5)]
            )
            await client.ports.settings.db.batch(statements)
        await change(client, "PATCH", f"/d1/drives/{OTHER}-1", {"tag": "secret"})
        await change(client, "PATCH", f"/d1/drives/{VIN}-1", {"tag": "mine"})
        await change(client, "DELETE", f"/d1/drives/{OTHER}-1")
        for role in ("reader", "operator"):
            own = await keyed(client, role=role, subjects=[VIN])
            assert await overrides(own) == {f"drives:{VIN}-1:tag": ("mine", "theirs")}
            assert (await own.get(f"/d1/overrides/drives:{OTHER}-1:tag")).status == 404
            assert (await own.get(f"/d1/overrides/drives:{OTHER}-1")).status == 404
            for method, target, body in (
                ("DELETE", f"/d1/overrides/drives:{VIN}-1:tag", None),
                ("DELETE", f"/d1/drives/{VIN}-1", None),
                ("PATCH", f"/d1/drives/{VIN}-1", {"tag": "other"}),
                ("PUT", f"/d1/drives/{VIN}-1", {}),
            ):
                await change(own, method, target, body, 403)
        everything = await keyed(client, role="reader")
        assert len(await overrides(everything)) == 3

    run(case)


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_correction_between_plan_and_write_of_a_sync_stays(run: Runner, order: str) -> None:
    async def case(client: Client) -> None:
        db = client.ports.settings.db
        await change(client, "POST", "/d1/vehicles", {"vin": VIN}, 201)
        record = {"id": 5, "started_at": 1_760_000_000, "ended_at": 1_760_003_600, "location": "A", "cost": 1.0}
        await db.batch(history(CHARGE, VIN, [record]).upserts)
        planned = history(CHARGE, VIN, [record | {"cost": 2.0}]).upserts
        if order == "after":
            await db.batch(planned)
        await change(client, "PATCH", f"/d1/charges/{VIN}-5", {"cost": 7.0})
        if order == "before":
            await db.batch(planned)
        assert (await read(client, "charges", f"{VIN}-5"))["cost"] == 7
        assert await overrides(client) == {f"charges:{VIN}-5:cost": (7, 2)}
        await change(client, "DELETE", f"/d1/charges/{VIN}-5")
        await db.batch(history(CHARGE, VIN, [record | {"cost": 3.0}]).upserts)
        assert await rows(client, "charges") == []
        stamp = (await rows(client, "overrides"))[0]["updated_at"]
        results = await db.batch(history(CHARGE, VIN, [record | {"cost": 3.0}]).upserts)
        assert [result.changes for result in results] == [0, 0]
        assert (await rows(client, "overrides"))[0]["updated_at"] == stamp

    run(case)


def test_syncs_and_corrections_at_once_end_in_one_state(run: Runner) -> None:
    async def case(client: Client) -> None:
        db = client.ports.settings.db
        await change(client, "POST", "/d1/vehicles", {"vin": VIN}, 201)
        record = {"id": 5, "started_at": 1_760_000_000, "location": "A", "cost": 1.0}
        await db.batch(history(CHARGE, VIN, [record]).upserts)

        async def sync() -> None:
            for cost in range(2, 12):
                await db.batch(history(CHARGE, VIN, [record | {"cost": float(cost)}]).upserts)

        async def correct() -> None:
            for turn in range(6):
                await client.request("PATCH", f"/d1/charges/{VIN}-5", json={"cost": 100.0 + turn})
                answer = await client.request("DELETE", f"/d1/overrides/charges:{VIN}-5:cost")
                assert answer.status in {204, 404, 409}, answer.text
                await client.request("DELETE", f"/d1/charges/{VIN}-5")
                answer = await client.request("DELETE", f"/d1/overrides/charges:{VIN}-5")
                assert answer.status in {204, 404, 409}, answer.text

        await asyncio.gather(sync(), correct())
        for id_ in sorted(await overrides(client)):
            await change(client, "DELETE", f"/d1/overrides/{id_}")
        (row,) = await rows(client, "charges")
        assert row["cost"] == 11

    run(case)


def test_every_column_of_a_record_survives_exactly(run: Runner) -> None:
    async def case(client: Client) -> None:
        await change(client, "POST", "/d1/vehicles", {"vin": VIN}, 201)
        record = {
            "id": 5,
            "started_at": 1_760_000_000,
            "location": 'Caf\u00e9 "\u4f60" \\ /',
            "latitude": 0.1 + 0.2,
            "longitude": -122.41941550000001,
            "cost": 1e-7,
            "is_supercharger": True,
            "is_fast_charger": None,
        }
        await client.ports.settings.db.batch(history(CHARGE, VIN, [record]).upserts)
        before = await read(client, "charges", f"{VIN}-5")
        other = {
            "location": "x",
            "latitude": 1,
            "longitude": 2,
            "cost": None,
            "is_supercharger": None,
            "is_fast_charger": False,
            "started_at": "2024-01-01T00:00:00Z",
            "ended_at": "2024-01-02",
        }
        await change(client, "PATCH", f"/d1/charges/{VIN}-5", other)
        await change(client, "DELETE", "/d1/overrides?id=not.is.null")
        assert facts(await read(client, "charges", f"{VIN}-5")) == facts(before)
        await change(client, "DELETE", f"/d1/charges/{VIN}-5")
        await change(client, "DELETE", "/d1/overrides?id=not.is.null")
        assert facts(await read(client, "charges", f"{VIN}-5")) == facts(before)

    run(case)


def test_the_declared_columns_are_those_of_the_tables() -> None:
    for table, columns in CORRECTABLE.items():
        assert columns < set(TABLES[table].columns)
    for table, names in RECORD_COLUMNS.items():
        assert set(names) <= set(TABLES[table].columns)
        assert not CORRECTABLE[table] & {"id", "vin", "tessie_id", "recorded_at"}


def test_the_cost_of_an_upsert_does_not_grow_with_the_overrides(run: Runner) -> None:
    async def case(client: Client) -> list[str]:
        db = client.ports.settings.db
        statements = history(CHARGE, VIN, [{"id": 5, "started_at": 1_760_000_000}]).upserts
        plans = [await db.all(f"EXPLAIN QUERY PLAN {sql}", *params) for sql, params in statements]
        return [step["detail"] for plan in plans for step in plan]

    steps = run(case)
    assert not any("SCAN" in step and ("overrides" in step or "held" in step) for step in steps), steps
    assert any("overrides_record (record_table=? AND record_id=?)" in step for step in steps)


def test_value_set_through_the_mirror_is_stored_as_tessies(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        charge = await newest(client, "charges", sim.vins[0])
        target = f"/tessieapi/{sim.vins[0]}/charges/{charge['tessie_id']}/set_cost?cost="
        await change(client, "PATCH", f"/d1/charges/{charge['id']}", {"cost": 5})
        assert (await client.post(f"{target}7.5", {})).status == 200
        assert (await read(client, "charges", charge["id"]))["cost"] == 5
        assert await overrides(client) == {f"charges:{charge['id']}:cost": (5, 7.5)}
        await change(client, "DELETE", f"/d1/overrides/charges:{charge['id']}:cost")
        assert (await read(client, "charges", charge["id"]))["cost"] == 7.5

    run(case, started=True)
