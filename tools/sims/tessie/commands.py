"""Tessie's commands: their parameters, and the changes that each makes to the state."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from sims.tessie.queries import BadQuery, Query, flag, number
from sims.tessie.records import Json

SEATS = {
    "front_left": "left",
    "front_right": "right",
    "rear_left": "rear_left",
    "rear_center": "rear_center",
    "rear_right": "rear_right",
    "third_row_left": "third_row_left",
    "third_row_right": "third_row_right",
}
_KEEPER_MODES = ("off", "on", "dog", "camp")
_COP_TEMPS = ("Low", "Medium", "High")


class Refused(Exception):
    """The car refuses: Tessie answers 200 with `result: false` and this reason [U]."""


@dataclass(frozen=True, slots=True)
class Param:
    """One query parameter: a number with bounds, a boolean, one of some words, or any text."""

    kind: Literal["number", "flag", "words", "text"]
    low: float = float("-inf")
    high: float = float("inf")
    words: tuple[str, ...] = ()
    required: bool = True

    def read(self, query: Query, name: str) -> float | bool | str | None:
        """The parameter's value, None if it is optional and missing."""
        if not query.get(name):
            if self.required:
                raise BadQuery(f"{name} is required")
            return None
        if self.kind == "flag":
            return flag(query, name)
        if self.kind == "number":
            return self._number(query, name)
        if self.words and query[name] not in self.words:
            raise BadQuery(f"{name} must be one of {', '.join(self.words)}")
        return query[name]

    def _number(self, query: Query, name: str) -> float | int:
        value = number(query, name) or 0.0
        if not self.low <= value <= self.high:
            raise BadQuery(f"{name} must be between {self.low:g} and {self.high:g}")
        return int(value) if value == int(value) else value


# Takes the parameters by name, and the current state; returns the changes, section by section.
type Effect = Callable[[dict[str, Any], Json], dict[str, Json]]


@dataclass(frozen=True, slots=True)
class Command:
    """`lasting` changes stay; the others end when the car next drives off."""

    effect: Effect
    params: dict[str, Param] = field(default_factory=dict)
    lasting: bool = True

    def run(self, query: Query, state: Json) -> dict[str, Json]:
        """The command's changes to the state; raises BadQuery for its parameters and Refused for the car."""
        every = _COMMON | self.params
        return self.effect({name: param.read(query, name) for name, param in every.items()}, state)


_COMMON = {
    "wait_for_completion": Param("flag", required=False),
    "retry_duration": Param("number", 0, 90, required=False),
    "max_attempts": Param("number", 1, 100, required=False),
}


def _sets(section: str, **values: object) -> Effect:
    return lambda _params, _state: {section: values}


def _nothing(_params: dict[str, Any], _state: Json) -> dict[str, Json]:
    return {}


def _toggles(section: str, key: str, state_key: str = "", /) -> Effect:
    return lambda params, _state: {section: {state_key or key: params[key]}}


def _seats(params: dict[str, Any]) -> list[str]:
    return list(SEATS) if params["seat"] == "all" else [params["seat"]]


def _heat(params: dict[str, Any], _state: Json) -> dict[str, Json]:
    return {"climate_state": {f"seat_heater_{SEATS[seat]}": params["level"] for seat in _seats(params)}}


def _cool(params: dict[str, Any], _state: Json) -> dict[str, Json]:
    return {"climate_state": {f"seat_fan_{seat}": params["level"] for seat in _seats(params)}}


def _temperatures(params: dict[str, Any], _state: Json) -> dict[str, Json]:
    temperature = params["temperature"]
    return {"climate_state": {"driver_temp_setting": temperature, "passenger_temp_setting": temperature}}


def _keeper(params: dict[str, Any], _state: Json) -> dict[str, Json]:
    mode = _KEEPER_MODES[params["mode"]]
    return {"climate_state": {"climate_keeper_mode": mode, "is_climate_on": mode != "off"}}


def _overheat(params: dict[str, Any], _state: Json) -> dict[str, Json]:
    word = "FanOnly" if params["on"] and params["fan_only"] else "On" if params["on"] else "Off"
    return {"climate_state": {"cabin_overheat_protection": word}}


def _start_charging(_params: dict[str, Any], state: Json) -> dict[str, Json]:
    now = state["charge_state"]["charging_state"]
    reasons = {"Charging": "is_charging", "Complete": "complete", "Disconnected": "disconnected"}
    if now in reasons:
        raise Refused(reasons[now])
    return {"charge_state": {"charging_state": "Charging", "charge_enable_request": True}}


def _stop_charging(_params: dict[str, Any], state: Json) -> dict[str, Json]:
    if state["charge_state"]["charging_state"] != "Charging":
        raise Refused("not_charging")
    still = {"charge_rate": 0.0, "charger_power": 0, "charger_actual_current": 0, "minutes_to_full_charge": 0}
    return {"charge_state": still | {"charging_state": "Stopped", "time_to_full_charge": 0.0}}


def _amps(params: dict[str, Any], _state: Json) -> dict[str, Json]:
    return {"charge_state": {"charge_amps": params["amps"], "charge_current_request": params["amps"]}}


def _update(status: str) -> Effect:
    def effect(_params: dict[str, Any], state: Json) -> dict[str, Json]:
        update = state["vehicle_state"]["software_update"]
        if update["status"] not in ("available", "scheduled"):
            raise Refused("no_update_available")
        return {"vehicle_state": {"software_update": update | {"status": status}}}

    return effect


def _scheduled_charging(params: dict[str, Any], _state: Json) -> dict[str, Json]:
    minutes = params["time"] if params["enable"] else None
    return {
        "charge_state": {
            "scheduled_charging_mode": "StartAt" if params["enable"] else "Off",
            "scheduled_charging_start_time_app": minutes,
            "scheduled_charging_start_time_minutes": minutes,
        }
    }


def _scheduled_departure(params: dict[str, Any], _state: Json) -> dict[str, Json]:
    values = {"scheduled_charging_mode": "DepartBy" if params["enable"] else "Off"}
    names = {
        "departure_time": "scheduled_departure_time_minutes",
        "preconditioning_enabled": "preconditioning_enabled",
        "off_peak_charging_enabled": "off_peak_charging_enabled",
        "end_off_peak_time": "off_peak_hours_end_time",
    }
    return {"charge_state": values | {key: params[name] for name, key in names.items() if params[name] is not None}}


def _speed_limit(**values: object) -> Effect:
    def effect(params: dict[str, Any], state: Json) -> dict[str, Json]:
        limit = dict(state["vehicle_state"]["speed_limit_mode"]) | values
        if "mph" in params:
            limit["current_limit_mph"] = float(params["mph"])
        return {"vehicle_state": {"speed_limit_mode": limit}}

    return effect


_ON = {"on": Param("flag")}
_LEVEL = {"seat": Param("words", words=(*SEATS, "all")), "level": Param("number", 0, 3)}
_PIN = {"pin": Param("text")}
_OPTIONAL_FLAG = Param("flag", required=False)
_MINUTES = Param("number", 0, 1_439, required=False)
_SOME_NUMBER = Param("number", required=False)
_WINDOWS = ("fd_window", "fp_window", "rd_window", "rp_window")
_SCHEDULE = {
    "days_of_week": Param("text"),
    "enabled": _OPTIONAL_FLAG,
    "one_time": _OPTIONAL_FLAG,
    "id": _SOME_NUMBER,
    "lat": _SOME_NUMBER,
    "lon": _SOME_NUMBER,
}
_SCHEDULE_ID = {"id": Param("number")}


def _windows(value: int) -> Effect:
    return _sets("vehicle_state", **dict.fromkeys(_WINDOWS, value))


def _climate(on: bool, **values: object) -> Effect:
    return _sets("climate_state", is_climate_on=on, is_auto_conditioning_on=on, is_preconditioning=on, **values)


def _now(effect: Effect, **params: Param) -> Command:
    """A command with an effect that ends with the next drive."""
    return Command(effect, params, lasting=False)


COMMANDS: dict[str, Command] = {
    "lock": _now(_sets("vehicle_state", locked=True)),
    "unlock": _now(_sets("vehicle_state", locked=False)),
    "activate_front_trunk": _now(_sets("vehicle_state", ft=1)),
    "activate_rear_trunk": _now(_sets("vehicle_state", rt=1)),
    "open_tonneau": _now(_nothing),
    "close_tonneau": _now(_nothing),
    "vent_windows": _now(_windows(1)),
    "close_windows": _now(_windows(0)),
    "start_climate": _now(_climate(True)),
    "stop_climate": _now(_climate(False, climate_keeper_mode="off", defrost_mode=0)),
    "set_temperatures": Command(_temperatures, {"temperature": Param("number", 15, 28)}),
    "set_seat_heat": _now(_heat, **_LEVEL),
    "set_seat_cool": _now(_cool, **_LEVEL),
    "start_max_defrost": _now(_climate(True, defrost_mode=2, is_front_defroster_on=True)),
    "stop_max_defrost": _now(_climate(False, defrost_mode=0, is_front_defroster_on=False)),
    "start_steering_wheel_heater": _now(_sets("climate_state", steering_wheel_heater=True)),
    "stop_steering_wheel_heater": _now(_sets("climate_state", steering_wheel_heater=False)),
    "set_bioweapon_mode": _now(_toggles("climate_state", "on", "bioweapon_mode"), **_ON),
    "set_climate_keeper_mode": _now(_keeper, mode=Param("number", 0, 3)),
    "set_cabin_overheat_protection": Command(_overheat, _ON | {"fan_only": _OPTIONAL_FLAG}),
    "set_cop_temp": Command(
        lambda params, _state: {"climate_state": {"cop_activation_temperature": _COP_TEMPS[params["cop_temp"]]}},
        {"cop_temp": Param("number", 0, 2)},
    ),
    "start_charging": _now(_start_charging),
    "stop_charging": _now(_stop_charging),
    "set_charge_limit": Command(
        _toggles("charge_state", "percent", "charge_limit_soc"), {"percent": Param("number", 50, 100)}
    ),
    "set_charging_amps": Command(_amps, {"amps": Param("number", 0, 80)}),
    "open_charge_port": _now(_sets("charge_state", charge_port_door_open=True)),
    "close_charge_port": _now(_sets("charge_state", charge_port_door_open=False)),
    "flash": _now(_nothing),
    "honk": _now(_nothing),
    "trigger_homelink": _now(_nothing),
    "remote_start": _now(_sets("vehicle_state", remote_start=True)),
    "vent_sunroof": _now(_nothing),
    "close_sunroof": _now(_nothing),
    "enable_sentry": _now(_sets("vehicle_state", sentry_mode=True)),
    "disable_sentry": _now(_sets("vehicle_state", sentry_mode=False)),
    "enable_valet": Command(_sets("vehicle_state", valet_mode=True)),
    "disable_valet": Command(_sets("vehicle_state", valet_mode=False)),
    "schedule_software_update": _now(_update("scheduled"), in_seconds=Param("number", 0)),
    "cancel_software_update": _now(_update("available")),
    "set_scheduled_charging": Command(
        _scheduled_charging, {"enable": Param("flag"), "time": Param("number", 0, 1_439)}
    ),
    "set_scheduled_departure": Command(
        _scheduled_departure,
        {
            "enable": Param("flag"),
            "departure_time": _MINUTES,
            "preconditioning_enabled": _OPTIONAL_FLAG,
            "preconditioning_weekdays_only": _OPTIONAL_FLAG,
            "off_peak_charging_enabled": _OPTIONAL_FLAG,
            "off_peak_charging_weekdays_only": _OPTIONAL_FLAG,
            "end_off_peak_time": _MINUTES,
        },
    ),
    "add_charge_schedule": Command(
        _nothing,
        _SCHEDULE
        | {
            "start_enabled": _OPTIONAL_FLAG,
            "end_enabled": _OPTIONAL_FLAG,
            "start_time": _MINUTES,
            "end_time": _MINUTES,
        },
    ),
    "remove_charge_schedule": Command(_nothing, _SCHEDULE_ID),
    "add_precondition_schedule": Command(_nothing, _SCHEDULE | {"precondition_time": Param("number", 0, 1_439)}),
    "remove_precondition_schedule": Command(_nothing, _SCHEDULE_ID),
    "share": _now(_nothing, value=Param("text"), locale=Param("text", required=False)),
    "remote_boombox": _now(_nothing),
    "set_speed_limit": Command(_speed_limit(), {"mph": Param("number", 50, 120)}),
    "enable_speed_limit": Command(_speed_limit(active=True, pin_code_set=True), _PIN),
    "disable_speed_limit": Command(_speed_limit(active=False), _PIN),
    "clear_speed_limit_pin": Command(_speed_limit(active=False, pin_code_set=False), _PIN),
    "enable_guest": Command(_sets("vehicle_state", guest_mode=True)),
    "disable_guest": Command(_sets("vehicle_state", guest_mode=False)),
    "enable_low_power_mode": Command(_nothing),
    "disable_low_power_mode": Command(_nothing),
    "enable_keep_accessory_power_mode": Command(_nothing),
    "disable_keep_accessory_power_mode": Command(_nothing),
}
