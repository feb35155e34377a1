"""The period of a report: two instants, and the local days between them as ranges of one UTC offset each."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import NamedTuple

from edge.instants import to_text
from edge.zones import zone_of

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
_OFFSET = re.compile(r"UTC([+-])(0[0-9]|1[0-4]):([0-5][0-9])")


def zone_named(name: str) -> tzinfo:
    """Return the zone of an IANA name, or of an offset such as UTC+05:30; `UnknownZone` if there is none."""
    if not (offset := _OFFSET.fullmatch(name)):
        return zone_of(name)
    minutes = int(offset[2]) * 60 + int(offset[3])
    return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))


def offset_name(seconds: int) -> str:
    """Return the name of the zone with an offset in seconds; UTC for an offset beyond 14 hours."""
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"UTC{'-' if seconds < 0 else '+'}{hours:02}:{minutes:02}" if seconds and hours <= 14 else "UTC"


class Period(NamedTuple):
    """From `start` to `end` (exclusive), in UTC and whole seconds; days are those of the time zone called `zone`."""

    start: datetime
    end: datetime
    zone: str

    def local(self, moment: datetime) -> datetime:
        """Return an instant as the clocks of the zone show it."""
        return moment.astimezone(zone_named(self.zone))

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last local day that the period touches."""
        return self.local(self.start).date(), self.local(self.end - SECOND).date()

    def shifts(self) -> list[tuple[str, str, str]]:
        """Return the period as stretches of one UTC offset: since, until, and the offset as SQLite's date() takes it.

        So SQL finds the local day of an instant, through every change of the clocks, from a handful of values.
        """
        zone = zone_named(self.zone)
        edges = [self.start, *_changes(self.start, self.end, zone), self.end]
        return [
            (to_text(since), to_text(until), f"{_offset_s(since, zone):+d} seconds") for since, until in pairwise(edges)
        ]


def instant_of(text: str, zone: str) -> datetime:
    """Return an ISO 8601 date or instant in UTC, in whole seconds; without an offset it is on the zone's clocks.

    A date is its midnight or, if the clocks skip that, the first instant after it. `ValueError` for an invalid day or
    hour.
    """
    local = datetime.fromisoformat(text) if "T" in text else datetime.combine(date.fromisoformat(text), time())
    aware = local if local.tzinfo else local.replace(tzinfo=zone_named(zone))
    return aware.astimezone(UTC).replace(microsecond=0)


def _changes(start: datetime, end: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Yield the instants at which the zone's offset changes."""
    since = start
    while since < end:
        until = min(since + DAY, end)
        if _offset_s(since, zone) != _offset_s(until, zone):
            yield _change(since, until, zone)
        since = until


def _change(since: datetime, until: datetime, zone: tzinfo) -> datetime:
    """Return the first second with the same offset as `until`."""
    while until - since > SECOND:
        middle = since + timedelta(seconds=(until - since) // SECOND // 2)
        if _offset_s(middle, zone) == _offset_s(until, zone):
            until = middle
        else:
            since = middle
    return until


def _offset_s(moment: datetime, zone: tzinfo) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0
