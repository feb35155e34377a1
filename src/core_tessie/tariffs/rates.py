"""A tariff's body and its rates: prices, and the hours, weekdays, seasons and dates at which they hold."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from core_tessie.tessie.vin import Vin
from edge.text import Matching
from edge.zones import zone_of

LATER = ConfigDict(extra="forbid", defer_build=True, allow_inf_nan=False, validate_by_name=True)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_RATES = 50
DAY = timedelta(days=1)

_CLOCK = Matching(r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)", "a time of day from 00:00 to 24:00")
_DATE = Matching(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date such as 2026-01-31")
_SEASON_DAY = Matching(r"[0-9]{2}-[0-9]{2}", "a day of the year such as 10-31")


def _known_zone(name: str) -> str:
    zone_of(name)
    return name


def _season_day(text: str) -> str:
    date.fromisoformat(f"2024-{text}")  # a leap year
    return text


def _date(text: str) -> str:
    date.fromisoformat(text)
    return text


type Clock = Annotated[str, _CLOCK]
type Day = Annotated[str, _DATE, AfterValidator(_date)]
type SeasonDay = Annotated[str, _SEASON_DAY, AfterValidator(_season_day)]
type Price = Annotated[float, Field(ge=-1_000_000, le=1_000_000)]
type Fee = Annotated[float, Field(ge=0, le=1_000_000)]


class Season(BaseModel):
    """A part of each year, from its first to its last day; it may cross New Year."""

    model_config = LATER

    first: SeasonDay = Field(alias="from")
    last: SeasonDay = Field(alias="to")

    def holds(self, day: date) -> bool:
        """Tell whether a day is in the season."""
        text = f"{day:%m-%d}"
        if self.first <= self.last:
            return self.first <= text <= self.last
        return text >= self.first or text <= self.last


class Rate(BaseModel):
    """Prices, and the times at which they hold. A window across midnight belongs to the day that it begins on."""

    model_config = LATER

    name: str | None = Field(None, max_length=100)
    per_kwh: Price = 0.0
    per_minute: Fee = 0.0
    per_session: Fee = Field(0.0, description="once a charge, by the rate at its begin")
    begins: Clock | None = Field(None, alias="from", description="local time")
    ends: Clock | None = Field(None, alias="to", description="exclusive; before `from` if it crosses midnight")
    weekdays: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None = Field(
        None, min_length=1, max_length=7
    )
    season: Season | None = None
    valid_from: Day | None = Field(None, description="first local day")
    valid_until: Day | None = Field(None, description="last local day")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.begins is None) != (self.ends is None):
            raise ValueError("give both from and to, or neither")
        if self.begins is not None and self.begins in {self.ends, "24:00"}:
            raise ValueError("from must be before 24:00 and differ from to; omit both for the whole day")
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("valid_until must not be before valid_from")
        return self

    @property
    def is_constant(self) -> bool:
        """Tell whether the rate holds at all times."""
        conditions = (self.begins, self.weekdays, self.season, self.valid_from, self.valid_until)
        return all(condition is None for condition in conditions)

    def holds(self, local: datetime) -> bool:
        """Tell whether the rate holds at a local time."""
        day = self._day(local)
        if day is None:
            return False
        text = day.isoformat()
        return (
            (self.weekdays is None or WEEKDAYS[day.weekday()] in self.weekdays)
            and (self.season is None or self.season.holds(day))
            and (self.valid_from is None or text >= self.valid_from)
            and (self.valid_until is None or text <= self.valid_until)
        )

    def _day(self, local: datetime) -> date | None:
        """Return the day that the window around a local time begins on, None outside the window."""
        day = local.date()
        if self.begins is None or self.ends is None:
            return day
        text = f"{local:%H:%M}"
        if self.begins < self.ends:
            return day if self.begins <= text < self.ends else None
        if text >= self.begins:
            return day
        return day - DAY if text < self.ends else None

    def edges(self) -> list[time]:
        """Return the times of day at which the rate begins or ends."""
        clocks = [clock for clock in (self.begins, self.ends) if clock not in {None, "24:00"}]
        return [time.fromisoformat(clock) for clock in clocks if clock]


class TariffBody(BaseModel):
    """Prices at a place. Of several tariffs that fit a charge the one for its vehicle, then the nearest place, counts.

    The first rate that holds is the price of each minute; if none holds, a charge has no estimate.
    """

    model_config = LATER

    name: str = Field(min_length=1, max_length=100)
    vin: Vin | None = Field(None, description="absent for all vehicles")
    currency: Annotated[str, Matching(r"[A-Z]{3}", "an ISO 4217 code such as EUR")]
    timezone: Annotated[str, Field(max_length=64), AfterValidator(_known_zone)] | None = Field(
        None, description="IANA name of the place's clocks; absent: the car's own UTC offset, as last reported"
    )
    saved_location: str | None = Field(None, min_length=1, max_length=200, description="a saved location's name")
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    radius_m: float | None = Field(None, gt=0, le=500_000)
    charger: Literal["supercharger", "fast", "other"] | None = Field(
        None, description="absent for all; `fast` are fast chargers that are no Superchargers"
    )
    rates: list[Rate] = Field(min_length=1, max_length=MOST_RATES)

    @model_validator(mode="after")
    def _check(self) -> Self:
        circle = (self.latitude, self.longitude, self.radius_m)
        if any(part is not None for part in circle) and any(part is None for part in circle):
            raise ValueError("give all of latitude, longitude and radius_m, or none")
        if self.saved_location is not None and self.latitude is not None:
            raise ValueError("give a saved location or a circle as the place, not both")
        if self.saved_location is not None and not self.saved_location.strip():
            raise ValueError("saved_location must not be blank")
        return self
