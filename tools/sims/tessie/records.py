"""Drives, charges and idles as Tessie answers them, in miles and C, and in other units."""

from dataclasses import dataclass
from typing import Any

from sims.tessie.cars import Car
from sims.tessie.events import Charge, Drive, Idle, Mark

# JSON objects at the API; inside, the simulator is typed.
type Json = dict[str, Any]

KM_PER_MI = 1.609344
_DISTANCES = frozenset(
    {
        "average_speed",
        "max_speed",
        "speed",
        "charge_rate",
        "rated_range_used",
        "rated_range_used_by_driving",
        "ideal_range_used",
        "ideal_range_used_by_driving",
        "odometer_distance",
        "autopilot_distance",
        "distance_driven",
        "odometer",
        "starting_odometer",
        "ending_odometer",
        "miles_added",
        "miles_added_ideal",
        "charge_miles_added_rated",
        "charge_miles_added_ideal",
        "max_range",
        "max_ideal_range",
        "battery_range",
        "est_battery_range",
        "ideal_battery_range",
    }
)
_TEMPERATURES = frozenset(
    {
        "average_inside_temperature",
        "average_outside_temperature",
        "inside_temp",
        "outside_temp",
    }
)


@dataclass(frozen=True, slots=True)
class Units:
    """The caller's choice. Tessie's own default is the odd mix of miles and Celsius."""

    km: bool = False
    fahrenheit: bool = False

    def convert(self, record: Json) -> Json:
        """A copy of a record in these units; keys keep their names (`miles_added` under km too)."""
        if not self.km and not self.fahrenheit:
            return record
        return {key: self._value(key, value) for key, value in record.items()}

    def _value(self, key: str, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        if self.km and key in _DISTANCES:
            return round(value * KM_PER_MI) if isinstance(value, int) else round(value * KM_PER_MI, 2)
        if self.fahrenheit and key in _TEMPERATURES:
            return round(value * 9 / 5 + 32, 1)
        return value


def whole_percent(car: Car, mark: Mark) -> int:
    """Battery level as records carry it."""
    return round(car.percent(mark.range_mi, mark.at))


def _saved(car: Car, name: str | None) -> str | None:
    return None if car.sparse else name


def drive_record(car: Car, drive: Drive) -> Json:
    """A finished drive."""
    used = round(drive.start.range_mi - drive.end.range_mi, 2)
    hours = (drive.end.at - drive.start.at) / 3600
    return {
        "id": drive.id,
        "created_at": drive.end.at,
        "updated_at": drive.end.at,
        "started_at": drive.start.at,
        "ended_at": drive.end.at,
        "starting_location": drive.origin.address,
        "starting_latitude": drive.start.latitude,
        "starting_longitude": drive.start.longitude,
        "starting_saved_location": _saved(car, drive.origin.saved),
        "ending_location": drive.place.address,
        "ending_latitude": drive.end.latitude,
        "ending_longitude": drive.end.longitude,
        "ending_saved_location": _saved(car, drive.place.saved),
        "starting_battery": whole_percent(car, drive.start),
        "ending_battery": whole_percent(car, drive.end),
        "starting_odometer": drive.start.odometer_mi,
        "ending_odometer": drive.end.odometer_mi,
        "average_inside_temperature": drive.inside_c,
        "average_outside_temperature": drive.outside_c,
        "average_speed": round(drive.distance_mi / hours),
        "max_speed": drive.max_mph,
        "rated_range_used": used,
        "ideal_range_used": round(used * car.battery.ideal_ratio, 2),
        "odometer_distance": round(drive.distance_mi, 2),
        "autopilot_distance": None if car.sparse else drive.autopilot_mi,
        "energy_used": round(used * car.battery.kwh_per_mi, 2),
        "tag": drive.tag,
    }


def charge_record(car: Car, charge: Charge) -> Json:
    """A finished charge. A sparse car has no cost, and no wall energy for one charge in five."""
    added = round(charge.end.range_mi - charge.start.range_mi, 2)
    return {
        "id": charge.id,
        "created_at": charge.end.at,
        "updated_at": charge.end.at,
        "started_at": charge.start.at,
        "ended_at": charge.end.at,
        "location": charge.place.address,
        "latitude": charge.start.latitude,
        "longitude": charge.start.longitude,
        "saved_location": _saved(car, charge.place.saved),
        "is_supercharger": charge.place.kind == "supercharger",
        "is_fast_charger": charge.fast,
        "odometer": charge.start.odometer_mi,
        "energy_added": round(added * car.battery.kwh_per_mi, 2),
        "energy_used": None if car.sparse and charge.id % 5 == 0 else charge.used_kwh,
        "miles_added": added,
        "miles_added_ideal": round(added * car.battery.ideal_ratio, 2),
        "starting_battery": whole_percent(car, charge.start),
        "ending_battery": whole_percent(car, charge.end),
        "cost": charge.cost,
    }


def running_charge_record(car: Car, charge: Charge, at: int) -> Json:
    """The same charge, same id, seen at `at` while it runs: [U] Tessie may list it with no end."""
    added = round((charge.end.range_mi - charge.start.range_mi) * charge.progress(at), 2)
    level = charge.start.range_mi + added
    return charge_record(car, charge) | {
        "created_at": charge.start.at,
        "updated_at": at,
        "ended_at": None,
        "energy_added": round(added * car.battery.kwh_per_mi, 2),
        "energy_used": None,
        "miles_added": added,
        "miles_added_ideal": round(added * car.battery.ideal_ratio, 2),
        "ending_battery": round(car.percent(level, at)),
        "cost": None,
    }


def idle_record(car: Car, idle: Idle) -> Json:
    """A finished idle."""
    used = round(idle.start.range_mi - idle.end.range_mi, 2)
    return {
        "id": idle.id,
        "created_at": idle.end.at,
        "updated_at": idle.end.at,
        "started_at": idle.start.at,
        "ended_at": idle.end.at,
        "location": idle.place.address,
        "latitude": idle.start.latitude,
        "longitude": idle.start.longitude,
        "saved_location": _saved(car, idle.place.saved),
        "starting_battery": whole_percent(car, idle.start),
        "ending_battery": whole_percent(car, idle.end),
        "rated_range_used": used,
        "ideal_range_used": round(used * car.battery.ideal_ratio, 2),
        "climate_fraction": round(idle.draw.climate_s / idle.seconds, 4),
        "sentry_fraction": round(idle.sentry_share, 4),
        "energy_used": round(used * car.battery.kwh_per_mi, 2),
    }
