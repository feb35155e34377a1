"""The model of one simulated car: places, battery, habits, chargers and quirks."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import asin, cos, radians, sin, sqrt
from typing import Literal

DAY_S = 86_400
YEAR_S = 365.25 * DAY_S
# Ageing and firmware are counted from here, independent of the start of a fleet's history.
ANCHOR = int(datetime(2025, 11, 1, tzinfo=UTC).timestamp())
MILE_M = 1_609.344
EARTH_M = 6_371_008.8

type Kind = Literal["home", "work", "errand", "supercharger", "hotel"]

_VIN_VALUES = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, *range(2, 10)), strict=True)
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def checked_vin(pattern: str) -> str:
    """The VIN with its check digit in place of the 9th character, `_` in the pattern (49 CFR 565.15)."""
    values = [_VIN_VALUES.get(sign) or (int(sign) if sign.isdigit() else 0) for sign in pattern]
    rest = sum(value * weight for value, weight in zip(values, _VIN_WEIGHTS, strict=True)) % 11
    return pattern.replace("_", "X" if rest == 10 else str(rest))


def distance_m(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle metres between two points in degrees (haversine)."""
    half_lat = radians(other_latitude - latitude) / 2
    half_lon = radians(other_longitude - longitude) / 2
    chord = sin(half_lat) ** 2 + cos(radians(latitude)) * cos(radians(other_latitude)) * sin(half_lon) ** 2
    return 2 * EARTH_M * asin(sqrt(chord))


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere a car stops; `saved` is the name its owner gave it."""

    kind: Kind
    address: str
    latitude: float
    longitude: float
    saved: str | None = None

    def beside(self, kind: Kind, address: str, north_mi: float, east_mi: float, saved: str | None = None) -> "Place":
        """Another place, so many miles north and east of this one."""
        degree_mi = 69.09
        latitude = self.latitude + north_mi / degree_mi
        longitude = self.longitude + east_mi / degree_mi / cos(radians(self.latitude))
        return Place(kind, address, round(latitude, 6), round(longitude, 6), saved)


@dataclass(frozen=True, slots=True)
class Region:
    """The car's destinations. A trip is the superchargers on the way, then the destination."""

    home: Place
    errands: tuple[Place, ...]
    supercharger: Place
    work: Place | None = None
    trips: tuple[tuple[Place, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Climate:
    """Outside temperature in C: yearly mean, yearly and daily swing, day-to-day spread."""

    mean_c: float
    yearly_c: float
    daily_c: float
    spread_c: float = 3.0


@dataclass(frozen=True, slots=True)
class Battery:
    """`kwh_per_mi` is the car's one k: kWh for each rated mile, in every record of that car."""

    rated_new_mi: float
    kwh_per_mi: float
    lost_share: float
    lost_share_per_year: float
    ideal_ratio: float = 1.0

    def max_range_mi(self, at: float) -> float:
        """Rated miles at 100 %, shrinking slowly with time."""
        return self.rated_new_mi * (1 - self.lost_share - self.lost_share_per_year * (at - ANCHOR) / YEAR_S)

    @property
    def original_kwh(self) -> float:
        """Capacity when new, kWh."""
        return self.rated_new_mi * self.kwh_per_mi


@dataclass(frozen=True, slots=True)
class Habits:
    """How the owner drives: chances for each day, and times in seconds after local midnight."""

    commute: float = 0.0
    lunch: float = 0.0
    errand: float = 0.3
    weekend_errands: tuple[int, int] = (1, 3)
    weekend_trip: float = 0.0
    leaves_s: int = 27_000
    sentry: frozenset[Kind] = frozenset()
    preconditions: bool = False
    business_tag: float = 0.0
    drivers: tuple[str, ...] = ("Owner",)


@dataclass(frozen=True, slots=True)
class Charging:
    """Home supply and prices; `off_peak_s` delays home charging to that second after midnight."""

    kw: float
    volts: int
    amps: int
    phases: int
    super_kw: float
    price: float | None
    super_price: float | None
    currency: str
    limit: int = 80
    plug_below: int = 65
    off_peak_s: int | None = None


@dataclass(frozen=True, slots=True)
class Build:
    """The fixed properties of the car's hardware."""

    car_type: str
    trim: str
    color: str
    wheels: str
    port: str
    utc_offset_s: int
    metric: bool
    telemetry: bool = True


@dataclass(frozen=True, slots=True)
class Car:
    """One simulated car. A `sparse` car answers with every null and absence the facts know of."""

    vin: str
    name: str
    vehicle_id: int
    odometer_mi: float
    build: Build
    battery: Battery
    region: Region
    climate: Climate
    charging: Charging
    habits: Habits
    firmware_days: int
    first_record: int
    plate: str | None = None
    sparse: bool = False
    id: int = field(default=0)

    def percent(self, range_mi: float, at: float) -> float:
        """State of charge, %, of so many rated miles at an instant."""
        return 100 * range_mi / self.battery.max_range_mi(at)
