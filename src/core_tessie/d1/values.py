"""A column's value in its three forms: a filter's text, a body's JSON, and SQLite's value."""

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from edge.data import Column, Kind
from edge.ports import Row, Value

EXPECTED = {
    Kind.TEXT: "text without NUL characters",
    Kind.INTEGER: "an integer below 2^53 in size",
    Kind.REAL: "a finite number",
    Kind.BOOLEAN: "true or false",
    Kind.INSTANT: "an ISO 8601 instant, such as 2025-06-01T12:00:00Z or 2025-06-01",
    Kind.JSON: "JSON without NUL characters or infinite numbers",
}
"""The values of each kind of column, in words."""

EXACT = 2**53
"""Integers from here on are not exact in every client."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,16}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LOST_PLUS = re.compile(r"(:[0-9]{2}(?:[.,][0-9]+)?) ([0-9]{2}(?::?[0-9]{2})?)$")
_STORED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}")
_FLAGS = {"true": 1, "false": 0, "1": 1, "0": 0}


def instant(text: str) -> str:
    """Return an ISO 8601 instant as it is stored, UTC to the second; ValueError or OverflowError for anything else.

    Without an offset it is UTC, without a time midnight. A fraction of a second is cut.
    """
    # In a query string an unescaped "+02:00" arrives as " 02:00".
    moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text).upper())
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(" ", "seconds")


def from_text(column: Column, text: str) -> Value:
    """Return a filter's text as a value of a column; ValueError if the column cannot hold it."""
    try:
        return _FROM_TEXT[column.kind](text)
    except (ValueError, OverflowError):
        raise ValueError(EXPECTED[column.kind]) from None


def from_body(column: Column, value: JsonValue) -> Value:
    """Return a JSON value, not null, as the column stores it; ValueError if it does not fit."""
    try:
        return _FROM_BODY[column.kind](value)
    except (ValueError, OverflowError):
        raise ValueError(EXPECTED[column.kind]) from None


def is_writable(column: Column) -> bool:
    """Tell whether a caller may write a column; the database sets generated ones and defaults by expression."""
    return not (column.expression or column.is_generated)


def render(columns: Iterable[Column], rows: list[Row]) -> list[Row]:
    """Convert stored rows, in place, into the form of an answer: flags as booleans, JSON as JSON."""
    casts = [(column.name, _RENDER[column.kind]) for column in columns if column.kind in _RENDER]
    for row in rows if casts else ():
        for name, cast in casts:
            if row[name] is not None:
                row[name] = cast(row[name])
    return rows


def _integer(number: int) -> int:
    if abs(number) >= EXACT:
        raise ValueError
    return number


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError
    return number


def _matched(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError
    return text


def _flag(text: str) -> int:
    if text.lower() not in _FLAGS:
        raise ValueError
    return _FLAGS[text.lower()]


_FROM_TEXT: dict[Kind, Callable[[str], Value]] = {
    Kind.TEXT: str,
    Kind.INTEGER: lambda text: _integer(int(_matched(_INTEGER, text))),
    Kind.REAL: lambda text: _finite(float(_matched(_NUMBER, text))),
    Kind.BOOLEAN: _flag,
    Kind.INSTANT: instant,
}


def _body_text(value: JsonValue) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError
    return value


def _body_integer(value: JsonValue) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError
    return _integer(value)


def _body_number(value: JsonValue) -> float:
    return _finite(value) if isinstance(value, float) else float(_body_integer(value))


def _body_flag(value: JsonValue) -> int:
    if not isinstance(value, bool):
        raise ValueError
    return int(value)


def _body_json(value: JsonValue) -> str:
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            pending += part.keys()
            pending += part.values()
        elif isinstance(part, list):
            pending += part
        elif (isinstance(part, str) and "\0" in part) or (isinstance(part, float) and not math.isfinite(part)):
            raise ValueError
    return to_json(value).decode()


_FROM_BODY: dict[Kind, Callable[[JsonValue], Value]] = {
    Kind.TEXT: _body_text,
    Kind.INTEGER: _body_integer,
    Kind.REAL: _body_number,
    Kind.BOOLEAN: _body_flag,
    Kind.INSTANT: lambda value: instant(_body_text(value)),
    Kind.JSON: _body_json,
}


def _parsed(text: str) -> object:
    try:
        return from_json(text)
    except ValueError:
        return text


def _shown_instant(text: str) -> str:
    """Return a stored instant as RFC 3339 has it, which a browser does not take for local time."""
    return f"{text.replace(' ', 'T', 1)}Z" if _STORED.fullmatch(text) else text


_RENDER: dict[Kind, Callable[..., object]] = {Kind.BOOLEAN: bool, Kind.JSON: _parsed, Kind.INSTANT: _shown_instant}
