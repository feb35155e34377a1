"""Points along a car's history: the rows of `/states` and the way of `/path`."""

from collections.abc import Iterator

from sims.tessie.events import Charge, Drive, Event, Idle
from sims.tessie.fleet import SimulatedCar
from sims.tessie.moment import Moment, drive_heading, firmware, place_on_drive
from sims.tessie.records import Json
from sims.tessie.state_charge import charging_state, supply
from sims.tessie.state_climate import inside_c

SIMPLE_STEP_S = 120
FINE_STEP_S = 30


def state_times(vehicle: SimulatedCar, since: int, until: int, interval_s: int) -> Iterator[int]:
    """Instants with a row, oldest first, at least `interval_s` apart, and rarer while little changes."""
    vehicle.grow()
    last = -interval_s
    for event in vehicle.history.between(since, until):
        step = max(_step_s(event), interval_s)
        first = event.start.at
        if first < since:
            first += -(-(since - first) // step) * step
        for at in range(first, min(event.end.at, until + 1), step):
            if at >= last + interval_s:
                last = at
                yield at


def _step_s(event: Event) -> int:
    if isinstance(event, Drive):
        return FINE_STEP_S
    if isinstance(event, Charge):
        return 60
    return 900 if event.draw.sentry else 3_600


def state_row(vehicle: SimulatedCar, at: int) -> Json:
    """One row of `/states`: 42 keys, booleans as 0 and 1."""
    seen = vehicle.moment(at)
    return {
        "id": vehicle.car.first_record * 10_000 + at,
        "timestamp": at,
        "state": "asleep" if seen.status == "asleep" else "online",
        **_charge_columns(seen),
        **_drive_columns(seen),
        **_climate_columns(seen),
        **dict.fromkeys(("df", "dr", "ft", "pf", "pr", "rt"), 0),
        "locked": int(seen.activity != "driving"),
        **dict.fromkeys(("fd_window", "fp_window", "rd_window", "rp_window"), 0),
        "sentry_mode": int(seen.sentry),
        "valet_mode": 0,
    }


def _charge_columns(seen: Moment) -> Json:
    volts, amps, phases = supply(seen)
    kilowatts = max(0.0, -seen.power_kw) if seen.activity == "charging" else 0.0
    added = seen.range_mi - seen.event.start.range_mi if seen.activity == "charging" else 0.0
    miles = round(seen.range_mi, 2)
    ideal = seen.car.battery.ideal_ratio
    return {
        "charging_state": charging_state(seen),
        "battery_level": round(seen.percent),
        "usable_battery_level": round(seen.percent),
        "battery_range": miles,
        "est_battery_range": round(miles * 0.91, 2),
        "ideal_battery_range": round(miles * ideal, 2),
        "charge_rate": round(kilowatts / seen.car.battery.kwh_per_mi, 1),
        "charger_actual_current": amps,
        "charger_power": round(kilowatts),
        "charger_phases": phases,
        "charger_voltage": volts,
        "charge_miles_added_rated": round(added, 2),
        "charge_miles_added_ideal": round(added * ideal, 2),
    }


def _drive_columns(seen: Moment) -> Json:
    driving = seen.activity == "driving"
    parked_gear = "P" if seen.status != "asleep" and not seen.car.sparse else None
    return {
        "shift_state": "D" if driving else parked_gear,
        "version": firmware(seen.car, seen.at).version.split(" ")[0],
        "latitude": seen.latitude,
        "longitude": seen.longitude,
        "elevation": None,
        "heading": seen.heading,
        "speed": round(seen.speed_mph) if driving else None,
        "power": round(seen.power_kw),
        "odometer": round(seen.odometer_mi, 2),
    }


def _climate_columns(seen: Moment) -> Json:
    bare = seen.car.sparse
    return {
        "is_climate_on": int(seen.climate),
        "is_preconditioning": int(seen.climate and seen.activity == "parked"),
        "battery_heater_on": 0,
        "inside_temp": None if bare else inside_c(seen),
        "outside_temp": None if bare else seen.outside_c,
        "left_temp_direction": 430,
        "right_temp_direction": 430,
    }


def condensed(rows: list[Json]) -> dict[str, list[object]]:
    """One object of arrays; each key's plural is the key and an s, `statuss` or not."""
    return {f"{key}s": [row[key] for row in rows] for key in (rows[0] if rows else {})}


def path_points(vehicle: SimulatedCar, drive: Drive, window: tuple[int, int], *, simplify: bool) -> list[Json]:
    """The way of one drive inside a window, both ends of the drive included."""
    step = SIMPLE_STEP_S if simplify else FINE_STEP_S
    instants = [*range(drive.start.at, drive.end.at, step), drive.end.at]
    return [_path_point(vehicle, drive, at) for at in instants if window[0] <= at <= window[1]]


def _path_point(vehicle: SimulatedCar, drive: Drive, at: int) -> Json:
    share = drive.progress(at)
    latitude, longitude = place_on_drive(drive, at)
    level = drive.start.range_mi + share * (drive.end.range_mi - drive.start.range_mi)
    assisted = drive.autopilot_mi > 0 and 0.2 < share < 0.2 + drive.autopilot_mi / drive.distance_mi
    return {
        "timestamp": at,
        "latitude": latitude,
        "longitude": longitude,
        "heading": drive_heading(drive, at),
        "battery_level": round(vehicle.car.percent(level, at)),
        "speed": round(drive.speed_mph(at)),
        "odometer": round(drive.start.odometer_mi + share * drive.distance_mi, 2),
        "autopilot": "Active" if assisted else "Standby" if drive.autopilot_mi else "Off",
    }


def drives_between(vehicle: SimulatedCar, since: int, until: int) -> list[Drive]:
    """Drives that overlap a window, oldest first, the one under way too."""
    vehicle.grow()
    return [event for event in vehicle.history.between(since, until) if isinstance(event, Drive)]


def idle_share_since(vehicle: SimulatedCar, since: int) -> float:
    """Rated miles lost while parked from an instant to now."""
    now = vehicle.moment()
    idles = (event for event in vehicle.history.between(since, now.at) if isinstance(event, Idle))
    lost = 0.0
    for idle in idles:
        left = now.range_mi if idle.end.at > now.at else idle.end.range_mi
        lost += idle.start.range_mi - left
    return lost
