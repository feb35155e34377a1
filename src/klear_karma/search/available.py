"""The filter `available_on`: practitioners with a free slot on a day, by the same function that decides bookings."""

from collections.abc import Sequence
from datetime import date, timedelta

from edge import Clock
from edge.zones import zone_of
from klear_karma.availability.slots import slots
from klear_karma.availability.timetables import Timetable, Timetables
from klear_karma.availability.zones import Span, days
from klear_karma.search.query import Search

_FAR = timedelta(hours=15)
"""The largest UTC offset of any time zone, and an hour."""


class FreeSlotFilter:
    """Filters practitioners by a free slot on a day."""

    def __init__(self, timetables: Timetables, clock: Clock) -> None:
        self._timetables = timetables
        self._clock = clock

    async def among(self, practitioner_ids: Sequence[str], search: Search) -> set[str]:
        """Return the ids with a free slot on the search's day, of a service within the search's price."""
        if not practitioner_ids or search.available_on is None:
            return set()
        now = int(self._clock.now().timestamp())
        day = date.fromisoformat(search.available_on)
        utc = days(zone_of("UTC"), day, day)
        far = int(_FAR.total_seconds())
        timetables = await self._timetables.load_all(practitioner_ids, Span(utc.start - far, utc.end + far), now)
        return {name for name, timetable in timetables.items() if _is_free(timetable, search, day, now)}


def _is_free(timetable: Timetable, search: Search, day: date, now: int) -> bool:
    calendar = timetable.calendar
    window = days(zone_of(search.zone) if search.zone else calendar.zone, day, day)
    most = search.max_price
    offers = [offer for offer in timetable.offers if most is None or offer.price <= most]
    return any(next(slots(calendar, offer.terms, window, now), None) for offer in offers)
