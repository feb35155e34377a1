"""Conflicts: future bookings outside of a practitioner's hours or within time off. They stay valid and are listed."""

from typing import TypedDict

from edge import SystemDatabase
from edge.instants import from_epoch, to_epoch
from klear_karma.availability.slots import DAY, Refusal, fits
from klear_karma.availability.timetables import BLOCKING, Timetables
from klear_karma.availability.zones import Span
from klear_karma.cursors import utc

MOST_CONFLICTS = 200
_COMING = (
    "SELECT id, starts_at, ends_at, customer_name, service_name, state, blocked_until FROM appointments "
    f"WHERE practitioner_id = ? AND {BLOCKING} AND blocked_from > ? AND blocked_until > ? AND ends_at > ? "
    "AND (state <> 'requested' OR expires_at > ?) "
    "ORDER BY blocked_from"
)


class Conflict(TypedDict):
    """A booking outside of working hours (`hours`) or within time off (`time_off`); instants are in UTC."""

    appointment_id: str
    starts_at: str
    ends_at: str
    customer_name: str
    service_name: str
    reason: str


class Conflicts:
    """Finds bookings of a practitioner that no longer fit the practitioner's own calendar."""

    def __init__(self, db: SystemDatabase, timetables: Timetables) -> None:
        self._db = db
        self._timetables = timetables

    async def find(self, practitioner_id: str, now: int) -> list[Conflict]:
        """Return the earliest future bookings that are in conflict, `MOST_CONFLICTS` at most."""
        instant = from_epoch(now)
        rows = await self._db.all(_COMING, practitioner_id, now - 2 * DAY, now, instant, instant)
        if not rows:
            return []
        window = Span(now, rows[-1]["blocked_until"])
        timetable = await self._timetables.load(practitioner_id, window, now)
        if timetable is None:
            return []
        conflicts = []
        for row in rows:
            span = Span(to_epoch(row["starts_at"]), to_epoch(row["ends_at"]))
            reason = fits(timetable.calendar, span)
            if reason is not None:
                conflicts.append(_conflict(row, reason))
        return conflicts[:MOST_CONFLICTS]


def _conflict(row: dict[str, str], reason: Refusal) -> Conflict:
    return Conflict(
        appointment_id=row["id"],
        starts_at=utc(row["starts_at"]),
        ends_at=utc(row["ends_at"]),
        customer_name=row["customer_name"],
        service_name=row["service_name"],
        reason=reason.value,
    )
