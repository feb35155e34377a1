"""Slots: correct on days of daylight-saving changes, compared with a naive definition minute by minute."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.zones import UnknownZone, zone_of
from klear_karma.availability.slots import DAY, Calendar, Hours, Refusal, Terms, refusal, slots
from klear_karma.availability.zones import Span, days, instant_of, wall_of

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Pacific/Auckland", "UTC"]
CHANGES = [
    ("Europe/Berlin", date(2027, 3, 28)),
    ("Europe/Berlin", date(2027, 10, 31)),
    ("America/New_York", date(2027, 3, 14)),
    ("America/New_York", date(2027, 11, 7)),
    ("Australia/Lord_Howe", date(2027, 4, 4)),
    ("Australia/Lord_Howe", date(2027, 10, 3)),
    ("America/Santiago", date(2027, 4, 3)),
    ("America/Santiago", date(2027, 4, 4)),
    ("America/Santiago", date(2027, 9, 5)),
    ("Pacific/Auckland", date(2027, 4, 4)),
    ("Pacific/Auckland", date(2027, 9, 26)),
]
LONG_AGO = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())
HALF_HOURS = Terms(30, 30, horizon=3_000)


def every_day(*spans: tuple[int, int]) -> list[Hours]:
    return [Hours(weekday, opens, closes) for weekday in range(7) for opens, closes in spans]


def clock_times(zone: str, day: date, hours: list[Hours], terms: Terms = HALF_HOURS) -> list[str]:
    """Return the wall times of a day's slots, with offsets."""
    where = ZoneInfo(zone)
    spans = slots(Calendar(where, hours), terms, days(where, day, day), LONG_AGO)
    return [wall_of(where, slot.start).isoformat()[11:16] + wall_of(where, slot.start).strftime("%z") for slot in spans]


def test_spring_night_of_berlin_has_no_skipped_hour() -> None:
    times = clock_times("Europe/Berlin", date(2027, 3, 28), every_day((60, 240)))
    assert times == ["01:00+0100", "01:30+0100", "03:00+0200", "03:30+0200"]


def test_autumn_night_of_berlin_has_an_hour_twice_with_two_offsets() -> None:
    times = clock_times("Europe/Berlin", date(2027, 10, 31), every_day((60, 240)))
    assert times == [
        *("01:00+0200", "01:30+0200", "02:00+0200", "02:30+0200"),
        *("02:00+0100", "02:30+0100", "03:00+0100", "03:30+0100"),
    ]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2027, 3, 28), 23),
        ("Europe/Berlin", date(2027, 10, 31), 25),
        ("America/New_York", date(2027, 3, 14), 23),
        ("America/New_York", date(2027, 11, 7), 25),
        ("Australia/Lord_Howe", date(2027, 4, 4), 24.5),
        ("Australia/Lord_Howe", date(2027, 10, 3), 23.5),
        ("America/Santiago", date(2027, 4, 3), 25),
        ("America/Santiago", date(2027, 9, 5), 23),
        ("Pacific/Auckland", date(2027, 4, 4), 25),
        ("Pacific/Auckland", date(2027, 9, 26), 23),
        ("Asia/Tokyo", date(2027, 9, 26), 24),
        ("Pacific/Apia", date(2011, 12, 30), 0),
    ],
)
def test_day_has_as_many_slots_as_it_is_long(zone: str, day: date, hours: float) -> None:
    where = ZoneInfo(zone)
    window = days(where, day, day)
    assert window.end - window.start == hours * 3600
    terms = Terms(30, 30, horizon=30_000)
    spans = list(slots(Calendar(where, every_day((0, 1440))), terms, window, window.start - DAY))
    assert len(spans) == hours * 2
    assert all(later.start - earlier.start == 1800 for earlier, later in itertools.pairwise(spans))


def test_day_without_midnight_begins_at_one() -> None:
    assert clock_times("America/Santiago", date(2027, 9, 5), every_day((0, 120)))[0] == "01:00-0300"


def test_skipped_opening_starts_at_the_clock_change() -> None:
    assert clock_times("Europe/Berlin", date(2027, 3, 28), every_day((150, 240))) == ["03:00+0200", "03:30+0200"]


def first_showing(zone: ZoneInfo, day: date, minutes: int) -> int:
    """Return the first instant, in steps of 15 minutes, with a wall time of `minutes` or later on a day."""
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)
    instant = int(wall.replace(tzinfo=UTC).timestamp()) - 26 * 3600
    while wall_of(zone, instant).replace(tzinfo=None) < wall:
        instant += 900
    return instant


@given(
    st.sampled_from(CHANGES),
    st.integers(-1, 1),
    st.integers(0, 96).map(lambda quarter: quarter * 15),
)
def test_instant_of_wall_time_is_its_first_occurrence(change: tuple[str, date], offset: int, minutes: int) -> None:
    zone = ZoneInfo(change[0])
    day = change[1] + timedelta(days=offset)
    assert instant_of(zone, day, minutes) == first_showing(zone, day, minutes)


quarters = st.integers(0, 96).map(lambda quarter: quarter * 15)
hours_of_week = st.lists(
    st.tuples(st.integers(0, 6), quarters, quarters).filter(lambda hours: hours[1] < hours[2]), max_size=8
).map(lambda rows: [Hours(*row) for row in rows])
terms_of_services = st.builds(
    Terms,
    length=st.sampled_from([15, 30, 45, 60, 90, 240]),
    increment=st.sampled_from([15, 30, 45, 60]),
    before=st.sampled_from([0, 15, 30]),
    after=st.sampled_from([0, 15]),
    notice=st.sampled_from([0, 60, 2880]),
    horizon=st.sampled_from([1, 3, 60]),
)


def spans(start: int) -> st.SearchStrategy[list[Span]]:
    span = st.tuples(st.integers(0, 4 * 96), st.integers(1, 40))
    return st.lists(
        span.map(lambda drawn: Span(start + drawn[0] * 900, start + (drawn[0] + drawn[1]) * 900)), max_size=4
    )


def slowly(calendar: Calendar, terms: Terms, window: Span, now: int) -> list[Span]:
    """Return the slots by the naive definition: check every quarter of an hour of every step."""
    first = wall_of(calendar.zone, window.start).date() - timedelta(days=2)
    openings = [
        Span(first_showing(calendar.zone, day, hours.opens), first_showing(calendar.zone, day, hours.closes))
        for day in (first + timedelta(days=number) for number in range(8))
        for hours in calendar.hours
        if hours.weekday == day.weekday()
    ]
    working = {quarter for opening in openings for quarter in range(opening.start, opening.end, 900)}
    off = {quarter for span in calendar.time_off for quarter in range(span.start, span.end, 900)}
    busy = {quarter for span in calendar.blocked for quarter in range(span.start, span.end, 900)}
    starts = {start for opening in openings for start in range(opening.start, opening.end, terms.increment * 60)}
    spans = []
    for start in sorted(starts):
        quarters_of_it = set(range(start, start + terms.length * 60, 900))
        with_buffers = set(range(start - terms.before * 60, start + (terms.length + terms.after) * 60, 900))
        in_time = max(window.start, now + terms.notice * 60) <= start <= now + terms.horizon * DAY
        is_free = quarters_of_it <= working and not quarters_of_it & off and not with_buffers & busy
        if in_time and start < window.end and is_free:
            spans.append(Span(start, start + terms.length * 60))
    return spans


WEEKS = given(st.sampled_from(CHANGES), hours_of_week, terms_of_services, st.integers(0, 200), st.data())


@settings(max_examples=50, deadline=None)
@WEEKS
def test_slots_match_the_naive_definition(
    change: tuple[str, date], hours: list[Hours], terms: Terms, ago: int, data: st.DataObject
) -> None:
    compare_with_naive(change, hours, terms, ago, data)


@pytest.mark.soak
@settings(max_examples=2_000, deadline=None)
@WEEKS
def test_slots_of_many_weeks_match_the_naive_definition(
    change: tuple[str, date], hours: list[Hours], terms: Terms, ago: int, data: st.DataObject
) -> None:
    compare_with_naive(change, hours, terms, ago, data)


def compare_with_naive(
    change: tuple[str, date], hours: list[Hours], terms: Terms, ago: int, data: st.DataObject
) -> None:
    """Compare slots and refusals around a change of clocks with the naive definition."""
    zone = ZoneInfo(change[0])
    start = instant_of(zone, change[1] - timedelta(days=1))
    calendar = Calendar(zone, hours, data.draw(spans(start)), data.draw(spans(start)))
    window = Span(start, start + 3 * DAY)
    now = start - ago * 900
    listed = list(slots(calendar, terms, window, now))
    assert listed == slowly(calendar, terms, window, now)
    for slot in listed[:3]:
        assert refusal(calendar, terms, slot.start, now) is None
    free = {slot.start for slot in listed}
    for quarter in data.draw(st.lists(st.integers(0, 3 * 96 - 1), max_size=5)):
        instant = start + quarter * 900
        assert (refusal(calendar, terms, instant, now) is None) == (instant in free)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CHANGES), hours_of_week, terms_of_services, st.lists(st.integers(1, 95), max_size=3))
def test_cutting_a_window_changes_no_slot(
    change: tuple[str, date], hours: list[Hours], terms: Terms, cuts: list[int]
) -> None:
    zone = ZoneInfo(change[0])
    start = instant_of(zone, change[1])
    calendar = Calendar(zone, hours)
    edges = [start, *(start + cut * 1800 for cut in sorted(cuts)), start + 2 * DAY]
    parts = [slot for a, b in itertools.pairwise(edges) for slot in slots(calendar, terms, Span(a, b), start)]
    assert parts == list(slots(calendar, terms, Span(start, start + 2 * DAY), start))


def test_refusal_names_the_reason() -> None:
    zone = ZoneInfo("Europe/Berlin")
    noon = instant_of(zone, date(2027, 6, 1), 720)
    calendar = Calendar(zone, every_day((540, 1020)), [Span(noon, noon + 3600)], [Span(noon + 7200, noon + 9000)])
    terms = Terms(30, 30, before=10, after=10, notice=60, horizon=2)
    now = noon - 4 * 3600
    assert refusal(calendar, terms, noon - 3600, now) is None
    assert refusal(calendar, terms, now + 1800, now) is Refusal.NOTICE
    assert refusal(calendar, terms, noon - 5400, noon - 7200) is Refusal.NOTICE
    assert next(slots(calendar, terms, Span(noon - 7200, noon), noon - 7200)).start == noon - 3600
    assert refusal(calendar, terms, noon + 3 * DAY, now) is Refusal.HORIZON
    assert refusal(calendar, terms, noon + 60, now) is Refusal.HOURS  # not a step
    assert refusal(calendar, terms, noon + 8 * 3600, now) is Refusal.HOURS
    assert refusal(calendar, terms, noon, now) is Refusal.TIME_OFF
    assert refusal(calendar, terms, noon + 7200, now) is Refusal.TAKEN
    assert refusal(calendar, terms, noon + 9000, now) is Refusal.TAKEN  # its buffer


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Berlin",
        "Europe/Nowhere",
        "../../etc/passwd",
        "/etc/passwd",
        "localtime",
        "Factory",
        "right/UTC",
        "a" * 500,
        "Europe/Berlin\x00",
        "europe",
        "\ud800",
        "Europe/Berlin\n",
        "+01:00",
        "🧘",
    ],
)
def test_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownZone):
        zone_of(name)


@pytest.mark.parametrize("name", [*ZONES, "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_zone_is_known(name: str) -> None:
    assert zone_of(name).key == name
