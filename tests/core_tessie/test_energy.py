"""Every number of a report, recomputed by hand from a handful of rows."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from core_tessie.energy.formulas import Formula, Sums, fold, ratio, tidy
from edge.testing import Client

from .conftest import Runner
from .energy_rows import BATTERY, DRIVES, KM, A, B, event, make, put, put_all, put_vehicle, report_on


@pytest.fixture
def report(run: Runner) -> dict[str, Any]:
    async def case(client: Client) -> dict[str, Any]:
        await put_all(client)
        return await make(client)

    return run(case)


NUMBERS = {
    "distance_mi": (10 + 20 + 5 + 0 + 8, 5),
    "distance_km": ((10 + 20 + 5 + 0 + 8) * KM, 5),
    "efficiency_wh_per_mi": ((3 + 5 - 0.5 + 0.2) * 1000 / (10 + 20 + 5 + 0), 4),
    "efficiency_wh_per_km": ((3 + 5 - 0.5 + 0.2) * 1000 / ((10 + 20 + 5 + 0) * KM), 4),
    "drive_efficiency_pct": ((10 + 20 + 5 + 0) * 100 / (12 + 20 - 2 + 1), 4),
    "gross_wh_per_mi": ((3 + 5 - 0.5 + 0.2 + 1 + 0.6 + 0.2) * 1000 / (10 + 20 + 5 + 0), 4 + 3),
    "gross_wh_per_km": ((3 + 5 - 0.5 + 0.2 + 1 + 0.6 + 0.2) * 1000 / ((10 + 20 + 5 + 0) * KM), 4 + 3),
    "energy_used_kwh": (3 + 5 - 0.5 + 0.2 + 1 + 0.6 + 0.2, 4 + 3),
    "driving_kwh": (3 + 5 - 0.5 + 0.2, 4),
    "idle_kwh": (1 + 0.6 + 0.2, 3),
    "energy_added_kwh": (20 + 30 + 10 + 5 + 8, 5),
    "wall_kwh": (22 + 29 + 6 + 9, 4),
    "charging_efficiency_pct": ((20 + 30 + 5 + 8) * 100 / (22 + 30 + 6 + 9), 4),
    "cost": (4.4 + 12 + 3 + 0 + 2.5, 5),
    "cost_per_kwh": ((4.4 + 12 + 3 + 0) / (22 + 30 + 10 + 9), 4),
    "cost_per_paid_kwh": ((4.4 + 12 + 3) / (22 + 30 + 10), 3),
    "cost_per_100_mi": (9.5 / 35 * 100 * (4.4 + 12 + 3 + 0) / (20 + 30 + 10 + 8), 4 + 3 + 4),
    "cost_per_100_km": (9.5 / (35 * KM) * 100 * (4.4 + 12 + 3 + 0) / (20 + 30 + 10 + 8), 4 + 3 + 4),
    "idle_kwh_per_day": ((1 + 0.6) / (9.5 + 12) * 24, 2),
    "idle_power_w": ((1 + 0.6) * 1000 / (9.5 + 12), 2),
    "idle_range_mi_per_day": ((4 + 2.5) / (9.5 + 12) * 24, 2),
    "idle_sentry_kwh": (1 * 0.5 + 0.6 * 0, 2),
    "idle_climate_kwh": (1 * 0.1 + 0.6 * 0, 2),
    "idle_rest_kwh": (1 * (1 - 0.5 - 0.1) + 0.6 * 1, 2),
    "autopilot_share_pct": ((4 + 0 + 0) * 100 / (10 + 5 + 0), 3),
    "k_kwh_per_mi": ((3 + 5 - 0.5 + 0.2) / (12 + 20 - 2 + 1), 4),
    "k_charge_kwh_per_mi": ((20 + 30 + 10) / (80 + 120 + 41), 3),
}


def test_each_number_is_its_formula_on_the_rows_that_have_what_it_needs(report: dict[str, Any]) -> None:
    numbers = report["numbers"]
    assert numbers.keys() == NUMBERS.keys()
    actual = {name: (number["value"], number["rows"]) for name, number in numbers.items()}
    assert actual == {name: (pytest.approx(value, abs=5e-5), rows) for name, (value, rows) in NUMBERS.items()}


def test_each_number_says_what_it_is_and_how_it_was_computed(report: dict[str, Any]) -> None:
    for number in report["numbers"].values():
        assert number["label"]
        assert number["unit"]
        assert len(number["how"]) > 15


def test_rows_are_counted_and_so_is_what_the_sums_lack(report: dict[str, Any]) -> None:
    assert report["rows"] == {"drives": 6, "charges": 7, "idles": 5, "battery_health": 2}
    assert report["left_out"] == {
        "drives_running": 1,
        "drives_implausible": 0,
        "drives_without_distance": 0,
        "drives_without_energy": 1,
        "drives_without_temperature": 1,
        "drives_without_rated_range": 1,
        "drives_without_autopilot_distance": 2,
        "charges_running": 1,
        "charges_implausible": 0,
        "charges_without_energy_added": 1,
        "charges_without_energy_drawn": 2,
        "charges_without_cost": 1,
        "charges_with_estimated_cost": 0,
        "charges_at_zero_cost": 1,
        "idles_running": 1,
        "idles_implausible": 0,
        "idles_without_energy": 1,
        "idles_without_duration": 1,
        "idles_without_attribution": 2,
        "battery_readings_implausible": 0,
    }


def test_days_have_what_began_on_them(report: dict[str, Any]) -> None:
    days = {row["date"]: row for row in report["by_day"]["rows"]}
    assert list(days) == ["2025-01-10", "2025-01-11", "2025-01-12", "2025-01-13"]
    tenth, thirteenth = days["2025-01-10"], days["2025-01-13"]
    assert (tenth["distance_mi"], tenth["distance_rows"]) == (10 + 20, 2)
    assert tenth["efficiency_wh_per_mi"] == pytest.approx((3 + 5) * 1000 / (10 + 20), abs=5e-5)
    assert tenth["efficiency_wh_per_km"] == pytest.approx((3 + 5) * 1000 / (30 * KM), abs=5e-5)
    assert (tenth["idle_kwh_per_day"], tenth["timed_rows"]) == (pytest.approx(1 / 9.5 * 24, abs=5e-5), 1)
    assert (tenth["energy_added_kwh"], tenth["cost"]) == (20, 4.4)
    assert (thirteenth["distance_mi"], thirteenth["distance_rows"]) == (None, 0)
    assert (thirteenth["cost"], thirteenth["cost_rows"]) == (2.5, 1)


def test_months_add_their_days_up(report: dict[str, Any]) -> None:
    (month,) = report["by_month"]["rows"]
    assert month["month"] == "2025-01"
    assert (month["distance_mi"], month["distance_rows"]) == (43, 5)
    assert month["efficiency_wh_per_mi"] == pytest.approx(7.7 * 1000 / 35, abs=5e-5)


def test_temperature_bands_are_five_degrees_from_their_lower_edge(report: dict[str, Any]) -> None:
    bands = [
        (row["from_c"], row["to_c"], row["drives"], row["efficiency_wh_per_mi"])
        for row in report["by_temperature"]["rows"]
    ]
    assert bands == [
        (-5, 0, 1, pytest.approx(3 * 1000 / 10)),
        (5, 10, 2, pytest.approx((5 - 0.5) * 1000 / (20 + 5))),
    ]


@pytest.mark.parametrize(
    ("celsius", "lower"), [(-10.0, -10), (-5.1, -10), (-5, -5), (-0.1, -5), (0, 0), (4.99, 0), (5, 5), (32.5, 30)]
)
def test_a_temperature_belongs_to_one_band(run: Runner, celsius: float, lower: int) -> None:
    drives = [event(1, "10 08:00:00", distance_mi=1, energy_used_kwh=1, outside_temp_c=celsius)]
    (band,) = report_on(run, ("drives", drives))["by_temperature"]["rows"]
    assert (band["from_c"], band["to_c"]) == (lower, lower + 5)


def test_charging_is_told_apart_by_kind(report: dict[str, Any]) -> None:
    kinds = {row["kind"]: row for row in report["by_kind"]["rows"]}
    assert {kind: (row["charges"], row["energy_added_kwh"], row["cost"]) for kind, row in kinds.items()} == {
        "supercharger": (1, 30, 12),
        "other_fast": (1, 10, 3),
        "home": (1, 20, 4.4),
        "other": (3, 5 + 8, 0 + 2.5),
    }
    assert kinds["home"]["charging_efficiency_pct"] == pytest.approx(20 * 100 / 22, abs=5e-5)
    assert kinds["supercharger"]["charging_efficiency_pct"] == 100  # drawn is less than added: max(added, drawn)
    assert kinds["other"]["cost_per_kwh"] == 0


def test_charging_is_told_apart_by_place(report: dict[str, Any]) -> None:
    places = [(row["place"], row["energy_added_kwh"], row["charges"]) for row in report["by_place"]["rows"]]
    assert places == [
        ("Supercharger X", 30, 1),
        ("home", 20, 1),
        ("Fast", 10, 1),
        ("Hotel", 8, 1),
        ("Work", 5, 1),
        ("unknown place", None, 1),
    ]


def test_places_beyond_the_first_twenty_are_one_row(run: Runner) -> None:
    charges = [event(n, f"10 {n:02}:00:00", energy_added_kwh=100 - n, location=f"Place {n}") for n in range(23)]
    rows = report_on(run, ("charges", charges))["by_place"]["rows"]
    assert len(rows) == 21
    last = rows[-1]
    assert (last["place"], last["places"], last["energy_added_kwh"]) == ("other places", 3, 80 + 79 + 78)


def test_battery_health_is_its_change_over_the_miles_between(report: dict[str, Any]) -> None:
    capacity, full_range = report["battery"]["rows"]
    assert (capacity["first"], capacity["last"], capacity["readings"]) == (75, 74.5, 2)
    assert capacity["change_pct"] == pytest.approx((74.5 - 75) * 100 / 75, abs=5e-5)
    assert capacity["change_per_10000_mi"] == pytest.approx((74.5 - 75) * 10_000 / (10_500 - 10_000))
    assert (full_range["measure"], full_range["change_per_10000_mi"]) == ("max range", (308 - 310) * 10_000 / 500)
    assert report["battery_by_month"]["rows"] == [
        {
            "vin": A,
            "month": "2025-01",
            "capacity_kwh": (75 + 74.5) / 2,
            "capacity_readings": 2,
            "max_range_mi": (310 + 308) / 2,
            "range_readings": 2,
        }
    ]


def test_one_battery_reading_is_no_trend(run: Runner) -> None:
    (row,) = report_on(run, ("battery_health", [{**BATTERY[0], "max_range_mi": None}]))["battery"]["rows"]
    assert (row["first"], row["last"], row["change_per_10000_mi"]) == (75, 75, None)


def test_best_and_worst_drives_are_long_enough_to_compare(report: dict[str, Any]) -> None:
    best, worst = report["best_drives"]["rows"], report["worst_drives"]["rows"]
    assert [row["efficiency_wh_per_mi"] for row in best] == [-100, 250, 300]
    assert [row["efficiency_wh_per_mi"] for row in worst] == [300, 250, -100]
    first = worst[0]
    assert (first["started_at"], first["starting_place"], first["ending_place"], first["outside_temp_c"]) == (
        "2025-01-10T08:00:00+00:00",
        "Home",
        "1 Main St",
        -3,
    )


def test_the_least_length_of_a_ranked_drive_can_be_chosen(run: Runner) -> None:
    ranked = report_on(run, ("drives", DRIVES), min_drive_mi=10)["best_drives"]["rows"]
    assert [row["distance_mi"] for row in ranked] == [20, 10]


def test_without_rows_the_report_is_complete_and_empty(run: Runner) -> None:
    report = report_on(run)
    assert {(number["value"], number["rows"]) for number in report["numbers"].values()} == {(None, 0)}
    assert set(report["left_out"].values()) | set(report["rows"].values()) == {0}
    assert len(report["by_vehicle"]["rows"]) == 1
    assert len(report["by_kind"]["rows"]) == 4
    assert report["by_day"]["rows"] == report["battery"]["rows"] == report["best_drives"]["rows"] == []


def test_without_vehicles_there_is_a_report_too(run: Runner) -> None:
    assert run(make)["by_vehicle"]["rows"] == []


def test_rows_of_nulls_spoil_nothing(run: Runner) -> None:
    empty = [event(1, "10 08:00:00")]
    report = report_on(
        run,
        ("drives", empty),
        ("charges", empty),
        ("idles", empty),
        ("battery_health", [{**BATTERY[0], "capacity_kwh": None, "max_range_mi": None}]),
    )
    assert {number["value"] for number in report["numbers"].values()} == {None}
    assert report["rows"] == {"drives": 1, "charges": 1, "idles": 1, "battery_health": 1}
    assert report["left_out"]["drives_without_distance"] == report["left_out"]["charges_without_cost"] == 1


def test_nothing_is_divided_by_zero(run: Runner) -> None:
    parked = [
        event(1, "10 08:00:00", 0, distance_mi=0, energy_used_kwh=0, rated_range_used_mi=0, autopilot_distance_mi=0)
    ]
    charge = [event(1, "10 08:00:00", 0, energy_added_kwh=0, energy_used_kwh=0, cost=1, rated_range_added_mi=0)]
    numbers = report_on(
        run, ("drives", parked), ("charges", charge), ("idles", [event(1, "10 08:00:00", 0, energy_used_kwh=0)])
    )["numbers"]
    assert numbers["distance_mi"]["value"] == 0
    ratios = [name for name, number in numbers.items() if "per" in name or "pct" in name]
    assert {numbers[name]["value"] for name in ratios} == {None}


def test_the_period_begins_with_its_first_instant_and_ends_before_its_last(run: Runner) -> None:
    at = ("09 23:59:59", "10 00:00:00", "10 23:59:59", "11 00:00:00")
    drives = [event(number, text, distance_mi=10**number) for number, text in enumerate(at)]
    report = report_on(run, ("drives", drives), **{"from": "2025-01-10T00:00:00Z", "to": "2025-01-11T00:00:00Z"})
    assert report["numbers"]["distance_mi"]["value"] == 10 + 100


def test_a_drive_across_midnight_belongs_to_the_day_that_it_began_on(run: Runner) -> None:
    drives = [event(1, "10 23:50:00", 60, distance_mi=40)]
    report = report_on(run, ("drives", drives))
    assert [(row["date"], row["distance_mi"]) for row in report["by_day"]["rows"]] == [("2025-01-10", 40)]
    assert report_on_day(run, "2025-01-11")["numbers"]["distance_mi"]["rows"] == 0


def report_on_day(run: Runner, day: str) -> dict[str, Any]:
    """Return the report on the existing rows, for one day in UTC."""

    async def case(client: Client) -> dict[str, Any]:
        return await make(client, **{"from": f"{day}T00:00:00Z", "to": f"{day}T23:59:59Z"})

    return run(case)


def test_days_are_those_of_the_time_zone(run: Runner) -> None:
    drives = [event(1, "10 18:29:59", distance_mi=1), event(2, "10 18:30:00", distance_mi=2)]
    days = report_on(run, ("drives", drives), timezone="Asia/Kolkata")["by_day"]["rows"]
    assert [(row["date"], row["distance_mi"]) for row in days] == [("2025-01-10", 1), ("2025-01-11", 2)]


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        ("2025-03-30", "2025-03-29 23:00:00", "2025-03-30 21:59:59"),  # 23 hours in Berlin
        ("2025-10-26", "2025-10-25 22:00:00", "2025-10-26 22:59:59"),  # 25 hours
        ("2025-07-01", "2025-06-30 22:00:00", "2025-07-01 21:59:59"),
    ],
)
def test_a_day_has_the_hours_that_its_clocks_give_it(run: Runner, day: str, first: str, last: str) -> None:
    async def case(client: Client) -> dict[str, Any]:
        await put_vehicle(client)
        await put(
            client,
            "drives",
            [
                {"tessie_id": 1, "started_at": first, "minutes": 9, "distance_mi": 1},
                {"tessie_id": 2, "started_at": last, "minutes": 9, "distance_mi": 2},
            ],
        )
        await put(
            client,
            "drives",
            [
                {"tessie_id": 3, "minutes": 9, "distance_mi": 4, "started_at": shifted(first, -1)},
                {"tessie_id": 4, "minutes": 9, "distance_mi": 8, "started_at": shifted(last, 1)},
            ],
        )
        return await make(client, **{"from": "2025-01-01", "to": "2026-01-01", "timezone": "Europe/Berlin"})

    days = [(row["date"], row["distance_mi"]) for row in run(case)["by_day"]["rows"]]
    assert [distance for _, distance in days] == [4, 1 + 2, 8]
    assert days[1][0] == day


def shifted(instant: str, seconds: int) -> str:
    return str(datetime.fromisoformat(instant) + timedelta(seconds=seconds))


def test_several_vehicles_are_summed_and_told_apart(run: Runner) -> None:
    async def case(client: Client) -> tuple[dict[str, Any], dict[str, Any]]:
        await put_all(client)
        await put_vehicle(client, B, None)
        await put(
            client, "drives", [event(1, "10 08:00:00", distance_mi=100, energy_used_kwh=30, rated_range_used_mi=100)], B
        )
        return await make(client), await make(client, vin=B)

    both, single = run(case)
    assert both["numbers"]["distance_mi"]["value"] == 43 + 100
    assert both["numbers"]["efficiency_wh_per_mi"]["value"] == pytest.approx((7.7 + 30) * 1000 / (35 + 100), abs=5e-5)
    vehicles = [
        (row["vin"], row["name"], row["distance_mi"], row["k_kwh_per_mi"]) for row in both["by_vehicle"]["rows"]
    ]
    assert vehicles == [(A, "Bluebird", 43, pytest.approx(7.7 / 31, abs=5e-5)), (B, None, 100, pytest.approx(30 / 100))]
    assert single["numbers"]["distance_mi"]["value"] == 100
    assert single["numbers"]["energy_added_kwh"]["value"] is None
    assert [row["vin"] for row in single["by_vehicle"]["rows"]] == [B]


def test_home_is_the_saved_location_of_that_name(run: Runner) -> None:
    charges = [event(1, "10 08:00:00", energy_added_kwh=5, saved_location=" Zuhause ")]
    kinds = report_on(run, ("charges", charges), home="zuhause")["by_kind"]["rows"]
    assert [row["charges"] for row in kinds] == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("top", "bottom", "quotient"), [(1, 4, 0.25), (1, 0, None), (None, 1, None), (1, None, None), (1, -1, None)]
)
def test_a_ratio_without_something_to_divide_by_is_unknown(
    top: float | None, bottom: float | None, quotient: float | None
) -> None:
    assert ratio(top, bottom) == quotient


def test_sums_of_groups_fold_into_sums_of_all() -> None:
    groups = [Sums({"a": 1.0}, {"a": 1}), Sums({"a": 2.0, "b": 3.0}, {"a": 2, "b": 0})]
    total = fold(groups)
    assert (total.total("a"), total.rows("a"), total.total("b"), total.total("c")) == (3, 3, None, None)
    assert Formula("x", "X", "u", "a / b", ("a",), "b").value(total) is None


def test_numbers_are_rounded_and_have_no_negative_zero() -> None:
    assert tidy(0.1 + 0.2) == 0.3
    assert str(tidy(-0.00001)) == "0.0"
