"""The events of a car's history: drives, charges and idles between marks."""

from dataclasses import dataclass

from sims.tessie.cars import Place

SENTRY_AFTER_S = 60  # sentry mode comes on so long after the car is parked


@dataclass(frozen=True, slots=True)
class Mark:
    """The car's hidden condition between two events, which share it: so nothing can jump.

    `range_mi` is the pack's energy in rated miles, `spent_mi` all the rated miles ever drawn from it.
    """

    at: int
    odometer_mi: float
    range_mi: float
    spent_mi: float
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Drive:
    """A drive; temperatures are averages in C."""

    id: int
    start: Mark
    end: Mark
    origin: Place
    place: Place
    max_mph: int
    inside_c: float
    outside_c: float
    autopilot_mi: float
    tag: str | None
    driver: str

    @property
    def distance_mi(self) -> float:
        """Miles on the odometer."""
        return self.end.odometer_mi - self.start.odometer_mi

    @property
    def ramp(self) -> float:
        """Share of the time spent speeding up (and as much slowing down) in a trapezoid of speed."""
        average = self.distance_mi * 3600 / (self.end.at - self.start.at)
        return min(0.5, max(0.02, 1 - average / self.max_mph))

    def progress(self, at: float) -> float:
        """Share of the distance covered at an instant, 0..1."""
        part = (at - self.start.at) / (self.end.at - self.start.at)
        ramp = self.ramp
        if part < ramp:
            return part * part / (2 * ramp * (1 - ramp))
        if part > 1 - ramp:
            return 1 - (1 - part) ** 2 / (2 * ramp * (1 - ramp))
        return (part - ramp / 2) / (1 - ramp)

    def speed_mph(self, at: float) -> float:
        """Speed at an instant; its integral is the distance."""
        part = (at - self.start.at) / (self.end.at - self.start.at)
        ramp = self.ramp
        top = self.distance_mi * 3600 / (self.end.at - self.start.at) / (1 - ramp)
        return top * max(0.0, min(1.0, part / ramp, (1 - part) / ramp))


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge; `cost` in the currency of the car's prices, `used_kwh` drawn from the wall."""

    id: int
    start: Mark
    end: Mark
    place: Place
    used_kwh: float | None
    cost: float | None

    @property
    def fast(self) -> bool:
        """Whether it is direct current."""
        return self.place.kind == "supercharger"

    def progress(self, at: float) -> float:
        """Share of the energy that is in, 0..1: straight on AC, bent as a fast charge slows on DC."""
        part = (at - self.start.at) / (self.end.at - self.start.at)
        return part * (1.5 - 0.5 * part) if self.fast else part

    def pace(self, at: float) -> float:
        """Power at an instant over the mean power."""
        part = (at - self.start.at) / (self.end.at - self.start.at)
        return 1.5 - part if self.fast else 1.0


@dataclass(frozen=True, slots=True)
class Draw:
    """The draw of a parked car: always, and in the last `climate_s` seconds before it leaves."""

    standby_kw: float
    sentry: bool
    climate_s: int = 0
    climate_kw: float = 0.0

    def kwh(self, elapsed_s: float, whole_s: float) -> float:
        """Energy drawn after so many seconds of an idle of `whole_s`."""
        climate = max(0.0, elapsed_s - (whole_s - self.climate_s)) * self.climate_kw
        return (elapsed_s * self.standby_kw + climate) / 3600


@dataclass(frozen=True, slots=True)
class Idle:
    """Neither driving nor charging; `plugged` after a charge until the car leaves."""

    id: int
    start: Mark
    end: Mark
    place: Place
    draw: Draw
    plugged: bool

    @property
    def seconds(self) -> int:
        """How long it lasts."""
        return self.end.at - self.start.at

    @property
    def sentry_share(self) -> float:
        """Share of the time that sentry mode was on, 0..1."""
        return max(0.0, 1 - SENTRY_AFTER_S / self.seconds) if self.draw.sentry else 0.0


type Event = Drive | Charge | Idle
