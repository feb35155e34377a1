"""Timetables: the data that decides a practitioner's free slots, read at one instant. Only this code sees all bookings.

It returns times without their owners: `blocked` has no ids and no names.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import NamedTuple

from pydantic_core import to_json

from edge import Statement, SystemDatabase
from edge.instants import from_epoch, to_epoch
from edge.ports import Row
from edge.zones import UnknownZone, zone_of
from klear_karma.availability.slots import DAY, Calendar, Hours, Terms
from klear_karma.availability.zones import Span, instant_of

BLOCKING = "state IN ('requested', 'confirmed', 'rescheduled')"
"""The states of bookings that block their time; the index `appointments_blocking` has the same condition."""
_MARGIN = 2 * DAY
"""Margin around a window, in seconds, within which times are read: whole days off are dates in a time zone."""

_IDS = "IN (SELECT value FROM json_each(?))"
_PRACTITIONERS = (
    "SELECT id, time_zone, notice_minutes, horizon_days, needs_confirmation, calendar_version FROM practitioners "
    f"WHERE id {_IDS}"
)
_SERVICES = (
    "SELECT id, practitioner_id, name, minutes, increment_minutes, buffer_before_minutes, buffer_after_minutes, price, "
    f"currency FROM services WHERE practitioner_id {_IDS} AND is_active = 1 ORDER BY minutes, id"
)
_HOURS = (
    "SELECT practitioner_id, weekday, starts_minute, ends_minute, is_break FROM working_hours "
    f"WHERE practitioner_id {_IDS}"
)
_TIME_OFF = (
    "SELECT practitioner_id, starts_at, ends_at, first_day, end_day FROM time_off "
    f"WHERE practitioner_id {_IDS} AND ends_at > ? AND starts_at < ?"
)
_BLOCKED = (
    "SELECT practitioner_id, blocked_from, blocked_until FROM appointments "
    f"WHERE practitioner_id {_IDS} AND {BLOCKING} AND blocked_from > ? AND blocked_from < ? "
    "AND (state <> 'requested' OR expires_at > ?) AND id <> ?"
)


class Offer(NamedTuple):
    """A bookable service: its price in minor units, and its terms with the practitioner's notice and horizon."""

    service_id: str
    name: str
    price: int
    currency: str
    terms: Terms


class Timetable(NamedTuple):
    """A practitioner's calendar in a window; a booking is checked against its `version`.

    `notice` (minutes) and `horizon` (days) are the practitioner's, for all services.
    """

    practitioner_id: str
    version: int
    needs_confirmation: bool
    notice: int
    horizon: int
    calendar: Calendar
    offers: Sequence[Offer]

    def offer(self, service_id: str) -> Offer | None:
        """Return an active service, or None."""
        return next((offer for offer in self.offers if offer.service_id == service_id), None)


class Timetables:
    """Reads timetables, each as a consistent snapshot of the database."""

    def __init__(self, db: SystemDatabase) -> None:
        self._db = db

    async def load(self, practitioner_id: str, window: Span, now: int, *, without: str = "") -> Timetable | None:
        """Return a practitioner's timetable within a window; None if there is no such practitioner.

        The booking `without` is left out: a booking that is moved must not block itself.
        """
        return (await self.load_all([practitioner_id], window, now, without=without)).get(practitioner_id)

    async def load_all(
        self, practitioner_ids: Sequence[str], window: Span, now: int, *, without: str = ""
    ) -> Mapping[str, Timetable]:
        """Return the timetables of practitioners by id, read in one batch."""
        ids = to_json(practitioner_ids).decode()
        first, last = window.start - _MARGIN, window.end + _MARGIN
        results = await self._db.batch(
            [
                Statement(_PRACTITIONERS, (ids,)),
                Statement(_SERVICES, (ids,)),
                Statement(_HOURS, (ids,)),
                Statement(_TIME_OFF, (ids, from_epoch(first), from_epoch(last))),
                Statement(_BLOCKED, (ids, first, last, from_epoch(now), without)),
            ]
        )
        services, hours, time_off, blocked = (_by_practitioner(result.rows) for result in results[1:])
        timetables = {}
        for row in results[0].rows:
            name = row["id"]
            with suppress(UnknownZone):  # a zone that was removed from the time-zone data: its hours cannot be computed
                times = (hours.get(name, []), time_off.get(name, []), blocked.get(name, []))
                timetables[name] = _timetable(row, services.get(name, []), times)
        return timetables


def working_hours(rows: Iterable[Row]) -> list[Hours]:
    """Return the working hours of a week with the breaks cut out."""
    listed = list(rows)
    breaks = [row for row in listed if row["is_break"]]
    hours = []
    for row in listed:
        if not row["is_break"]:
            hours += _without(row, [other for other in breaks if other["weekday"] == row["weekday"]])
    return hours


def time_off_of(row: Row, time_zone: str) -> Span:
    """Return the time of a row of `time_off`; whole days are days of the practitioner's current time zone."""
    if row["first_day"] is None:
        return Span(to_epoch(row["starts_at"]), to_epoch(row["ends_at"]))
    zone = zone_of(time_zone)
    first, end = date.fromisoformat(row["first_day"]), date.fromisoformat(row["end_day"])
    return Span(instant_of(zone, first), instant_of(zone, end))


def _without(row: Row, breaks: Iterable[Row]) -> list[Hours]:
    spans = []
    opens = row["starts_minute"]
    for pause in sorted(breaks, key=lambda pause: int(pause["starts_minute"])):
        if pause["starts_minute"] > opens:
            spans.append(Hours(row["weekday"], opens, min(pause["starts_minute"], row["ends_minute"])))
        opens = max(opens, pause["ends_minute"])
    if opens < row["ends_minute"]:
        spans.append(Hours(row["weekday"], opens, row["ends_minute"]))
    return [hours for hours in spans if hours.opens < hours.closes]


def _by_practitioner(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["practitioner_id"], []).append(row)
    return groups


def _timetable(row: Row, services: list[Row], times: tuple[list[Row], list[Row], list[Row]]) -> Timetable:
    hours, time_off, blocked = times
    calendar = Calendar(
        zone_of(row["time_zone"]),
        working_hours(hours),
        [time_off_of(off, row["time_zone"]) for off in time_off],
        [Span(block["blocked_from"], block["blocked_until"]) for block in blocked],
    )
    offers = [_offer(service, row) for service in services]
    rules = (bool(row["needs_confirmation"]), row["notice_minutes"], row["horizon_days"])
    return Timetable(row["id"], row["calendar_version"], *rules, calendar, offers)


def _offer(service: Row, row: Row) -> Offer:
    terms = Terms(
        length=service["minutes"],
        increment=service["increment_minutes"],
        before=service["buffer_before_minutes"],
        after=service["buffer_after_minutes"],
        notice=row["notice_minutes"],
        horizon=row["horizon_days"],
    )
    return Offer(service["id"], service["name"], service["price"], service["currency"], terms)
