"""Types of values in bodies and queries: texts, days, instants, time zones, places and money."""

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from edge.text import Matching
from edge.zones import LONGEST_NAME, zone_of
from klear_karma.money import DIGITS

LARGEST_PRICE = 1_000_000_000
_LINE = Matching(r"[^\x00-\x1f\x7f]*", "one line of text, without control characters")
_TEXT = Matching(r"[^\x00-\x08\x0b-\x1f\x7f]*", "text without control characters")
_DATE = Matching(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", "a date of the years 2000 to 2099, such as 2027-03-28")
_CLOCK = Matching(r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)", "a time of day from 00:00 to 24:00")
_INSTANT = Matching(
    r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})",
    "an instant of the years 2000 to 2099 with an offset, such as 2027-03-28T09:00:00Z",
)


def _is_filled(text: str) -> str:
    if not text.strip():
        raise ValueError("the text must not be blank")
    return text.strip()


def _is_date(text: str) -> str:
    date.fromisoformat(text)
    return text


def _is_instant(text: str) -> str:
    moment_of(text)
    return text


def _is_zone(name: str) -> str:
    zone_of(name)
    return name


def _is_currency(code: str) -> str:
    if code not in DIGITS:
        raise ValueError("must be a currency of ISO 4217, such as EUR")
    return code


type Line = Annotated[str, Field(max_length=200), _LINE]
type Name = Annotated[str, Field(min_length=1, max_length=80), _LINE, AfterValidator(_is_filled)]
type Word = Annotated[str, Field(min_length=1, max_length=40), _LINE, AfterValidator(_is_filled)]
type Text = Annotated[str, Field(max_length=4_000), _TEXT]
type Day = Annotated[str, _DATE, AfterValidator(_is_date), Field(examples=["2027-03-28"])]
type Clock = Annotated[str, _CLOCK, Field(examples=["09:00"])]
type Instant = Annotated[str, _INSTANT, AfterValidator(_is_instant), Field(examples=["2027-03-28T09:00:00Z"])]
type Zone = Annotated[
    str, Field(min_length=1, max_length=LONGEST_NAME, examples=["Europe/Berlin"]), AfterValidator(_is_zone)
]
type Currency = Annotated[
    str,
    Matching(r"[A-Z]{3}", "a currency of ISO 4217, such as EUR"),
    AfterValidator(_is_currency),
    WithJsonSchema({"type": "string", "enum": sorted(DIGITS)}),
]
type Price = Annotated[int, Field(ge=0, le=LARGEST_PRICE, description="in the currency's minor unit, such as cents")]
type Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
type Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
type Id = Annotated[str, Field(min_length=1, max_length=64), Matching(r"[A-Za-z0-9_-]+", "an id")]


def moment_of(text: str) -> datetime:
    """Parse an instant into UTC; raises `ValueError` for a day or an hour that does not exist."""
    return datetime.fromisoformat(text).astimezone(UTC)


def minutes_of(clock: str) -> int:
    """Return the minutes after midnight of a time of day."""
    return int(clock[:2]) * 60 + int(clock[3:])


def clock_of(minutes: int) -> str:
    """Return the time of day of a number of minutes after midnight."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
