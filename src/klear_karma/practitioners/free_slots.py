"""`/api/practitioners/{id}/availability`: free slots of a service, on the clocks of whoever asks."""

from datetime import date, timedelta
from typing import Self, TypedDict

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge import PUBLIC, Clock, Database, Query, Routes
from edge.instants import from_epoch
from edge.reach import OPEN
from edge.zones import zone_of
from klear_karma.availability.slots import slots
from klear_karma.availability.timetables import Offer, Timetable, Timetables
from klear_karma.availability.zones import days, wall_of
from klear_karma.cursors import utc
from klear_karma.practitioners.offers import ServiceNotFound
from klear_karma.practitioners.profile import PractitionerNotFound
from klear_karma.values import Day, Id, Zone

routes = Routes("/api/practitioners", tag="availability", access=PUBLIC, reach=OPEN)

MOST_DAYS = 62
USUAL_DAYS = 7


class Asked(BaseModel):
    """The days whose slots are listed, first and last included, on the clocks of a zone."""

    model_config = ConfigDict(extra="forbid")

    first: Day | None = Field(None, alias="from", description="absent for today")
    last: Day | None = Field(None, alias="to", description=f"absent for {USUAL_DAYS} days; {MOST_DAYS} days at most")
    zone: Zone | None = Field(None, description="of the days and times; absent for the practitioner's")
    service_id: Id | None = Field(None, description="absent for the shortest service")

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if self.first and self.last:
            length = (date.fromisoformat(self.last) - date.fromisoformat(self.first)).days
            if not 0 <= length < MOST_DAYS:
                raise ValueError(f"`to` is not before `from`, and {MOST_DAYS} days are listed at most")
        return self


class Slot(TypedDict):
    """A free time with its offset from UTC, on the clocks of the asker, and its start on the practitioner's."""

    starts_at: str
    ends_at: str
    practitioner_starts_at: str


class Availability(TypedDict):
    """Free slots of a service in their order; `checked_at` is the instant at which they were free, in UTC."""

    practitioner_id: str
    service_id: str | None
    zone: str
    practitioner_zone: str
    checked_at: str
    slots: list[Slot]


@routes.get("/{practitioner_id}/availability", PractitionerNotFound, ServiceNotFound)
async def get_availability(
    practitioner_id: str, query: Query[Asked], db: Database, timetables: Timetables, clock: Clock
) -> Availability:
    """List the free slots of a practitioner's service."""
    row = await db.first("SELECT time_zone FROM practitioners WHERE id = ?", practitioner_id)
    if row is None:
        raise PractitionerNotFound(f"there is no practitioner {practitioner_id[:80]}")
    zone, now = zone_of(query.zone or row["time_zone"]), int(clock.now().timestamp())
    window = days(zone, *_days(query, wall_of(zone, now).date()))
    timetable = await timetables.load(practitioner_id, window, now)
    if timetable is None:
        raise PractitionerNotFound(f"there is no practitioner {practitioner_id[:80]}")
    offer, own = _offer(timetable, query.service_id), timetable.calendar.zone
    found = slots(timetable.calendar, offer.terms, window, now) if offer else ()
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
            for slot in found
        ],
    )


def _days(query: Asked, today: date) -> tuple[date, date]:
    """Return the first and the last day."""
    last = date.fromisoformat(query.last) if query.last else None
    first = date.fromisoformat(query.first) if query.first else min(today, last or today)
    if last is None:
        last = first + timedelta(days=USUAL_DAYS - 1)
    return first, min(last, first + timedelta(days=MOST_DAYS - 1))


def _offer(timetable: Timetable, service_id: str | None) -> Offer | None:
    """Return the service that is asked for; `ServiceNotFound` where it cannot be booked."""
    if service_id is None:
        return timetable.offers[0] if timetable.offers else None
    offer = timetable.offer(service_id)
    if offer is None:
        raise ServiceNotFound(f"there is no service {service_id[:80]}")
    return offer
