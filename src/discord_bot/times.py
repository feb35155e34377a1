"""Instants in the words that people use: in the zone that they belong to, right across a change of daylight saving."""

from datetime import datetime
from zoneinfo import ZoneInfo

from edge.zones import UnknownZone
from edge.zones import zone_of as known_zone


def zone_of(name: str | None, otherwise: str) -> ZoneInfo:
    """Return the zone called `name`, or the other if there is none of that name."""
    try:
        return known_zone(name or otherwise)
    except UnknownZone:
        return known_zone(otherwise)


def aware(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return an instant in a zone; one without a zone is read in this one."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(zone)


def spoken(moment: datetime, zone: ZoneInfo, until: str = "") -> str:
    """Return an instant as the zone's clocks show it, with the zone's name; `until` goes behind the hour."""
    local = aware(moment, zone)
    return f"{local:%A}, {local.day} {local:%B %Y, %H:%M}{until} ({zone.key})"


def stamped(moment: datetime, zone: ZoneInfo, style: str = "F") -> str:
    """Return Discord's own form, which each reader sees in the zone of their device; `R` shows the time until then."""
    return f"<t:{int(aware(moment, zone).timestamp())}:{style}>"


def span(start: datetime, end: datetime | None, zone: ZoneInfo) -> str:
    """Return a time span in both forms; the end by its hour alone if it is on the same day."""
    text = spoken(start, zone)
    if end is not None:
        last = aware(end, zone)
        ends_that_day = last.date() == aware(start, zone).date()
        text = spoken(start, zone, f" to {last:%H:%M}") if ends_that_day else f"{text} to {spoken(end, zone)}"
    return f"{text}\n{stamped(start, zone)} ({stamped(start, zone, 'R')})"
