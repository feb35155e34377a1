"""The state's `charge_state`, and the numbers of the pack that `/battery` shares with it."""

from math import ceil

from sims.tessie.cars import Car
from sims.tessie.events import Charge, Idle
from sims.tessie.fleet import SimulatedCar
from sims.tessie.moment import Moment
from sims.tessie.records import Json


def pack(seen: Moment) -> Json:
    """Volts, amps (negative while discharging), module temperatures in C, energy in kWh."""
    k = seen.car.battery.kwh_per_mi
    percent = seen.percent
    volts = round(318 + percent * 0.78, 1)
    warm = seen.outside_c * 0.6 + (14 if seen.activity == "parked" else 22)
    return {
        "pack_current": round(-seen.power_kw * 1000 / volts, 1) or 0.0,
        "pack_voltage": volts,
        "module_temp_min": round(warm * 0.8, 1),
        "module_temp_max": round(warm * 0.8 + 1.5, 1),
        "energy_remaining": round(seen.range_mi * k, 2),
        "lifetime_energy_used": round(seen.spent_mi * k, 2),
    }


def charge_state(vehicle: SimulatedCar, seen: Moment) -> Json:
    """52 keys; `charger_power` in kW, ranges in miles, `charge_rate` in mph."""
    car = seen.car
    built = _level(seen) | _limits(seen) | _cable(seen) | _supply(seen) | _last_charge(vehicle, seen) | _schedule(car)
    built["timestamp"] = seen.at * 1000
    return built | pack(seen) if car.build.telemetry else built


def _level(seen: Moment) -> Json:
    percent, miles = seen.percent, seen.range_mi
    cold = 1 if seen.outside_c < 3 else 0
    return {
        "battery_heater_on": False,
        "battery_level": round(percent),
        "usable_battery_level": round(percent) - cold,
        "battery_range": round(miles, 2),
        "est_battery_range": round(miles * 0.91, 2),
        "ideal_battery_range": round(miles * seen.car.battery.ideal_ratio, 2),
        "not_enough_power_to_heat": None if seen.car.sparse else False,
    }


def charge_limit(seen: Moment) -> int:
    """The limit in %: the usual one, or this charge's target if that is more."""
    plugged = isinstance(seen.event, Charge) or (isinstance(seen.event, Idle) and seen.event.plugged)
    reached = ceil(seen.car.percent(seen.event.end.range_mi, seen.event.end.at) - 0.5) if plugged else 0
    return max(seen.car.charging.limit, reached)


def _limits(seen: Moment) -> Json:
    charging = seen.car.charging
    return {
        "charge_amps": charging.amps,
        "charge_current_request": charging.amps,
        "charge_current_request_max": charging.amps,
        "charge_enable_request": True,
        "charge_limit_soc": charge_limit(seen),
        "charge_limit_soc_max": 100,
        "charge_limit_soc_min": 50,
        "charge_limit_soc_std": 80 if seen.car.build.telemetry else 90,
        "user_charge_enable_request": None,
        "max_range_charge_counter": 0,
    }


def charging_state(seen: Moment) -> str:
    """Charging, Complete, Stopped (plugged in, short of the limit) or Disconnected."""
    if isinstance(seen.event, Charge):
        return "Charging"
    if isinstance(seen.event, Idle) and seen.event.plugged:
        full = seen.car.percent(seen.event.start.range_mi, seen.event.start.at) > seen.car.charging.limit - 1.5
        return "Complete" if full else "Stopped"
    return "Disconnected"


def _cable(seen: Moment) -> Json:
    plugged = charging_state(seen) != "Disconnected"
    fast = isinstance(seen.event, Charge) and seen.event.fast
    cable = "IEC" if seen.car.build.port == "CCS" else "SAE"
    slow_type = "ACSingleWireCAN" if plugged else "<invalid>"
    return {
        "charge_port_cold_weather_mode": None if seen.car.sparse else False,
        "charge_port_color": "<invalid>" if not plugged else "Green",
        "charge_port_door_open": plugged,
        "charge_port_latch": "Engaged" if plugged else "Disengaged",
        "charging_state": charging_state(seen),
        "conn_charge_cable": cable if plugged else "<invalid>",
        "fast_charger_brand": "Tesla" if fast else "<invalid>",
        "fast_charger_present": fast,
        "fast_charger_type": "Tesla" if fast else slow_type,
    }


def supply(seen: Moment) -> tuple[int, int, int | None]:
    """Volts, amps and phases at the charger now; DC has no phases."""
    charging = seen.car.charging
    if seen.activity != "charging":
        return 0, 0, None if seen.car.sparse else charging.phases
    if isinstance(seen.event, Charge) and seen.event.fast:
        return round(pack(seen)["pack_voltage"]), 0, None
    return charging.volts, charging.amps, charging.phases


def _supply(seen: Moment) -> Json:
    volts, amps, phases = supply(seen)
    power = max(0.0, -seen.power_kw) if seen.activity == "charging" else 0.0
    minutes = round((seen.event.end.at - seen.at) / 60) if seen.activity == "charging" else 0
    return {
        "charge_rate": round(power / seen.car.battery.kwh_per_mi, 1),
        "charger_actual_current": amps,
        "charger_phases": phases,
        "charger_pilot_current": seen.car.charging.amps,
        "charger_power": round(power),
        "charger_voltage": volts,
        "minutes_to_full_charge": minutes,
        "time_to_full_charge": round(minutes / 60, 2),
        "supercharger_session_trip_planner": False,
        "trip_charging": False,
    }


def _last_charge(vehicle: SimulatedCar, seen: Moment) -> Json:
    """The energy added by the running charge so far, else by the last one."""
    begun = [charge for charge in vehicle.history.charges if charge.start.at <= seen.at]
    added = 0.0
    if begun:
        added = min(begun[-1].end.range_mi, seen.range_mi) if seen.event is begun[-1] else begun[-1].end.range_mi
        added -= begun[-1].start.range_mi
    return {
        "charge_energy_added": round(added * seen.car.battery.kwh_per_mi, 2),
        "charge_miles_added_rated": round(added, 2),
        "charge_miles_added_ideal": round(added * seen.car.battery.ideal_ratio, 2),
    }


def _schedule(car: Car) -> Json:
    """Scheduled charging and departure; `*_minutes`, `*_app` and off-peak times in minutes after midnight."""
    starts = car.charging.off_peak_s
    minutes = None if starts is None else starts % 86_400 // 60
    return {
        "managed_charging_active": False,
        "managed_charging_start_time": None,
        "managed_charging_user_canceled": False,
        "off_peak_charging_enabled": False,
        "off_peak_charging_times": "all_week",
        "off_peak_hours_end_time": 360,
        "preconditioning_enabled": False,
        "preconditioning_times": "all_week",
        "scheduled_charging_mode": "Off" if minutes is None else "StartAt",
        "scheduled_charging_pending": False,
        "scheduled_charging_start_time": None,
        "scheduled_charging_start_time_app": minutes,
        "scheduled_charging_start_time_minutes": minutes,
        "scheduled_departure_time": 1_761_980_400,
        "scheduled_departure_time_minutes": 420,
    }
