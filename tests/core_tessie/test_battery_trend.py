"""Battery health by a trend that single wrong readings do not move, beside the original capacity."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core_tessie.energy.battery import theil_sen
from core_tessie.sync.batteries import originals
from edge.instants import to_text
from edge.testing import Client
from sims.tessie import Fleet, Simulator

from .conftest import Runner
from .energy_rows import A, database, make, put, put_vehicle, report_on
from .test_sync import NOW, TWO_WEEKS, fail, rows, synced

pytestmark = pytest.mark.slow

START = datetime(2025, 1, 1, tzinfo=UTC)


def readings(*capacities: float, days: float = 1.0) -> list[dict[str, Any]]:
    return [
        {
            "recorded_at": to_text(START + timedelta(days=number * days)),
            "odometer_mi": 10_000 + 10 * number,
            "capacity_kwh": value,
        }
        for number, value in enumerate(capacities)
    ]


def trend(run: Runner, *capacities: float) -> Any:
    days = 30 / max(1, len(capacities))
    (row,) = report_on(run, ("battery_health", readings(*capacities, days=days)))["battery"]["rows"]
    return row


@pytest.mark.parametrize("place", [0, 1, 14, 28, 29])
@pytest.mark.parametrize("wrong", [60.0, 0.5, 200.0])
def test_one_wrong_reading_moves_no_trend(run: Runner, place: int, wrong: float) -> None:
    values = [75 - 0.01 * number for number in range(30)]
    values[place] = wrong
    row = trend(run, *values)
    assert row["change_pct"] == pytest.approx(-0.29 * 100 / 75, abs=0.002)
    assert (row["first"], row["last"]) == (pytest.approx(75, abs=0.001), pytest.approx(74.71, abs=0.001))
    assert row["change_per_10000_mi"] == pytest.approx(-10, abs=0.01)
    assert (row["readings"], row["left_out"]) == (30, 1)


@pytest.mark.parametrize("values", [(75, 74.9, 60), (60, 74.9, 74.8), (75, 20, 74.9)])
def test_one_wrong_reading_of_three_is_left_out(run: Runner, values: tuple[float, ...]) -> None:
    row = trend(run, *values)
    assert abs(row["change_pct"]) < 0.5
    assert (row["readings"], row["left_out"]) == (3, 1)


def test_a_battery_that_ages_fast_is_no_outlier(run: Runner) -> None:
    row = trend(run, *(75 - 0.5 * number for number in range(30)))
    assert row["change_pct"] == pytest.approx(-14.5 * 100 / 75, abs=0.001)
    assert row["left_out"] == 0


def test_invalid_readings_are_left_out(run: Runner) -> None:
    row = trend(run, 75, 0, -3, 74.9)
    assert (row["first"], row["last"], row["readings"]) == (75, pytest.approx(74.9), 2)


def test_many_readings_become_a_few_points(run: Runner) -> None:
    noise = random.Random(7)
    values = [75 - 0.001 * number + noise.gauss(0, 0.2) for number in range(1000)]
    for place in noise.sample(range(1000), 100):
        values[place] = 55
    row = trend(run, *values)
    assert row["change_pct"] == pytest.approx(-1 * 100 / 75, abs=0.25)
    assert row["readings"] == 1000


def test_a_month_is_the_median_of_its_readings(run: Runner) -> None:
    report = report_on(run, ("battery_health", readings(75, 74, 10, 74.5, 73)))
    (month,) = report["battery_by_month"]["rows"]
    assert (month["capacity_kwh"], month["capacity_readings"], month["max_range_mi"]) == (74, 5, None)


def test_report_has_the_trend_and_the_original_capacity(run: Runner) -> None:
    async def case(client: Client) -> Any:
        await put_vehicle(client)
        db = database(client)
        await db.run("UPDATE vehicles SET original_capacity_kwh = 80, degradation_pct = 6.3 WHERE id = ?", A)
        await put(client, "battery_health", [{**row, "max_range_mi": 300} for row in readings(76, 75)])
        return (await make(client))["battery"]["rows"]

    capacity, full_range = run(case)
    assert (capacity["original"], capacity["since_new_pct"], capacity["degradation_pct"]) == (80, -6.25, 6.3)
    assert full_range["original"] is full_range["since_new_pct"] is full_range["degradation_pct"] is None


def test_theil_sen_of_few_readings_is_flat() -> None:
    assert theil_sen([]) is None
    line = theil_sen([(3, 75)])
    assert line is not None
    assert (line.at(0), line.at(9), line.slope) == (75, 75, None)
    line = theil_sen([(3, 75), (3, 77)])
    assert line is not None
    assert line.at(5) == 76


@pytest.fixture
def sim(run: Any) -> Iterator[Simulator]:
    with Simulator(Fleet(seed=7, start=TWO_WEEKS, until=NOW, number=2), port=run.tessie_port) as simulator:
        yield simulator


def test_sync_reads_original_capacities(run: Runner, sim: Simulator) -> None:
    async def case(client: Client) -> None:
        await synced(client)
        listed = {row["vin"]: row for row in sim.ask("/battery_health")["results"]}
        for _ in range(100):
            stored = await rows(client, "vehicles")
            if all(row["original_capacity_kwh"] for row in stored):
                break
            await synced(client)
        for row in stored:
            expected = listed[row["id"]]
            assert row["original_capacity_kwh"] == expected["original_capacity"]
            assert row["degradation_pct"] == expected["degradation_percent"]

    run(case, started=True)


@pytest.mark.parametrize("kind", ["not_found", "malformed", "html_error"])
def test_sync_goes_on_without_original_capacities(run: Runner, sim: Simulator, kind: str) -> None:
    fail(sim, {"kind": kind, "path": "^/battery_health$"})

    async def case(client: Client) -> None:
        assert (await synced(client))["status"] == "succeeded"
        assert {row["original_capacity_kwh"] for row in await rows(client, "vehicles")} == {None}

    run(case, started=True)


def test_missing_capacity_keeps_the_stored_one(run: Runner) -> None:
    async def case(client: Client) -> None:
        await put_vehicle(client)
        db = database(client)
        for results in (
            [{"vin": A, "original_capacity": 80, "degradation_percent": "much"}, {"vin": "unknown"}, 7, None],
            [{"vin": A, "original_capacity": None}, {"original_capacity": 3}],
            [],
        ):
            await db.batch(originals(results))
            (row,) = await rows(client, "vehicles")
            assert (row["original_capacity_kwh"], row["degradation_pct"]) == (80, None)

    run(case)
