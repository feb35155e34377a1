"""`/api/practitioners/me/hours`: the working hours of a week, with breaks, and bookings outside of them."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Self, TypedDict
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge import READER, Actor, Body, Clock, Database, Routes
from edge.data import ScopedDatabase
from edge.errors import Overloaded
from edge.ports import Row
from klear_karma.availability.conflicts import Conflict, Conflicts
from klear_karma.members import MEMBER
from klear_karma.practitioners.store import PractitionerStore, ProfileMissing
from klear_karma.values import Clock as TimeOfDay
from klear_karma.values import clock_of, minutes_of

routes = Routes("/api/practitioners/me/hours", tag="practitioners", access=READER, reach=MEMBER)

MOST_INTERVALS = 70
MOST_BREAKS = 10

_COLUMNS = ("weekday", "starts_minute", "ends_minute", "is_break")
_LISTED = "SELECT * FROM working_hours ORDER BY weekday, starts_minute"


class TimesBody(BaseModel):
    """A start and an end on one day; 24:00 is the end of the day."""

    model_config = ConfigDict(extra="forbid")

    opens: TimeOfDay
    closes: TimeOfDay

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("closes must be after opens; split hours over midnight into one entry per day")
        return self


class HoursBody(TimesBody):
    """Hours of a weekday (Monday is 0) with breaks."""

    weekday: int = Field(ge=0, le=6)
    breaks: list[TimesBody] = Field([], max_length=MOST_BREAKS)

    @model_validator(mode="after")
    def _holds_its_breaks(self) -> Self:
        if any(pause.opens < self.opens or pause.closes > self.closes for pause in self.breaks):
            raise ValueError("breaks must lie within their hours")
        _require_apart(self.breaks)
        return self


class WeekBody(BaseModel):
    """The hours of all days; omitted days are days off."""

    model_config = ConfigDict(extra="forbid")

    hours: list[HoursBody] = Field(max_length=MOST_INTERVALS)

    @model_validator(mode="after")
    def _lie_apart(self) -> Self:
        for weekday in range(7):
            _require_apart([hours for hours in self.hours if hours.weekday == weekday])
        return self


class Times(TypedDict):
    """A start and an end on one day."""

    opens: str
    closes: str


class DayHours(TypedDict):
    """Hours of a weekday (Monday is 0) with breaks."""

    weekday: int
    opens: str
    closes: str
    breaks: list[Times]


class Week(TypedDict):
    """The hours of a week in the profile's time zone; `conflicts` are bookings outside of them."""

    hours: list[DayHours]
    conflicts: list[Conflict]


@routes.get("", ProfileMissing)
async def get_hours(actor: Actor, db: Database, conflicts: Conflicts, clock: Clock) -> Week:
    """Get your working hours."""
    outside = await conflicts.find(actor.name, int(clock.now().timestamp()))
    return Week(hours=_day_hours(await db.all(_LISTED)), conflicts=outside)


@routes.put("", ProfileMissing, Overloaded)
async def put_hours(
    week: Body[WeekBody], actor: Actor, db: ScopedDatabase, store: PractitionerStore, conflicts: Conflicts
) -> Week:
    """Replace the working hours of all days; bookings outside of them stay valid and are listed."""
    rows = [
        {"id": str(uuid4()), "practitioner_id": actor.name, **dict(zip(_COLUMNS, row, strict=True))}
        for row in _rows(week)
    ]
    changes = [db.prepare.delete("working_hours", "true"), db.prepare.insert("working_hours", rows)]
    await store.change_calendar(actor.name, [change.statement for change in changes])
    hours = [
        DayHours(
            weekday=day.weekday, opens=day.opens, closes=day.closes, breaks=[_times(pause) for pause in day.breaks]
        )
        for day in sorted(week.hours, key=lambda day: (day.weekday, day.opens))
    ]
    return Week(hours=hours, conflicts=await conflicts.find(actor.name, store.now()))


def _require_apart(times: Iterable[TimesBody]) -> None:
    ordered = sorted(times, key=lambda hours: hours.opens)
    if any(before.closes > after.opens for before, after in pairwise(ordered)):
        raise ValueError("times of one day must not overlap")


def _times(body: TimesBody) -> Times:
    return Times(opens=body.opens, closes=body.closes)


def _rows(week: WeekBody) -> Iterator[tuple[int, int, int, int]]:
    """Yield weekday, start, end (in minutes after midnight) and 1 for a break."""
    for day in week.hours:
        yield day.weekday, minutes_of(day.opens), minutes_of(day.closes), 0
        for pause in day.breaks:
            yield day.weekday, minutes_of(pause.opens), minutes_of(pause.closes), 1


def _day_hours(rows: Iterable[Row]) -> list[DayHours]:
    listed = list(rows)
    days = [row for row in listed if not row["is_break"]]
    return [
        DayHours(
            weekday=day["weekday"],
            opens=clock_of(day["starts_minute"]),
            closes=clock_of(day["ends_minute"]),
            breaks=[
                Times(opens=clock_of(row["starts_minute"]), closes=clock_of(row["ends_minute"]))
                for row in listed
                if row["is_break"] and row["weekday"] == day["weekday"] and _is_within(row, day)
            ],
        )
        for day in days
    ]


def _is_within(pause: Row, day: Row) -> bool:
    return bool(day["starts_minute"] <= pause["starts_minute"] < day["ends_minute"])
