"""Free slots: one pure function for the page of slots and for the decision whether one can be booked."""

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
"""The most that a booking blocks, buffers included."""


class Hours(NamedTuple):
    """Working hours of a weekday (Monday is 0), in minutes after midnight; a break is what lies between two."""

    weekday: int
    opens: int
    closes: int


class Terms(NamedTuple):
    """The terms of a service, in minutes but for the `horizon`, which is in days."""

    length: int
    increment: int
    before: int = 0
    after: int = 0
    notice: int = 0
    horizon: int = 365

    def shown(self, start: int) -> Span:
        """Return the time of an appointment."""
        return Span(start, start + self.length * 60)

    def blocked(self, start: int) -> Span:
        """Return the time that an appointment blocks: buffers included."""
        return Span(start - self.before * 60, start + (self.length + self.after) * 60)


class Calendar(NamedTuple):
    """A practitioner's hours in a zone, the times off, and what bookings block."""

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
    """Yield the free slots that start within a window, in their order.

    Slots begin at steps of the increment from each beginning of working hours; an appointment may go on into hours
    that follow at once. Buffers keep bookings apart; they may lie outside of hours.
    """
    earliest = max(window.start, now + terms.notice * 60)
    latest = min(window.end, now + terms.horizon * DAY + 1)
    if earliest >= latest:
        return
    openings = _openings(calendar, Span(earliest, latest + terms.length * 60))
    open_times, time_off, blocked = _Union(openings), _Union(calendar.time_off), _Union(calendar.blocked)
    last = -1
    for start in merge(*[_steps(opening, terms.increment * 60, earliest, latest) for opening in openings]):
        shown = terms.shown(start)
        if start == last or not open_times.contains(shown):
            continue
        if not time_off.overlaps(shown) and not blocked.overlaps(terms.blocked(start)):
            last = start
            yield shown


def refusal(calendar: Calendar, terms: Terms, start: int, now: int) -> Refusal | None:
    """Return why an appointment cannot start at an instant; None where it is a free slot."""
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


def fits(calendar: Calendar, shown: Span) -> Refusal | None:
    """Return why a time is outside of a calendar's hours or within a time off; None where it fits."""
    if not _Union(_openings(calendar, shown)).contains(shown):
        return Refusal.HOURS
    return Refusal.TIME_OFF if _Union(calendar.time_off).overlaps(shown) else None


class _Union:
    """Times as disjoint ones in their order, those that touch joined."""

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
        """Tell whether all of a time is among these."""
        place = bisect_right(self._starts, span.start) - 1
        return place >= 0 and span.end <= self._ends[place]

    def overlaps(self, span: Span) -> bool:
        """Tell whether some of a time is among these."""
        place = bisect_right(self._ends, span.start)
        return place < len(self._starts) and self._starts[place] < span.end


def _openings(calendar: Calendar, window: Span) -> list[Span]:
    """Return working hours that touch a window, from the day before it: hours of one day can reach the next."""
    day = wall_of(calendar.zone, window.start).date() - timedelta(days=1)
    last = wall_of(calendar.zone, window.end).date()
    found = []
    while day <= last:
        for hours in calendar.hours:
            if hours.weekday == day.weekday():
                opens = instant_of(calendar.zone, day, hours.opens)
                found.append(Span(opens, instant_of(calendar.zone, day, hours.closes)))
        day += timedelta(days=1)
    return [span for span in found if span.start < span.end]


def _steps(opening: Span, step: int, earliest: int, latest: int) -> range:
    skipped = max(0, -(-(earliest - opening.start) // step))
    return range(opening.start + skipped * step, min(opening.end, latest), step)
