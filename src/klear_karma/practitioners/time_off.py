"""`/api/practitioners/me/time-off`: days and hours without work, and the bookings within them."""

from datetime import date, timedelta
from typing import Annotated, Self, TypedDict
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge import READER, Actor, Body, Clock, Database, NotFound, Problem, Routes
from edge.data import ScopedDatabase
from edge.errors import Overloaded
from edge.instants import from_epoch, to_epoch, to_text
from edge.ports import Row
from edge.zones import UnknownZone
from klear_karma.availability.conflicts import Conflict, Conflicts
from klear_karma.availability.timetables import time_off_of
from klear_karma.availability.zones import Span, ZoneGone, instant_of, zone_of_profile
from klear_karma.cursors import utc
from klear_karma.members import MEMBER
from klear_karma.practitioners.store import PractitionerStore, ProfileMissing, Snapshot
from klear_karma.values import Day, Instant, Line, moment_of

routes = Routes("/api/practitioners/me/time-off", tag="practitioners", access=READER, reach=MEMBER)

MOST_TIMES_OFF = 500
LONGEST = timedelta(days=731)
_BOUNDS = "give whole days (first_day, last_day) or instants (starts_at, ends_at), in ascending order"


class TimeOffNotFound(NotFound):
    """There is no such time off."""

    title = "There is no such time off"


class TooManyTimesOff(Problem):
    """Too many times off."""

    title = "Too many times off"
    status = 409


class TimeOffBody(BaseModel):
    """Time off: whole days in the profile's time zone, the last included, or from one instant to another."""

    model_config = ConfigDict(extra="forbid")

    first_day: Day | None = None
    last_day: Day | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    reason: Annotated[Line, Field(description="visible only to you")] = ""

    @model_validator(mode="after")
    def _has_bounds(self) -> Self:
        days = (self.first_day, self.last_day)
        instants = (self.starts_at, self.ends_at)
        if None not in days and instants == (None, None):
            length = date.fromisoformat(str(days[1])) - date.fromisoformat(str(days[0])) + timedelta(days=1)
        elif None not in instants and days == (None, None):
            length = moment_of(str(instants[1])) - moment_of(str(instants[0]))
        else:
            raise ValueError(_BOUNDS)
        if not timedelta(0) < length <= LONGEST:
            raise ValueError(f"{_BOUNDS}; two years at most")
        return self


class TimeOff(TypedDict):
    """Time off, in UTC; `first_day` and `last_day` are set for whole days."""

    id: str
    starts_at: str
    ends_at: str
    first_day: str | None
    last_day: str | None
    reason: str


class NewTimeOff(TimeOff):
    """New time off, and all bookings that conflict with the calendar."""

    conflicts: list[Conflict]


@routes.get("", ProfileMissing)
async def list_time_off(db: Database, clock: Clock) -> list[TimeOff]:
    """List your current and future times off."""
    zone = await _zone(db)
    since = to_text(clock.now() - timedelta(days=2))
    sql = "SELECT * FROM time_off WHERE ends_at > ? ORDER BY starts_at, id"
    return [_time_off_view(row, zone) for row in await db.all(sql, since)]


@routes.post("", ProfileMissing, TooManyTimesOff, ZoneGone, Overloaded, status=201)
async def add_time_off(
    new: Body[TimeOffBody], actor: Actor, store: PractitionerStore, db: ScopedDatabase, conflicts: Conflicts
) -> NewTimeOff:
    """Add time off; bookings within it stay valid and are listed."""
    zone = await _zone(db)
    row = _row(new, zone)
    now = store.now()
    added = db.prepare.insert("time_off", [row | {"practitioner_id": actor.name, "created_at": from_epoch(now)}])
    await store.change_calendar(actor.name, [added.statement], _check_number)
    return NewTimeOff(**_time_off_view(row, zone), conflicts=await conflicts.find(actor.name, now))


@routes.delete("/{time_off_id}", TimeOffNotFound, ProfileMissing, Overloaded, status=204)
async def remove_time_off(time_off_id: str, actor: Actor, store: PractitionerStore, db: ScopedDatabase) -> None:
    """Remove time off."""
    if await db.first("SELECT 1 FROM time_off WHERE id = ?", time_off_id) is None:
        raise TimeOffNotFound(f"there is no time off {time_off_id[:80]}")
    await store.change_calendar(actor.name, [db.prepare.delete("time_off", "id = ?", time_off_id).statement])


def _check_number(before: Snapshot) -> None:
    if before.times_off >= MOST_TIMES_OFF:
        raise TooManyTimesOff(f"there are {MOST_TIMES_OFF} times off: remove some")


async def _zone(db: Database) -> str:
    row = await db.first("SELECT time_zone FROM own_profiles")
    if row is None:
        raise ProfileMissing("write a profile first: PUT /api/practitioners/me")
    return str(row["time_zone"])


def _row(new: TimeOffBody, time_zone: str) -> Row:
    row: Row = {"id": str(uuid4()), "reason": new.reason, "first_day": None, "end_day": None}
    if new.first_day and new.last_day:
        zone = zone_of_profile(time_zone)
        first = date.fromisoformat(new.first_day)
        end = date.fromisoformat(new.last_day) + timedelta(days=1)
        row |= {"first_day": first.isoformat(), "end_day": end.isoformat()}
        return row | {"starts_at": from_epoch(instant_of(zone, first)), "ends_at": from_epoch(instant_of(zone, end))}
    return row | {
        "starts_at": to_text(moment_of(str(new.starts_at))),
        "ends_at": to_text(moment_of(str(new.ends_at))),
    }


def _time_off_view(row: Row, time_zone: str) -> TimeOff:
    try:
        span = time_off_of(row, time_zone)
    except UnknownZone:  # its zone was removed from the time-zone data: the instants as they were written
        span = Span(to_epoch(row["starts_at"]), to_epoch(row["ends_at"]))
    last = row["end_day"] and (date.fromisoformat(row["end_day"]) - timedelta(days=1)).isoformat()
    return TimeOff(
        id=row["id"],
        starts_at=utc(from_epoch(span.start)),
        ends_at=utc(from_epoch(span.end)),
        first_day=row["first_day"],
        last_day=last,
        reason=row["reason"],
    )
