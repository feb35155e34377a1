"""Tessie's commands for actions, with their parameters; an allow-list limits them further."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

Flag = bool
Seat = Annotated[
    str, Field(pattern="^(all|front_left|front_right|rear_left|rear_center|rear_right|third_row_left|third_row_right)$")
]
Level = Annotated[int, Field(ge=0, le=3)]
Minute = Annotated[int, Field(ge=0, lt=24 * 60, description="minutes after midnight, on the car's clocks")]

COMMANDS: Mapping[str, Mapping[str, Any]] = {
    **{
        name: {}
        for name in (
            "lock",
            "unlock",
            "activate_front_trunk",
            "activate_rear_trunk",
            "open_tonneau",
            "close_tonneau",
            "vent_windows",
            "close_windows",
            "start_climate",
            "stop_climate",
            "start_max_defrost",
            "stop_max_defrost",
            "start_steering_wheel_heater",
            "stop_steering_wheel_heater",
            "start_charging",
            "stop_charging",
            "open_charge_port",
            "close_charge_port",
            "flash",
            "honk",
            "trigger_homelink",
            "remote_start",
            "vent_sunroof",
            "close_sunroof",
            "enable_sentry",
            "disable_sentry",
            "enable_valet",
            "disable_valet",
            "cancel_software_update",
            "remote_boombox",
            "enable_guest",
            "disable_guest",
        )
    },
    "set_temperatures": {"temperature": Annotated[float, Field(ge=15, le=28, description="°C")]},
    "set_seat_heat": {"seat": Seat, "level": Level},
    "set_seat_cool": {"seat": Seat, "level": Level},
    "set_bioweapon_mode": {"on": Flag},
    "set_climate_keeper_mode": {"mode": Level},
    "set_cabin_overheat_protection": {"on": Flag, "fan_only": Flag},
    "set_charge_limit": {"percent": Annotated[int, Field(ge=50, le=100)]},
    "set_charging_amps": {"amps": Annotated[int, Field(ge=0, le=80)]},
    "set_scheduled_charging": {"enable": Flag, "time": Minute},
    "schedule_software_update": {"in_seconds": Annotated[int, Field(ge=0, le=7 * 86_400)]},
    "set_speed_limit": {"mph": Annotated[float, Field(ge=50, le=120)]},
}
"""Each command's parameters, all of which it needs."""

SAFE = (
    "lock,close_windows,start_climate,stop_climate,set_temperatures,set_seat_heat,set_seat_cool,start_max_defrost,"
    "stop_max_defrost,start_steering_wheel_heater,stop_steering_wheel_heater,start_charging,stop_charging,"
    "set_charge_limit,set_charging_amps,close_charge_port,flash,enable_sentry,set_scheduled_charging"
)
"""The commands that are allowed by default: none opens the car, enables driving, or makes it less safe."""

_LATER = ConfigDict(defer_build=True)  # built at the first command, not at the start
_TYPES = {
    name: {parameter: TypeAdapter(hint, config=_LATER) for parameter, hint in takes.items()}
    for name, takes in COMMANDS.items()
}


def allowed(text: str) -> frozenset[str]:
    """Return the commands of a comma-separated list; `ValueError` if Tessie lacks one of them."""
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    if unknown := names - COMMANDS.keys():
        raise ValueError(f"not commands of Tessie's: {', '.join(sorted(unknown))}")
    return names


def checked(command: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a command's validated parameters; `ValueError` if one is wrong, missing or of another command."""
    takes = _TYPES[command]
    if wrong := params.keys() ^ takes.keys():
        needs = f"needs {', '.join(takes)}" if takes else "takes no parameters"
        raise ValueError(f"{command} {needs}, not {', '.join(sorted(wrong))}")
    return {name: adapter.validate_python(params[name]) for name, adapter in takes.items()}
