"""iCalendar output, read by the package icalendar, and its octets by RFC 5545."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from klear_karma.calendars.writer import LONGEST_LINE, Event, calendar, escape, fold

EVENT = Event(
    uid="0b3d@klear.example",
    sequence=2,
    stamp="2027-03-01 10:00:00",
    starts_at="2027-03-28 09:00:00",
    ends_at="2027-03-28 10:30:00",
    status="CONFIRMED",
    summary="Reiki, deep; with Łukasz \\o/",
    description="one\ntwo\r\nthree\rfour",
    location="Straße 1, Köln",
    url="https://klear.example/appointments/0b3d",
)


def read_by_package(octets: bytes) -> Any:
    """Parse a calendar by the package."""
    return Calendar.from_ical(octets)


def test_event_is_read_as_it_was_written() -> None:
    read = read_by_package(calendar("Sessions, of Łukasz", [EVENT]))
    (event,) = read.walk("VEVENT")
    assert read["NAME"] == r"Sessions\, of Łukasz"  # the package does not parse names of RFC 7986 as texts
    assert event["UID"] == EVENT.uid
    assert event["SEQUENCE"] == 2
    assert event["DTSTART"].dt == datetime(2027, 3, 28, 9, tzinfo=UTC)
    assert event["DTEND"].dt == datetime(2027, 3, 28, 10, 30, tzinfo=UTC)
    assert event["DTSTAMP"].dt == datetime(2027, 3, 1, 10, tzinfo=UTC)
    assert event["SUMMARY"] == EVENT.summary
    assert event["DESCRIPTION"] == "one\ntwo\nthree\nfour"
    assert event["LOCATION"] == EVENT.location
    assert not read.errors
    assert not event.errors


def test_cancelled_event_takes_no_time() -> None:
    (event,) = read_by_package(calendar("x", [EVENT._replace(status="CANCELLED")])).walk("VEVENT")
    assert event["STATUS"] == "CANCELLED"
    assert event["TRANSP"] == "TRANSPARENT"


def test_same_events_are_the_same_octets() -> None:
    assert calendar("x", [EVENT]) == calendar("x", [EVENT])


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=400))
@example("é" * 80)
@example("🧘" * 60)
@example("a" * 62 + "🧘")
@example("BEGIN:VEVENT\r\nEND:VCALENDAR\r\n")
@example("\u2028\x85\x0b\x0c\x00\ud800")
def test_user_text_is_escaped(text: str) -> None:
    octets = calendar("x", [EVENT._replace(summary=text, description=text)])
    lines = octets.split(b"\r\n")
    assert lines[-1] == b""
    assert all(len(line) <= LONGEST_LINE for line in lines)
    assert all(line.decode() is not None for line in lines)  # no character is split
    assert b"\r" not in octets.replace(b"\r\n", b"")
    assert b"\n" not in octets.replace(b"\r\n", b"")
    read = read_by_package(octets)
    (event,) = read.walk("VEVENT")
    assert str(event["SUMMARY"]) == unescaped(escape(text))
    assert len(read.subcomponents) == 1


def unescaped(text: str) -> str:
    """Return the text of an escaped value."""
    plain = ""
    marks = iter(text)
    for mark in marks:
        following = next(marks) if mark == "\\" else ""
        plain += ("\n" if following == "n" else following) if following else mark
    return plain


def test_marks_of_the_format_are_escaped() -> None:
    octets = calendar("a, b", [EVENT._replace(summary="one; two, three", description="C:\\new\nline")])
    lines = octets.split(b"\r\n")
    assert {b"SUMMARY:one\\; two\\, three", b"DESCRIPTION:C:\\\\new\\nline", b"NAME:a\\, b"} <= {*lines}


@pytest.mark.parametrize("length", [74, 75, 76, 149, 150, 151])
def test_lines_are_folded_at_75_octets(length: int) -> None:
    folded = fold("x" * length)
    assert folded.replace(b"\r\n ", b"") == b"x" * length + b"\r\n"
    assert all(len(line) <= 75 for line in folded.split(b"\r\n"))
    assert folded.count(b"\r\n") == 1 + (length > 75) + (length > 149)
