"""The State object: every sub-object of one car at one moment, with the changes that commands made."""

from sims.tessie.events import Drive
from sims.tessie.fleet import SimulatedCar
from sims.tessie.moment import Moment
from sims.tessie.records import Json
from sims.tessie.state_charge import charge_state
from sims.tessie.state_climate import climate_state
from sims.tessie.state_vehicle import vehicle_config, vehicle_state

# The keys that a sparse car omits, and those that it has as null.
_ABSENT_WHEN_SPARSE = ("climate_state",)
_NULL_WHEN_SPARSE = ("vehicle_config",)


def state(vehicle: SimulatedCar) -> Json:
    """Tessie's State: miles, mph, C, bar, kW and kWh always; sub-objects' `timestamp` in milliseconds."""
    seen = vehicle.reported()
    built = _top(vehicle, seen) | {
        "charge_state": charge_state(vehicle, seen),
        "climate_state": climate_state(seen),
        "drive_state": drive_state(seen),
        "gui_settings": gui_settings(seen),
        "vehicle_config": vehicle_config(seen),
        "vehicle_state": vehicle_state(seen),
    }
    for section, values in vehicle.in_force():
        built[section] = built[section] | values
    if vehicle.car.sparse:
        for name in _ABSENT_WHEN_SPARSE:
            del built[name]
        built |= dict.fromkeys(_NULL_WHEN_SPARSE)
    return built


def _top(vehicle: SimulatedCar, seen: Moment) -> Json:
    car = vehicle.car
    return {
        "id": car.id,
        "user_id": 640_118,
        "vehicle_id": car.vehicle_id,
        "vin": car.vin,
        "id_s": str(car.id),
        "color": None,
        "access_type": "OWNER",
        "granular_access": {"hide_private": False},
        "tokens": vehicle.tokens,
        "state": "asleep" if seen.status == "asleep" else "online",
        "in_service": False,
        "calendar_enabled": True,
        "api_version": 71,
        "backseat_token": None,
        "backseat_token_updated_at": None,
        "ble_autopair_enrolled": False,
        "display_name": car.name,
    }


def drive_state(seen: Moment) -> Json:
    """Position, speed and power; route keys only on a drive of more than ten miles."""
    driving, sparse = seen.activity == "driving", seen.car.sparse
    parked_gear = None if sparse or seen.status == "asleep" else "P"
    built: Json = {
        "gps_as_of": seen.at - 1,
        "heading": seen.heading,
        "latitude": seen.latitude,
        "longitude": seen.longitude,
        "native_latitude": seen.latitude,
        "native_longitude": seen.longitude,
        "native_location_supported": 1,
        "native_type": "wgs",
        "power": round(seen.power_kw),
        "shift_state": "D" if driving else parked_gear,
        "speed": round(seen.speed_mph) if driving else None,
        "timestamp": seen.at * 1000,
    }
    if isinstance(seen.event, Drive) and seen.event.distance_mi > 10:
        built |= _route(seen, seen.event)
    return built


def _route(seen: Moment, drive: Drive) -> Json:
    return {
        "active_route_destination": drive.place.address.split(",", maxsplit=1)[0],
        "active_route_energy_at_arrival": round(seen.car.percent(drive.end.range_mi, drive.end.at)),
        "active_route_latitude": drive.place.latitude,
        "active_route_longitude": drive.place.longitude,
        "active_route_miles_to_arrival": round(drive.end.odometer_mi - seen.odometer_mi, 6),
        "active_route_minutes_to_arrival": round((drive.end.at - seen.at) / 60, 6),
        "active_route_traffic_minutes_delay": 0.0,
    }


def gui_settings(seen: Moment) -> Json:
    """The settings of the car's own screen; the API's units do not follow them."""
    metric = seen.car.build.metric
    return {
        "gui_24_hour_time": metric,
        "gui_charge_rate_units": "kW" if metric else "mi/hr",
        "gui_distance_units": "km/hr" if metric else "mi/hr",
        "gui_range_display": "Rated",
        "gui_temperature_units": "C" if metric else "F",
        "gui_tirepressure_units": "Bar" if metric else "Psi",
        "show_range_units": False,
        "timestamp": seen.at * 1000,
    }
