"""Time zones: instants of wall times, also on days that are longer or shorter than others; all in Unix seconds."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Span(NamedTuple):
    """A time from `start` to `end`, which it does not include, in Unix seconds."""

    start: int
    end: int

    def overlaps(self, other: "Span") -> bool:
        """Tell whether both share an instant."""
        return self.start < other.end and other.start < self.end


def instant_of(zone: ZoneInfo, day: date, minutes: int = 0) -> int:
    """Return the first instant at which the clocks of a zone show `minutes` after midnight of a day, or later.

    A wall time that clocks skip is thus the instant of the skip, and one that comes twice is its first coming.
    """
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    instant = int(wall.replace(tzinfo=zone).timestamp())
    if wall_of(zone, instant).replace(tzinfo=None) == wall:
        return instant
    before = int(wall.replace(tzinfo=zone, fold=1).timestamp())
    return _change_between(zone, before, instant)


def wall_of(zone: ZoneInfo, instant: int) -> datetime:
    """Return what clocks show at an instant, with the offset."""
    return datetime.fromtimestamp(instant, UTC).astimezone(zone)


def days(zone: ZoneInfo, first: date, last: date) -> Span:
    """Return the time from the first instant of a day to the last of another."""
    return Span(instant_of(zone, first), instant_of(zone, last + timedelta(days=1)))


def _change_between(zone: ZoneInfo, before: int, after: int) -> int:
    """Return the instant between two at which the offset changes."""
    offset = wall_of(zone, before).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if wall_of(zone, middle).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
