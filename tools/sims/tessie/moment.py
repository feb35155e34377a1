"""A car's activity and readings at one instant of its history."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import atan2, cos, degrees, pi, radians, sin
from typing import Literal

from sims.tessie.cars import ANCHOR, DAY_S, Car
from sims.tessie.events import SENTRY_AFTER_S, Charge, Drive, Event, Idle
from sims.tessie.history import History

TIRED_S = 600  # after so long parked, Tessie stops polling: "waiting_for_sleep"
ASLEEP_S = 1_200
INSTALL_S = 1_500

type UpdateStatus = Literal["", "downloading", "available", "scheduled", "installing"]
type Activity = Literal["driving", "charging", "parked"]
type Status = Literal["awake", "waiting_for_sleep", "asleep"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Distances in miles, speed in mph, power in kW (negative into the pack), temperatures in C."""

    at: int
    car: Car
    event: Event
    activity: Activity
    status: Status
    odometer_mi: float
    range_mi: float
    spent_mi: float
    latitude: float
    longitude: float
    heading: int
    speed_mph: float
    power_kw: float
    climate: bool
    outside_c: float

    @property
    def percent(self) -> float:
        """State of charge, %."""
        return self.car.percent(self.range_mi, self.at)

    @property
    def sentry(self) -> bool:
        """Whether sentry mode watches."""
        return (
            isinstance(self.event, Idle) and self.event.draw.sentry and self.at >= self.event.start.at + SENTRY_AFTER_S
        )


def moment(history: History, at: int) -> Moment:
    """The car at `at` (epoch seconds; the history's first instant if before it)."""
    at = max(at, history.start)
    event = history.event_at(at)
    outside = round(history.weather.outside_c(at), 1)
    match event:
        case Drive():
            return _driving(history.car, event, at, outside)
        case Charge():
            return _charging(history.car, event, at, outside)
        case Idle():
            return _parked(history.car, event, at, outside)


def place_on_drive(drive: Drive, at: float) -> tuple[float, float]:
    """Latitude and longitude on the way: a line from start to end, bowed so that it is not straight."""
    share = drive.progress(at)
    north = drive.end.latitude - drive.start.latitude
    east = drive.end.longitude - drive.start.longitude
    bow = 0.12 * sin(pi * share) * (1 if drive.id % 2 else -1)
    latitude = drive.start.latitude + north * share - east * bow * cos(radians(drive.start.latitude))
    return round(latitude, 6), round(drive.start.longitude + east * share + north * bow, 6)


def _driving(car: Car, drive: Drive, at: int, outside: float) -> Moment:
    share = drive.progress(at)
    speed = drive.speed_mph(at)
    used = drive.start.range_mi - drive.end.range_mi
    latitude, longitude = place_on_drive(drive, at)
    return Moment(
        at,
        car,
        drive,
        "driving",
        "awake",
        odometer_mi=drive.start.odometer_mi + share * drive.distance_mi,
        range_mi=drive.start.range_mi - share * used,
        spent_mi=drive.start.spent_mi + share * used,
        latitude=latitude,
        longitude=longitude,
        heading=drive_heading(drive, at),
        speed_mph=speed,
        power_kw=speed * used / drive.distance_mi * car.battery.kwh_per_mi,
        climate=True,
        outside_c=outside,
    )


def drive_heading(drive: Drive, at: float) -> int:
    """Compass degrees of the way ahead; at the end, those of the last stretch."""
    near = min(at, drive.end.at - 10)
    latitude, longitude = place_on_drive(drive, near)
    next_latitude, next_longitude = place_on_drive(drive, near + 10)
    east = (next_longitude - longitude) * cos(radians(latitude))
    return round(degrees(atan2(east, next_latitude - latitude))) % 360


def _charging(car: Car, charge: Charge, at: int, outside: float) -> Moment:
    added = charge.end.range_mi - charge.start.range_mi
    mean_kw = added * car.battery.kwh_per_mi / (charge.end.at - charge.start.at) * 3600
    start = charge.start
    return Moment(
        at,
        car,
        charge,
        "charging",
        "awake",
        odometer_mi=start.odometer_mi,
        range_mi=start.range_mi + added * charge.progress(at),
        spent_mi=start.spent_mi,
        latitude=start.latitude,
        longitude=start.longitude,
        heading=parked_heading(charge),
        speed_mph=0.0,
        power_kw=-mean_kw * charge.pace(at),
        climate=False,
        outside_c=outside,
    )


def _parked(car: Car, idle: Idle, at: int, outside: float) -> Moment:
    elapsed = at - idle.start.at
    draw = idle.draw
    start = idle.start
    spent = draw.kwh(elapsed, idle.seconds) / car.battery.kwh_per_mi
    climate = at >= idle.end.at - draw.climate_s and draw.climate_s > 0
    status: Status = "awake"
    if not draw.sentry and not climate and elapsed >= TIRED_S:
        status = "asleep" if elapsed >= ASLEEP_S else "waiting_for_sleep"
    return Moment(
        at,
        car,
        idle,
        "parked",
        status,
        odometer_mi=start.odometer_mi,
        range_mi=start.range_mi - spent,
        spent_mi=start.spent_mi + spent,
        latitude=start.latitude,
        longitude=start.longitude,
        heading=parked_heading(idle),
        speed_mph=0.0,
        power_kw=draw.standby_kw + (draw.climate_kw if climate else 0),
        climate=climate,
        outside_c=outside,
    )


def parked_heading(event: Event) -> int:
    """The heading of a parked car: arbitrary, but constant for one stop."""
    return int(event.start.odometer_mi * 100) % 360


@dataclass(frozen=True, slots=True)
class Firmware:
    """The installed version, and the update that is on its way."""

    version: str
    status: UpdateStatus
    next_version: str
    next_at: int

    @property
    def coming(self) -> str:
        """The value of software_update.version: a space if there is no update (seen in real states)."""
        return self.next_version if self.status else " "


def firmware(car: Car, at: int) -> Firmware:
    """The car's firmware at an instant; installs happen at 2:30 in the car's night."""
    night = ANCHOR + 9_000 - car.build.utc_offset_s - car.firmware_days * DAY_S // 2
    period = car.firmware_days * DAY_S
    done = (at - INSTALL_S - night) // period
    next_at = night + (done + 1) * period
    left = next_at - at
    phases: tuple[tuple[int, UpdateStatus], ...] = (
        (0, "installing"),
        (7_200, "scheduled"),
        (44 * 3600, "available"),
        (46 * 3600, "downloading"),
    )
    status: UpdateStatus = next((name for limit, name in phases if left <= limit), "")
    return Firmware(_version(car, night + done * period), status, _version(car, next_at), next_at)


def _version(car: Car, installed_at: int) -> str:
    built = datetime.fromtimestamp(installed_at, UTC) - timedelta(days=12)
    year, week, _ = built.isocalendar()
    number = f"{year}.{max(2, week)}.{1 + car.firmware_days % 7}"
    return f"{number} {sha256(number.encode()).hexdigest()[:12]}"
