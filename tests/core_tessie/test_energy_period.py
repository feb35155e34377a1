"""The period of a report, and the local days in it."""

from datetime import UTC, datetime

import pytest

from core_tessie.energy.period import Period, instant_of
from edge.zones import zone_of


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("2025-01-10", "UTC", utc(2025, 1, 10)),
        ("2025-01-10", "Europe/Berlin", utc(2025, 1, 9, 23)),
        ("2025-07-10", "Europe/Berlin", utc(2025, 7, 9, 22)),
        ("2025-01-10T08:00", "America/New_York", utc(2025, 1, 10, 13)),
        ("2025-01-10T08:00:00Z", "America/New_York", utc(2025, 1, 10, 8)),
        ("2025-01-10T08:00:00.999+05:45", "UTC", utc(2025, 1, 10, 2, 15)),
        ("2025-03-30T02:30", "Europe/Berlin", utc(2025, 3, 30, 1, 30)),  # skipped by the clocks
        ("2025-10-26T02:30", "Europe/Berlin", utc(2025, 10, 26, 0, 30)),  # twice on the clocks: the first
    ],
)
def test_an_instant_without_an_offset_is_on_the_clocks_of_the_zone(text: str, zone: str, instant: datetime) -> None:
    assert instant_of(text, zone) == instant


@pytest.mark.parametrize("text", ["2025-02-29", "2025-13-01", "2025-01-10T24:00", "yesterday"])
def test_a_day_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        instant_of(text, "UTC")


@pytest.mark.parametrize("name", ["Mars/Olympus", "Europe", "../etc/passwd", "", "Europe/Berlin\0"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        zone_of(name)


def test_a_period_splits_where_the_offset_changes() -> None:
    period = Period(utc(2024, 12, 31, 23), utc(2025, 12, 31, 23), "Europe/Berlin")
    assert period.shifts() == [
        ("2024-12-31 23:00:00", "2025-03-30 01:00:00", "+3600 seconds"),
        ("2025-03-30 01:00:00", "2025-10-26 01:00:00", "+7200 seconds"),
        ("2025-10-26 01:00:00", "2025-12-31 23:00:00", "+3600 seconds"),
    ]


@pytest.mark.parametrize(
    ("zone", "stretches"), [("UTC", 1), ("Asia/Kathmandu", 1), ("America/New_York", 21), ("Africa/Casablanca", 28)]
)
def test_ten_years_are_a_handful_of_stretches_without_a_gap(zone: str, stretches: int) -> None:
    shifts = Period(utc(2014, 11, 1), utc(2024, 11, 1), zone).shifts()
    assert len(shifts) == stretches
    assert [until for _, until, _ in shifts[:-1]] == [since for since, _, _ in shifts[1:]]


def test_a_period_of_a_second_is_one_stretch() -> None:
    assert Period(utc(2025, 1, 1), utc(2025, 1, 1, 0, 0, 1), "UTC").shifts() == [
        ("2025-01-01 00:00:00", "2025-01-01 00:00:01", "+0 seconds")
    ]


def test_the_last_day_is_the_one_before_the_end() -> None:
    first, last = Period(utc(2025, 1, 1), utc(2025, 2, 1), "UTC").days
    assert (str(first), str(last)) == ("2025-01-01", "2025-01-31")
