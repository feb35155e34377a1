"""Implausible rows are stored and marked; reports leave them out of their numbers, and count them."""

from typing import Any

import pytest

from edge.testing import Client
from sims.tessie import Fleet, Simulator

from .conftest import Runner
from .energy_rows import CHARGES, DRIVES, IDLES, A, B, event, make, put, put_vehicle, report_on
from .test_sync import NOW, TWO_WEEKS, rows, synced

JUMP = event(90, "15 08:00:00", 0, distance_mi=412, energy_used_kwh=80, rated_range_used_mi=300)
MARKED: list[tuple[str, dict[str, Any], str | None]] = [
    ("drives", JUMP, "speed"),
    ("drives", event(91, "15 09:00:00", 30, distance_mi=10, max_speed_mph=201), "speed"),
    ("drives", event(92, "15 10:00:00", 30, distance_mi=10, average_speed_mph=250), "speed"),
    ("drives", event(93, "15 11:00:00", 60, distance_mi=412), "speed"),
    ("drives", event(94, "15 12:00:00", -5, distance_mi=1), "time"),
    ("drives", event(95, "15 13:00:00", 30, distance_mi=-3), "distance"),
    ("drives", event(96, "15 14:00:00", 60, distance_mi=200, max_speed_mph=200), None),
    ("drives", event(97, "15 15:00:00", 0, distance_mi=0.05), None),
    ("drives", event(98, "15 16:00:00", None, distance_mi=412), None),  # its end is not known yet
    ("charges", event(90, "15 08:00:00", 0, energy_added_kwh=60), "power"),
    ("charges", event(91, "15 09:00:00", 60, energy_used_kwh=-1), "energy"),
    ("charges", event(92, "15 10:00:00", -60, energy_added_kwh=5), "time"),
    ("charges", event(93, "15 11:00:00", 20, energy_added_kwh=60, energy_used_kwh=62), None),
    ("idles", event(90, "15 08:00:00", -1, energy_used_kwh=1), "time"),
    ("idles", event(91, "15 09:00:00", 0, energy_used_kwh=1), None),
    ("battery_health", {"recorded_at": "2025-01-15 12:00:00", "max_ideal_range_mi": 999}, "range"),
    ("battery_health", {"recorded_at": "2025-01-15 13:00:00", "max_range_mi": 402, "max_ideal_range_mi": 500}, None),
]


def test_impossible_rows_are_stored_and_marked(run: Runner) -> None:
    async def case(client: Client) -> list[tuple[str, str | None]]:
        await put_vehicle(client)
        for table, row, _ in MARKED:
            await put(client, table, [row])
        rows = [
            (f"{table}/{A}-{row.get('tessie_id', row.get('recorded_at'))}", await client.get(f"/d1/{table}?limit=99"))
            for table, row, _ in MARKED
        ]
        return [
            (name, next(row["implausible"] for row in answer.json() if row["id"] == name.partition("/")[2]))
            for name, answer in rows
        ]

    assert [mark for _, mark in run(case)] == [mark for _, _, mark in MARKED]


def test_placeholder_ideal_range_is_marked_and_can_be_filtered(run: Runner) -> None:
    async def case(client: Client) -> tuple[Any, Any]:
        await put(client, "vehicles", [{"id": A, "ideal_range_mi": 999, "battery_pct": 80}])
        marked = await client.get("/d1/vehicles?implausible=eq.range&select=id,ideal_range_mi,implausible")
        unmarked = await client.get("/d1/vehicles?implausible=is.null")
        return marked.json(), unmarked.json()

    marked, unmarked = run(case)
    assert marked == [{"id": A, "ideal_range_mi": 999, "implausible": "range"}]
    assert unmarked == []


def test_mark_follows_a_correction_and_cannot_be_written(run: Runner) -> None:
    async def case(client: Client) -> list[Any]:
        await put_vehicle(client)
        await put(client, "drives", [JUMP])
        path = f"/d1/drives/{A}-90"
        written = await client.request("PATCH", path, json={"implausible": None, "tag": "x"})
        corrected = await client.request("PATCH", path, json={"distance_mi": 0})
        return [written.json()["implausible"], corrected.json()["implausible"]]

    assert run(case) == ["speed", None]


def test_report_leaves_implausible_rows_out_and_counts_them(run: Runner) -> None:
    usual = {"drives": DRIVES, "charges": CHARGES, "idles": IDLES}
    odd = {name: [row for table, row, mark in MARKED if table == name and mark is not None] for name in usual}

    async def case(client: Client) -> list[dict[str, Any]]:
        for vin in (A, B):
            await put_vehicle(client, vin)
            for table, records in usual.items():
                await put(client, table, records + (odd[table] if vin == B else []), vin)
        return [await make(client, vin=vin) for vin in (A, B)]

    right, report = run(case)
    assert report["numbers"] == right["numbers"]
    for name in ("by_temperature", "by_kind", "by_place"):
        assert report[name] == right[name], name
    for name in ("best_drives", "worst_drives"):
        assert [row["started_at"] for row in report[name]["rows"]] == [row["started_at"] for row in right[name]["rows"]]
    counts = {name: report["left_out"][f"{name}_implausible"] for name in odd}
    assert counts == {name: len(rows) for name, rows in odd.items()} == {"drives": 6, "charges": 3, "idles": 1}
    assert {name: report["rows"][name] for name in odd} == {
        name: right["rows"][name] + len(rows) for name, rows in odd.items()
    }


def test_readings_of_999_are_no_range(run: Runner) -> None:
    readings = [
        {"recorded_at": "2025-01-05 12:00:00", "max_range_mi": 999, "capacity_kwh": 75},
        {"recorded_at": "2025-01-06 12:00:00", "max_range_mi": 310, "capacity_kwh": 75},
        {"recorded_at": "2025-01-20 12:00:00", "max_range_mi": 309, "capacity_kwh": 74},
    ]
    report = report_on(run, ("battery_health", readings))
    ends = {row["measure"]: (row["first"], row["last"], row["readings"]) for row in report["battery"]["rows"]}
    assert ends == {"capacity": (75, 74, 3), "max range": (310, 309, 2)}
    (month,) = report["battery_by_month"]["rows"]
    assert (month["max_range_mi"], month["range_readings"]) == (309.5, 2)
    assert report["left_out"]["battery_readings_implausible"] == 1
    assert report["rows"]["battery_health"] == 3


@pytest.mark.parametrize("least", [0, 0.5, 1])
def test_efficiency_of_less_than_a_mile_is_not_ranked(run: Runner, least: float) -> None:
    drives = [
        event(1, "10 08:00:00", distance_mi=0.9, energy_used_kwh=0.01),
        event(2, "10 09:00:00", distance_mi=1, energy_used_kwh=0.3),
        event(3, "10 10:00:00", distance_mi=0.2, energy_used_kwh=9),
    ]
    report = report_on(run, ("drives", drives), min_drive_mi=least)
    for table in (report["best_drives"], report["worst_drives"]):
        assert [row["distance_mi"] for row in table["rows"]] == [1]
        assert "1 mi or more" in table["title"]
    assert report["numbers"]["distance_mi"]["value"] == pytest.approx(2.1)  # they count in the sums


@pytest.mark.slow
def test_impossible_drive_of_tessies_is_copied_and_marked(run: Runner) -> None:
    async def case(client: Client) -> None:
        with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW, number=2), port=run.tessie_port) as sim:
            vin = sim.vins[0]
            drive = sim.ask(f"/{vin}/drives?limit=1")["results"][0]
            jump = {"ended_at": drive["started_at"], "odometer_distance": 412}
            sim.ask(f"/_sim/drives/{vin}/{drive['id']}", "PATCH", jump)
            await synced(client)
        marked = await rows(client, "drives", "implausible IS NOT NULL")
        assert [(row["tessie_id"], row["distance_mi"], row["implausible"]) for row in marked] == [
            (drive["id"], 412, "speed")
        ]
        report = (await client.post("/colbycommands/energy-report", {"from": "2025-01-01", "vin": vin})).json()
        assert report["report"]["left_out"]["drives_implausible"] == 1

    run(case, started=True)
