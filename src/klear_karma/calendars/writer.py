"""iCalendar (RFC 5545): a feed as octets, folded into lines of at most 75 octets without splitting a character."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LONGEST_LINE = 75
"""Most octets of a line, without its line break."""
MEDIA_TYPE = "text/calendar; charset=utf-8"

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
"""Characters not allowed in a text: controls except tab and line feed, other line breaks, and non-characters."""


class Event(NamedTuple):
    """An event; instants are as stored (`2027-03-28 09:00:00`, UTC), `status` is a value of RFC 5545.

    `stamp` is the row's last change, so that an unchanged event gives the same octets.
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
    """Return a named calendar with its events."""
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
    """Return a text as a value: line breaks, commas, semicolons and backslashes escaped, controls removed."""
    plain = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    escaped = plain.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\n", "\\n")


def fold(line: str) -> bytes:
    """Return a line in UTF-8 with its line break, folded if it is too long."""
    octets = line.encode()
    parts = []
    place = 0
    room = LONGEST_LINE
    while len(octets) - place > room:
        end = place + room
        while octets[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        parts.append(octets[place:end])
        place = end
        room = LONGEST_LINE - 1
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
