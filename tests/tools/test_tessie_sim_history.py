"""A simulated year obeys the rules of real years: nothing jumps, nothing is missing, and every number agrees."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from sims.tessie import Fleet, SimulatedCar
from sims.tessie.cars import ANCHOR, DAY_S, checked_vin
from sims.tessie.events import Event, Idle
from sims.tessie.moment import firmware, moment
from sims.tessie.timeline import path_points

pytestmark = pytest.mark.slow  # a stand-in's own tests

YEAR_END = ANCHOR + 365 * DAY_S


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet(seed=7, until=YEAR_END)


def events(car: SimulatedCar) -> list[Event]:
    return sorted([*car.drives, *car.charges, *car.idles], key=lambda event: event.start.at)


def everything(fleet: Fleet) -> Iterator[tuple[str, object]]:
    for vin in fleet.vins:
        yield vin, (fleet.drives(vin), fleet.charges(vin), fleet.idles(vin))


def test_vins_are_valid() -> None:
    for vin in Fleet(until=ANCHOR).vins:
        assert len(vin) == 17
        assert not set(vin) & set("IOQ")
        assert checked_vin(vin[:8] + "_" + vin[9:]) == vin
    assert checked_vin("1M8GDM9A_KP042788") == "1M8GDM9AXKP042788"  # the example of 49 CFR 565


def test_drives_charges_and_idles_tile_the_year(fleet: Fleet) -> None:
    for car in fleet:
        timeline = events(car)
        assert timeline[0].start.at == fleet.start
        assert timeline[-1].end.at <= YEAR_END
        for before, after in pairwise(timeline):
            assert after.start == before.end
            assert not (isinstance(before, Idle) and isinstance(after, Idle))
        assert all(event.end.at > event.start.at for event in timeline)


def test_records_continue_one_another(fleet: Fleet) -> None:
    for vin in fleet.vins:
        drives = fleet.drives(vin)[::-1]
        for before, after in pairwise(drives):
            assert after["starting_odometer"] == before["ending_odometer"]
            assert after["starting_location"] == before["ending_location"]
            assert (after["starting_latitude"], after["starting_longitude"]) == (
                before["ending_latitude"],
                before["ending_longitude"],
            )
        both = [*drives, *fleet.charges(vin), *fleet.idles(vin)]
        for before, after in pairwise(sorted(both, key=lambda record: int(record["started_at"]))):
            assert after["starting_battery"] == before["ending_battery"]
            assert after["started_at"] == before["ended_at"]


def test_one_k_holds_for_a_car_everywhere(fleet: Fleet) -> None:
    for car in fleet:
        k = car.car.battery.kwh_per_mi
        for record in [*car.records("drives"), *car.records("idles")]:
            assert record["energy_used"] == pytest.approx(record["rated_range_used"] * k, abs=0.0051)
        for record in car.records("charges"):
            assert record["energy_added"] == pytest.approx(record["miles_added"] * k, abs=0.0051)
            assert record["energy_used"] is None or record["energy_used"] > record["energy_added"]


def test_range_is_conserved_over_the_year(fleet: Fleet) -> None:
    for car in fleet:
        timeline = events(car)
        added = sum(record["miles_added"] for record in car.records("charges"))
        used = sum(record["rated_range_used"] for record in [*car.records("drives"), *car.records("idles")])
        assert timeline[-1].end.range_mi == pytest.approx(timeline[0].start.range_mi + added - used, abs=0.01)
        assert timeline[-1].end.spent_mi - timeline[0].start.spent_mi == pytest.approx(used, abs=0.01)


def test_the_pack_stays_between_empty_and_full(fleet: Fleet) -> None:
    for car in fleet:
        levels = [car.car.percent(event.end.range_mi, event.end.at) for event in events(car)]
        assert min(levels) > 3
        assert max(levels) <= 100


def test_newest_first_with_ids_that_count_up(fleet: Fleet) -> None:
    for vin in fleet.vins:
        for records in (fleet.drives(vin), fleet.charges(vin), fleet.idles(vin)):
            starts = [record["started_at"] for record in records]
            ids = [record["id"] for record in records]
            assert starts == sorted(starts, reverse=True)
            assert ids == sorted(set(ids), reverse=True)
            assert all(record["ended_at"] <= YEAR_END for record in records)


def test_the_same_seed_gives_the_same_year(fleet: Fleet) -> None:
    assert dict(everything(Fleet(seed=7, until=YEAR_END))) == dict(everything(fleet))
    assert dict(everything(Fleet(seed=8, until=YEAR_END))) != dict(everything(fleet))


@pytest.mark.parametrize("days", [0.5, 40.37, 200.71, 364.99])
def test_a_later_clock_only_appends(fleet: Fleet, days: float) -> None:
    until = ANCHOR + days * DAY_S
    early = Fleet(seed=7, until=until)
    for vin in fleet.vins:
        for before, after in (
            (early.drives(vin), fleet.drives(vin)),
            (early.idles(vin), fleet.idles(vin)),
        ):
            assert before == [record for record in after if record["ended_at"] <= until]
        ended = [record for record in early.charges(vin) if record["ended_at"] is not None]
        assert ended == [record for record in fleet.charges(vin) if record["ended_at"] <= until]


@pytest.mark.parametrize("turns", [range(1, 24, 6), pytest.param(range(24), marks=pytest.mark.soak)], ids=str)
def test_the_state_at_an_instant_does_not_depend_on_how_far_the_history_goes(fleet: Fleet, turns: range) -> None:
    for turn in turns:
        at = ANCHOR + turn * 15 * DAY_S + turn * 4_117
        early = Fleet(seed=7, until=at)
        for vin in fleet.vins:
            seen = early[vin].moment()
            later = fleet[vin].moment(at)
            assert (seen.range_mi, seen.odometer_mi, seen.status) == (later.range_mi, later.odometer_mi, later.status)


def test_a_year_looks_like_a_year(fleet: Fleet) -> None:
    counts = [len(car.drives) for car in fleet]
    assert 600 <= counts[0] <= 1_250
    assert counts[1] < 80
    winter = [drive for drive in fleet[fleet.vins[0]].drives if drive.outside_c < 2]
    summer = [drive for drive in fleet[fleet.vins[0]].drives if 15 < drive.outside_c < 25]
    assert len(winter) > 50

    def rate(drives: list[object]) -> float:
        used = sum(drive.start.range_mi - drive.end.range_mi for drive in drives)  # type: ignore[attr-defined]
        return used / sum(drive.distance_mi for drive in drives)  # type: ignore[attr-defined]

    assert rate([*winter]) > 1.15 * rate([*summer])


def test_superchargers_cost_more_and_come_on_trips(fleet: Fleet) -> None:
    for vin in (fleet.vins[0], fleet.vins[2]):
        charges = fleet.charges(vin)
        fast = [charge for charge in charges if charge["is_supercharger"]]
        home = [charge for charge in charges if charge["saved_location"] == "Home"]
        assert len(fast) >= 3
        assert len(home) > 50
        assert all(charge["is_fast_charger"] for charge in fast)
        assert min(charge["cost"] / charge["energy_used"] for charge in fast) > 1.3 * max(
            charge["cost"] / charge["energy_used"] for charge in home
        )


def test_the_sparse_car_has_nulls_in_optional_fields(fleet: Fleet) -> None:
    vin = fleet.vins[3]
    drives, charges = fleet.drives(vin), fleet.charges(vin)
    assert {drive["autopilot_distance"] for drive in drives} == {None}
    assert {drive["starting_saved_location"] for drive in drives} == {None}
    assert {charge["cost"] for charge in charges} == {None}
    assert {charge["energy_used"] is None for charge in charges} == {True, False}


def test_a_running_charge_of_the_sparse_car_has_no_end() -> None:
    whole = Fleet(seed=7, until=YEAR_END)
    vin = whole.vins[3]
    charge = whole[vin].charges[-1]
    during = Fleet(seed=7, until=(charge.start.at + charge.end.at) // 2)
    newest = during.charges(vin)[0]
    assert newest["id"] == charge.id
    assert newest["ended_at"] is None
    assert 0 < newest["energy_added"] < whole.charges(vin)[0]["energy_added"]


def test_the_way_of_a_drive_covers_its_distance(fleet: Fleet) -> None:
    car = fleet[fleet.vins[0]]
    for drive in car.drives[:40]:
        points = path_points(car, drive, (drive.start.at, drive.end.at), simplify=False)
        odometers = [point["odometer"] for point in points]
        assert odometers == sorted(odometers)
        assert odometers[0] == drive.start.odometer_mi
        assert odometers[-1] == drive.end.odometer_mi
        assert (points[0]["latitude"], points[0]["longitude"]) == (drive.start.latitude, drive.start.longitude)
        assert (points[-1]["latitude"], points[-1]["longitude"]) == (drive.end.latitude, drive.end.longitude)
        driven = sum(drive.speed_mph(at) for at in range(drive.start.at, drive.end.at)) / 3600
        assert driven == pytest.approx(drive.distance_mi, rel=0.02)
        assert max(point["speed"] for point in points) <= drive.max_mph


def test_moments_meet_at_the_ends_of_events(fleet: Fleet) -> None:
    car = fleet[fleet.vins[0]]
    for event in events(car)[:400]:
        before = moment(car.history, event.end.at - 1)
        after = moment(car.history, event.end.at)
        assert after.range_mi == event.end.range_mi
        assert before.range_mi == pytest.approx(after.range_mi, abs=0.25)
        assert before.odometer_mi == pytest.approx(after.odometer_mi, abs=0.03)


def test_firmware_changes_several_times_for_one_car(fleet: Fleet) -> None:
    versions = []
    for car in fleet:
        seen = [firmware(car.car, at).version for at in range(ANCHOR, YEAR_END, DAY_S // 2)]
        versions.append(list(dict.fromkeys(seen)))
        assert len(seen) == sum(seen.count(version) for version in versions[-1])
    assert len(versions[2]) >= 8
    assert all(len(changes) < len(versions[2]) for changes in versions[:2])
    for changes in versions:
        numbers = [tuple(map(int, version.split()[0].split("."))) for version in changes]
        assert numbers == sorted(set(numbers))


def test_the_clock_may_be_a_callable_an_iso_text_or_a_datetime() -> None:
    now = [ANCHOR + 3 * DAY_S]
    fleet = Fleet(until=lambda: now[0])
    few = len(fleet.drives(fleet.vins[0]))
    now[0] += 30 * DAY_S
    assert len(fleet.drives(fleet.vins[0])) > few
    fleet.pin("2025-11-04T00:00:00Z")
    assert len(fleet.drives(fleet.vins[0])) == few
    fleet.pin(datetime(2025, 11, 4, tzinfo=UTC))
    assert fleet.now() == ANCHOR + 3 * DAY_S


def test_correcting_a_record_moves_its_updated_at() -> None:
    fleet = Fleet(until=ANCHOR + 9 * DAY_S)
    car = fleet[fleet.vins[0]]
    old = car.records("drives")[3]
    new = car.amend("drives", old["id"], {"energy_used": 9.99})
    assert new == old | {"energy_used": 9.99, "updated_at": fleet.now()}
    assert car.records("drives")[3] == new
    assert car.amend("drives", old["id"] + 500, {}) is None
