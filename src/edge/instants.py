"""Instants in the databases' one form: UTC text 'YYYY-MM-DD HH:MM:SS', which sorts as time does."""

from datetime import UTC, datetime

from pydantic import AfterValidator

FORM = "%Y-%m-%d %H:%M:%S"


def _in_any_zone(moment: datetime) -> datetime:
    if not 2 <= moment.year <= 9998:
        raise ValueError("a year from 2 to 9998")
    return moment


IN_ANY_ZONE = AfterValidator(_in_any_zone)
"""Marks a datetime that will be converted to another time zone: those at the ends of the calendar cannot be."""


def to_text(moment: datetime) -> str:
    """Return an aware datetime in the stored form."""
    return _text(moment.astimezone(UTC))


def from_epoch(seconds: float) -> str:
    """Return Unix seconds in the stored form; `ValueError` outside the years 1 to 9999."""
    try:
        return _text(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, OSError) as fault:
        raise ValueError("not an instant") from fault


def _text(moment: datetime) -> str:
    """Return an instant of UTC as text; strftime() would write a year before 1000 with fewer digits."""
    return moment.isoformat(" ", "seconds")[:19]


def from_text(text: str) -> datetime:
    """Return a stored instant."""
    return datetime.strptime(text, FORM).replace(tzinfo=UTC)


def to_epoch(text: str) -> int:
    """Return the Unix seconds of a stored instant."""
    return int(from_text(text).timestamp())
