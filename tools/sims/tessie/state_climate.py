"""The state's `climate_state`."""

from math import exp

from sims.tessie.events import Drive, Idle
from sims.tessie.moment import Moment
from sims.tessie.records import Json

SET_C = 21.0


def inside_c(seen: Moment) -> float:
    """Cabin temperature: towards the set one with the climate on, towards the outside one while parked."""
    elapsed_h = (seen.at - seen.event.start.at) / 3600
    if isinstance(seen.event, Drive):
        return round(seen.event.inside_c, 1)
    if seen.climate:
        return SET_C
    started = 21.0 if isinstance(seen.event, Idle) else 18.0
    return round(seen.outside_c + (started - seen.outside_c) * exp(-elapsed_h), 1)


def climate_state(seen: Moment) -> Json:
    """Temperatures in C, seat heaters 0..3."""
    return _air(seen) | _seats() | _protection() | {"timestamp": seen.at * 1000}


def _air(seen: Moment) -> Json:
    on = seen.climate
    return {
        "inside_temp": inside_c(seen),
        "outside_temp": seen.outside_c,
        "driver_temp_setting": SET_C,
        "passenger_temp_setting": SET_C,
        "is_climate_on": on,
        "is_auto_conditioning_on": on,
        "is_preconditioning": on and seen.activity == "parked",
        "is_front_defroster_on": False,
        "is_rear_defroster_on": False,
        "defrost_mode": 0,
        "fan_status": 4 if on else 0,
        "hvac_auto_request": "On",
        "climate_keeper_mode": "off",
        "bioweapon_mode": False,
        "battery_heater": False,
        "battery_heater_no_power": None,
        "left_temp_direction": 430,
        "right_temp_direction": 430,
        "min_avail_temp": 15.0,
        "max_avail_temp": 28.0,
    }


def _seats() -> Json:
    seats = ("left", "right", "rear_left", "rear_center", "rear_right", "third_row_left", "third_row_right")
    return {f"seat_heater_{seat}": 0 for seat in seats} | {
        "auto_seat_climate_left": True,
        "auto_seat_climate_right": True,
        "steering_wheel_heater": False,
        "steering_wheel_heat_level": 0,
        "auto_steering_wheel_heat": False,
        "side_mirror_heaters": False,
        "wiper_blade_heater": False,
        "remote_heater_control_enabled": False,
    }


def _protection() -> Json:
    return {
        "allow_cabin_overheat_protection": True,
        "cabin_overheat_protection": "On",
        "cabin_overheat_protection_actively_cooling": False,
        "cop_activation_temperature": "High",
        "supports_fan_only_cabin_overheat_protection": True,
    }
