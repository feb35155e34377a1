"""`/api/practitioners/{id}/availability`: free slots of a service, in the caller's time zone."""

from datetime import date, timedelta
from typing import Self, TypedDict

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge import PUBLIC, Clock, Database, Query, Routes
from edge.instants import from_epoch
from edge.reach import OPEN
from edge.zones import zone_of
from klear_karma.availability.slots import slots
from klear_karma.availability.timetables import Offer, Timetable, Timetables
from klear_karma.availability.zones import ZoneGone, days, wall_of, zone_of_profile
from klear_karma.cursors import utc
from klear_karma.practitioners.offers import ServiceNotFound
from klear_karma.practitioners.profile import PractitionerNotFound
from klear_karma.values import Day, Id, Zone

routes = Routes("/api/practitioners", tag="availability", access=PUBLIC, reach=OPEN)

MOST_DAYS = 62
USUAL_DAYS = 7


class AvailabilityQuery(BaseModel):
    """The first and last day to list, both included, in a time zone."""

    model_config = ConfigDict(extra="forbid")

    first: Day | None = Field(None, alias="from", description="absent for today")
    last: Day | None = Field(None, alias="to", description=f"absent for {USUAL_DAYS} days; {MOST_DAYS} days at most")
    zone: Zone | None = Field(None, description="time zone of the days and times; absent for the practitioner's")
    service_id: Id | None = Field(None, description="absent for the shortest service")

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if self.first and self.last:
            length = (date.fromisoformat(self.last) - date.fromisoformat(self.first)).days
            if not 0 <= length < MOST_DAYS:
                raise ValueError(f"`to` must not be before `from`; {MOST_DAYS} days at most")
        return self


class Slot(TypedDict):
    """A free slot with its UTC offset in the requested time zone, and its start in the practitioner's."""

    starts_at: str
    ends_at: str
    practitioner_starts_at: str


class Availability(TypedDict):
    """Free slots of a service in ascending order, as of the instant `checked_at` in UTC."""

    practitioner_id: str
    service_id: str | None
    zone: str
    practitioner_zone: str
    checked_at: str
    slots: list[Slot]


@routes.get("/{practitioner_id}/availability", PractitionerNotFound, ServiceNotFound, ZoneGone)
async def get_availability(
    practitioner_id: str, query: Query[AvailabilityQuery], db: Database, timetables: Timetables, clock: Clock
) -> Availability:
    """List the free slots of a practitioner's service."""
    row = await db.first("SELECT time_zone FROM practitioners WHERE id = ?", practitioner_id)
    if row is None:
        raise PractitionerNotFound(f"there is no practitioner {practitioner_id[:80]}")
    zone_of_profile(row["time_zone"])
    zone = zone_of(query.zone or row["time_zone"])
    now = int(clock.now().timestamp())
    window = days(zone, *_days(query, wall_of(zone, now).date()))
    timetable = await timetables.load(practitioner_id, window, now)
    if timetable is None:
        raise PractitionerNotFound(f"there is no practitioner {practitioner_id[:80]}")
    offer = _offer(timetable, query.service_id)
    own = timetable.calendar.zone
    free = slots(timetable.calendar, offer.terms, window, now) if offer else ()
    return Availability(
        practitioner_id=practitioner_id,
        service_id=offer.service_id if offer else None,
        zone=zone.key,
        practitioner_zone=own.key,
        checked_at=utc(from_epoch(now)),
        slots=[
            Slot(
                starts_at=wall_of(zone, slot.start).isoformat(),
                ends_at=wall_of(zone, slot.end).isoformat(),
                practitioner_starts_at=wall_of(own, slot.start).isoformat(),
            )
            for slot in free
        ],
    )


def _days(query: AvailabilityQuery, today: date) -> tuple[date, date]:
    """Return the first and the last day of a query."""
    last = date.fromisoformat(query.last) if query.last else None
    first = date.fromisoformat(query.first) if query.first else min(today, last or today)
    if last is None:
        last = first + timedelta(days=USUAL_DAYS - 1)
    return first, min(last, first + timedelta(days=MOST_DAYS - 1))


def _offer(timetable: Timetable, service_id: str | None) -> Offer | None:
    """Return the requested service, or the shortest; raises `ServiceNotFound` if it cannot be booked."""
    if service_id is None:
        return timetable.offers[0] if timetable.offers else None
    offer = timetable.offer(service_id)
    if offer is None:
        raise ServiceNotFound(f"there is no service {service_id[:80]}")
    return offer
