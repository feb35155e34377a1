"""Query parameters of Tessie's read endpoints, read strictly, and their filters of records."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from io import StringIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sims.tessie.cars import distance_m
from sims.tessie.records import Json, Units

DEFAULT_RADIUS_M = 100.0  # [U] undocumented


class BadQuery(Exception):
    """A parameter that Tessie would answer 400 to."""


type Query = Mapping[str, str]


def number(query: Query, name: str) -> float | None:
    """A numeric parameter, None if it is absent or empty."""
    text = query.get(name)
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise BadQuery(f"{name} must be a number") from None


def whole(query: Query, name: str, default: int, lowest: int = 1) -> int:
    """A whole parameter of at least `lowest`."""
    value = number(query, name)
    if value is None:
        return default
    if value != int(value) or value < lowest:
        raise BadQuery(f"{name} must be a whole number from {lowest}")
    return int(value)


def flag(query: Query, name: str, *, default: bool = False) -> bool:
    """A boolean parameter: the strings true and false."""
    text = query.get(name, "").lower()
    if text in ("true", "false"):
        return text == "true"
    if text:
        raise BadQuery(f"{name} must be true or false")
    return default


def choice(query: Query, name: str, options: tuple[str, ...]) -> str:
    """One of some words, the first by default."""
    value = query.get(name) or options[0]
    if value not in options:
        raise BadQuery(f"{name} must be one of {', '.join(options)}")
    return value


def units(query: Query) -> Units:
    """`distance_format` mi (default) or km, `temperature_format` c (default) or f."""
    km = choice(query, "distance_format", ("mi", "km")) == "km"
    return Units(km, choice(query, "temperature_format", ("c", "f")) == "f")


def timezone(query: Query) -> tzinfo:
    """`timezone`, an IANA name; UTC by default."""
    name = query.get("timezone") or "UTC"
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadQuery("timezone must be an IANA name") from None


@dataclass(frozen=True, slots=True)
class Window:
    """`from` and `to`, both inclusive epoch seconds, None if open."""

    since: float | None
    until: float | None

    @classmethod
    def of(cls, query: Query) -> "Window":
        """The window of a query."""
        return cls(number(query, "from"), number(query, "to"))

    @property
    def is_bounded(self) -> bool:
        """Whether the caller named either end."""
        return self.since is not None or self.until is not None

    def holds(self, at: float) -> bool:
        """Whether an instant is inside. [U] of a record, Tessie may mean any overlap: here it is its start."""
        return (self.since is None or self.since <= at) and (self.until is None or at <= self.until)

    def overlaps(self, started_at: float, ended_at: float | None) -> bool:
        """Whether a record's time and this window have an instant in common, which Tessie may mean as well."""
        is_before = self.since is not None and ended_at is not None and ended_at < self.since
        return not is_before and (self.until is None or started_at <= self.until)


def within(query: Query, prefix: str, keys: tuple[str, str]) -> Callable[[Json], bool]:
    """The filter `<prefix>_latitude/_longitude/_radius` (metres) over a record's two keys, or its opposite."""
    latitude, longitude = number(query, f"{prefix}_latitude"), number(query, f"{prefix}_longitude")
    radius = number(query, f"{prefix}_radius")
    exclude = flag(query, f"exclude_{prefix}")
    if latitude is None and longitude is None:
        return lambda _record: True
    if latitude is None or longitude is None:
        raise BadQuery(f"{prefix}_latitude and {prefix}_longitude go together")
    reach = DEFAULT_RADIUS_M if radius is None else radius
    return lambda record: (distance_m(latitude, longitude, record[keys[0]], record[keys[1]]) <= reach) is not exclude


def labelled(query: Query, name: str, label: Callable[[Json], object]) -> Callable[[Json], bool]:
    """The filter `<name>` with `exclude_<name>`, over a record's `label`."""
    chosen = query.get(name)
    exclude = flag(query, f"exclude_{name}")
    if not chosen:
        return lambda _record: True
    return lambda record: (label(record) == chosen) is not exclude


def at_least(query: Query, name: str, key: str) -> Callable[[Json], bool]:
    """The filter `<name>`: the record's number is not below it."""
    least = number(query, name)
    return lambda record: least is None or record[key] >= least


def page(query: Query, records: list[Json]) -> list[Json]:
    """`limit` after the sort, and `page` from 1 [U: single source] in steps of the limit."""
    if not query.get("limit"):
        return records if whole(query, "page", 1) == 1 else []
    size = whole(query, "limit", 1)
    first = (whole(query, "page", 1) - 1) * size
    return records[first : first + size]


def answer(request: Request, records: list[Json]) -> Response:
    """`{"results": …}`, or CSV with `format=csv`: a column for each key, times in the query's time zone [U]."""
    zone = timezone(request.query_params)
    if choice(request.query_params, "format", ("json", "csv")) == "json":
        return JSONResponse({"results": records})
    sheet = StringIO()
    if records:
        writer = csv.DictWriter(sheet, fieldnames=list(records[0]))
        writer.writeheader()
        writer.writerows({key: _cell(key, value, zone) for key, value in record.items()} for record in records)
    return Response(sheet.getvalue(), media_type="text/csv")


def _cell(key: str, value: object, zone: tzinfo) -> object:
    is_time = key.endswith("_at") or key == "timestamp"
    if is_time and isinstance(value, int):
        return datetime.fromtimestamp(value, zone).strftime("%Y-%m-%d %H:%M:%S")
    return value
