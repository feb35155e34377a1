"""GROQ's values: JSON as Python has it, instants and patterns of paths, with GROQ's types, equality and order."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

type Value = Any
"""None, a bool, number, text, list or dict of such, an `Instant` or a `PathPattern`."""

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[-+]\d{2}:\d{2})")
_ORDER = {"datetime": 1, "number": 2, "string": 3, "boolean": 4}
_LAST = 100


@dataclass(frozen=True, slots=True, order=True)
class Instant:
    """A point in time, as `dateTime()` makes it of a text; JSON knows it as a text in UTC."""

    at: datetime

    @classmethod
    def parse(cls, text: str) -> "Instant | None":
        """Return the instant of an RFC 3339 text, or None."""
        if not _RFC3339.fullmatch(text):
            return None
        try:
            return cls(datetime.fromisoformat(text).astimezone(UTC))
        except ValueError:
            return None

    def later(self, seconds: float) -> "Instant":
        """Return the instant so many seconds later."""
        return Instant(self.at + timedelta(seconds=seconds))

    def __str__(self) -> str:
        whole = self.at.strftime("%Y-%m-%dT%H:%M:%S")
        milliseconds = self.at.microsecond // 1_000
        return whole + (f".{milliseconds:03}Z" if milliseconds else "Z")


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A pattern of ids: `*` matches one part between dots, `**` any number of them."""

    text: str

    def __contains__(self, id_: str) -> bool:
        parts = {"*": "[^.]+", "**": ".*"}
        pattern = r"\.".join(parts.get(part, re.escape(part)) for part in self.text.split("."))
        return re.fullmatch(pattern, id_) is not None


def type_of(value: Value) -> str:
    """Return the name of a value's type; a bool is no number."""
    names = (
        (bool, "boolean"),
        (int | float, "number"),
        (str, "string"),
        (list, "array"),
        (dict, "object"),
        (Instant, "datetime"),
        (PathPattern, "path"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def equal(left: Value, right: Value) -> bool:
    """Compare as `==` does: types apart are unequal, and so are arrays and objects, even to themselves."""
    kind = type_of(left)
    return kind == type_of(right) and kind not in {"array", "object", "path"} and bool(left == right)


def compare(left: Value, right: Value) -> int | None:
    """Return -1, 0 or 1, or None if the values have no order: different types, null, arrays, objects."""
    kind = type_of(left)
    if kind != type_of(right) or kind not in _ORDER:
        return None
    return int(left > right) - int(left < right)


def compare_all(left: Value, right: Value) -> int:
    """Compare as `order()` does, with an order for all values: by type first, null and the rest at the end."""
    ranks = [_ORDER.get(type_of(value), _LAST) for value in (left, right)]
    if ranks[0] != ranks[1]:
        return ranks[0] - ranks[1]
    return compare(left, right) or 0


def number(value: float | complex) -> Value:
    """Return a number as JSON writes it, 2 for 2.0; null for infinities and NaN, such as 1 / 0."""
    if isinstance(value, complex) or not math.isfinite(value):
        return None
    return int(value) if value == int(value) else value


def text_of(value: Value) -> str | None:
    """Return the text of a scalar, as `string()` gives it; None for null, arrays and objects."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return re.sub(r"e([-+])0+", r"e\1", str(number(value)))
    return str(value) if isinstance(value, str | Instant) else None


def plain(value: Value) -> Value:
    """Return the value as JSON has it."""
    if isinstance(value, Instant):
        return str(value)
    if isinstance(value, PathPattern):
        return value.text
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return number(value)
    return {name: plain(member) for name, member in value.items()} if isinstance(value, dict) else value
