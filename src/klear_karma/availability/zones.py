"""Time zones: instants of wall times, also on days of 23 or 25 hours; all in Unix seconds."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from edge import Problem
from edge.zones import UnknownZone, zone_of


class ZoneGone(Problem):
    """The practitioner's time zone no longer exists."""

    title = "The practitioner's time zone no longer exists"
    status = 409


class Span(NamedTuple):
    """A time from `start` to `end` (excluded), in Unix seconds."""

    start: int
    end: int

    def overlaps(self, other: "Span") -> bool:
        """Tell whether two times share an instant."""
        return self.start < other.end and other.start < self.end


def instant_of(zone: ZoneInfo, day: date, minutes: int = 0) -> int:
    """Return the first instant at which the clocks of a zone show `minutes` after midnight of a day, or later.

    A skipped wall time gives the instant of the skip; one that occurs twice gives its first occurrence.
    """
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    instant = int(wall.replace(tzinfo=zone).timestamp())
    if wall_of(zone, instant).replace(tzinfo=None) == wall:
        return instant
    before = int(wall.replace(tzinfo=zone, fold=1).timestamp())
    return _change_between(zone, before, instant)


def wall_of(zone: ZoneInfo, instant: int) -> datetime:
    """Return the wall time at an instant, with its offset from UTC."""
    return datetime.fromtimestamp(instant, UTC).astimezone(zone)


def zone_of_profile(name: str) -> ZoneInfo:
    """Return the zone of a profile; `ZoneGone` if newer time-zone data has removed it."""
    try:
        return zone_of(name)
    except UnknownZone:
        raise ZoneGone(f"{name} is not in the time-zone data any more: the profile needs another") from None


def days(zone: ZoneInfo, first: date, last: date) -> Span:
    """Return the time from the first instant of one day to the last instant of another."""
    return Span(instant_of(zone, first), instant_of(zone, last + timedelta(days=1)))


def _change_between(zone: ZoneInfo, before: int, after: int) -> int:
    """Return the instant between two others at which the offset changes."""
    offset = wall_of(zone, before).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if wall_of(zone, middle).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
