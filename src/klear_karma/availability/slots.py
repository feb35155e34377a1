"""Free slots: one pure function lists them, and decides whether a booking's start is one of them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from heapq import merge
from typing import NamedTuple
from zoneinfo import ZoneInfo

from klear_karma.availability.zones import Span, instant_of, wall_of

DAY = 86_400
LONGEST_BLOCK = DAY
"""The longest time that a booking blocks, buffers included, in seconds."""


class Hours(NamedTuple):
    """Working hours of a weekday (Monday is 0), in minutes after midnight; a break is the gap between two of them."""

    weekday: int
    opens: int
    closes: int


class Terms(NamedTuple):
    """The terms of a service, in minutes; `horizon` is in days."""

    length: int
    increment: int
    before: int = 0
    after: int = 0
    notice: int = 0
    horizon: int = 365

    def span(self, start: int) -> Span:
        """Return the time of an appointment that starts at `start`, without buffers."""
        return Span(start, start + self.length * 60)

    def blocked(self, start: int) -> Span:
        """Return the time that an appointment blocks, buffers included."""
        return Span(start - self.before * 60, start + (self.length + self.after) * 60)


class Calendar(NamedTuple):
    """A practitioner's hours in a time zone, the times off, and the times blocked by bookings."""

    zone: ZoneInfo
    hours: Sequence[Hours]
    time_off: Sequence[Span] = ()
    blocked: Sequence[Span] = ()


class Refusal(StrEnum):
    """The reasons for which a time cannot be booked."""

    NOTICE = "notice"
    HORIZON = "horizon"
    HOURS = "hours"
    TIME_OFF = "time_off"
    TAKEN = "taken"


def slots(calendar: Calendar, terms: Terms, window: Span, now: int) -> Iterator[Span]:
    """Yield the free slots that start within a window, in ascending order.

    Slots begin at steps of the increment from each start of working hours. An appointment may extend into hours that
    follow without a gap. Buffers separate bookings; they may lie outside of hours.
    """
    earliest = max(window.start, now + terms.notice * 60)
    latest = min(window.end, now + terms.horizon * DAY + 1)
    if earliest >= latest:
        return
    openings = _openings(calendar, Span(earliest, latest + terms.length * 60))
    open_times = _Union(openings)
    time_off = _Union(calendar.time_off)
    blocked = _Union(calendar.blocked)
    last = -1
    for start in merge(*[_steps(opening, terms.increment * 60, earliest, latest) for opening in openings]):
        span = terms.span(start)
        if start == last or not open_times.contains(span):
            continue
        if not time_off.overlaps(span) and not blocked.overlaps(terms.blocked(start)):
            last = start
            yield span


def refusal(calendar: Calendar, terms: Terms, start: int, now: int) -> Refusal | None:
    """Return why an appointment cannot start at an instant; None if it is a free slot."""
    at = Span(start, start + 1)
    if any(slots(calendar, terms, at, now)):
        return None
    if start < now + terms.notice * 60:
        return Refusal.NOTICE
    if start > now + terms.horizon * DAY:
        return Refusal.HORIZON
    if any(slots(calendar._replace(blocked=()), terms, at, now)):
        return Refusal.TAKEN
    if any(slots(calendar._replace(blocked=(), time_off=()), terms, at, now)):
        return Refusal.TIME_OFF
    return Refusal.HOURS


def fits(calendar: Calendar, span: Span) -> Refusal | None:
    """Return why a time is outside of a calendar's hours or within time off; None if it fits."""
    if not _Union(_openings(calendar, span)).contains(span):
        return Refusal.HOURS
    return Refusal.TIME_OFF if _Union(calendar.time_off).overlaps(span) else None


class _Union:
    """A union of times as disjoint, ascending intervals; adjacent ones are merged."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            if start >= end:
                continue
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def contains(self, span: Span) -> bool:
        """Tell whether a time lies completely within the union."""
        place = bisect_right(self._starts, span.start) - 1
        return place >= 0 and span.end <= self._ends[place]

    def overlaps(self, span: Span) -> bool:
        """Tell whether a time overlaps the union."""
        place = bisect_right(self._ends, span.start)
        return place < len(self._starts) and self._starts[place] < span.end


def _openings(calendar: Calendar, window: Span) -> list[Span]:
    """Return the working hours that touch a window, from the day before it: hours can end on the next day."""
    day = wall_of(calendar.zone, window.start).date() - timedelta(days=1)
    last = wall_of(calendar.zone, window.end).date()
    openings = []
    while day <= last:
        for hours in calendar.hours:
            if hours.weekday == day.weekday():
                opens = instant_of(calendar.zone, day, hours.opens)
                openings.append(Span(opens, instant_of(calendar.zone, day, hours.closes)))
        day += timedelta(days=1)
    return [span for span in openings if span.start < span.end]


def _steps(opening: Span, step: int, earliest: int, latest: int) -> range:
    skipped = max(0, -(-(earliest - opening.start) // step))
    return range(opening.start + skipped * step, min(opening.end, latest), step)
