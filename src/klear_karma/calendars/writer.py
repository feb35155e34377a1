"""iCalendar (RFC 5545): events of a feed as octets, each line of 75 at most, no character cut."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LONGEST_LINE = 75
"""Octets of a line without its break."""
MEDIA_TYPE = "text/calendar; charset=utf-8"

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
"""Characters that a text cannot hold: controls but tab and line feed, other line breaks, and no characters."""


class Event(NamedTuple):
    """An event; instants are stored ones (`2027-03-28 09:00:00`, UTC), `status` is a word of RFC 5545.

    `stamp` is the row's last change: what does not change is written as the same octets.
    """

    uid: str
    sequence: int
    stamp: str
    starts_at: str
    ends_at: str
    status: str
    summary: str
    description: str = ""
    location: str = ""
    url: str = ""


def calendar(name: str, events: Iterable[Event]) -> bytes:
    """Return a calendar of events that is published under a name."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//klear karma//appointments//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{escape(name)}",
        f"X-WR-CALNAME:{escape(name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
    ]
    for event in events:
        lines += _lines(event)
    lines.append("END:VCALENDAR")
    return b"".join(fold(line) for line in lines)


def escape(text: str) -> str:
    """Return a text as a value: its line breaks, commas, semicolons and backslashes escaped, controls left out."""
    plain = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    escaped = plain.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\n", "\\n")


def fold(line: str) -> bytes:
    """Return a line in UTF-8 with its break, continued where it has more octets than fit."""
    octets = line.encode()
    parts, place, room = [], 0, LONGEST_LINE
    while len(octets) - place > room:
        end = place + room
        while octets[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        parts.append(octets[place:end])
        place, room = end, LONGEST_LINE - 1
    parts.append(octets[place:])
    return b"\r\n ".join(parts) + b"\r\n"


def _lines(event: Event) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{escape(event.uid)}"
    yield f"SEQUENCE:{event.sequence}"
    yield f"DTSTAMP:{_instant(event.stamp)}"
    yield f"LAST-MODIFIED:{_instant(event.stamp)}"
    yield f"DTSTART:{_instant(event.starts_at)}"
    yield f"DTEND:{_instant(event.ends_at)}"
    yield f"STATUS:{event.status}"
    yield f"TRANSP:{'TRANSPARENT' if event.status == 'CANCELLED' else 'OPAQUE'}"
    yield f"SUMMARY:{escape(event.summary)}"
    for name, text in (("DESCRIPTION", event.description), ("LOCATION", event.location)):
        if text:
            yield f"{name}:{escape(text)}"
    if event.url:
        yield f"URL:{_CONTROLS.sub('', event.url)}"
    yield "END:VEVENT"


def _instant(stored: str) -> str:
    return stored.replace("-", "").replace(":", "").replace(" ", "T") + "Z"
