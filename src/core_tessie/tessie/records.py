"""Tessie's records as rows: which field becomes which column, and in which form."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WrapValidator
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from edge.instants import from_epoch

MILLISECONDS = 100_000_000_000
"""Tessie's instants are seconds in records and milliseconds in states; one above this is in milliseconds."""
LARGEST = 2**63
"""Integers from here on are none of SQLite's."""

LATER = ConfigDict(defer_build=True, extra="ignore", allow_inf_nan=False)
"""Builds a validator on first use: no start reads records, and theirs would be a tenth of it."""


def _instant(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not Unix seconds")
    return from_epoch(value / 1000 if value > MILLISECONDS else value)


def _number(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, int) and not -LARGEST <= value < LARGEST):
        raise ValueError("not a number that a column holds")
    return value


def _lenient(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    try:
        return validate(value)
    except ValidationError:
        return None


type Instant = Annotated[str, BeforeValidator(_instant)]
type Integer = Annotated[int, BeforeValidator(_number)]
type Number = Annotated[float, BeforeValidator(_number)]
type Lenient[T] = Annotated[T | None, WrapValidator(_lenient)]
"""A field that Tessie or a firmware may leave out or change: NULL where it is not readable, kept in `tessie_raw`."""


def _at(*path: str) -> Any:
    return Field(None, validation_alias=AliasPath(*path))


class Record(BaseModel):
    """One finished thing in a car's history; the table has its columns, with `id` and `vin` before them."""

    model_config = LATER
    table: ClassVar[str]

    tessie_id: Integer = Field(validation_alias="id")
    started_at: Instant
    ended_at: Lenient[Instant] = None
    starting_battery_pct: Lenient[Number] = _at("starting_battery")
    ending_battery_pct: Lenient[Number] = _at("ending_battery")
    energy_used_kwh: Lenient[Number] = _at("energy_used")
    tessie_updated_at: Lenient[Instant] = _at("updated_at")


class Drive(Record):
    """A drive."""

    table = "drives"

    starting_location: Lenient[str] = None
    starting_saved_location: Lenient[str] = None
    starting_latitude: Lenient[Number] = None
    starting_longitude: Lenient[Number] = None
    ending_location: Lenient[str] = None
    ending_saved_location: Lenient[str] = None
    ending_latitude: Lenient[Number] = None
    ending_longitude: Lenient[Number] = None
    starting_odometer_mi: Lenient[Number] = _at("starting_odometer")
    ending_odometer_mi: Lenient[Number] = _at("ending_odometer")
    distance_mi: Lenient[Number] = _at("odometer_distance")
    autopilot_distance_mi: Lenient[Number] = _at("autopilot_distance")
    average_speed_mph: Lenient[Number] = _at("average_speed")
    max_speed_mph: Lenient[Number] = _at("max_speed")
    inside_temp_c: Lenient[Number] = _at("average_inside_temperature")
    outside_temp_c: Lenient[Number] = _at("average_outside_temperature")
    rated_range_used_mi: Lenient[Number] = _at("rated_range_used")
    ideal_range_used_mi: Lenient[Number] = _at("ideal_range_used")
    tag: Lenient[str] = None


class Charge(Record):
    """A charging session."""

    table = "charges"

    location: Lenient[str] = None
    saved_location: Lenient[str] = None
    latitude: Lenient[Number] = None
    longitude: Lenient[Number] = None
    is_supercharger: Lenient[bool] = None
    is_fast_charger: Lenient[bool] = None
    odometer_mi: Lenient[Number] = _at("odometer")
    energy_added_kwh: Lenient[Number] = _at("energy_added")
    rated_range_added_mi: Lenient[Number] = _at("miles_added")
    ideal_range_added_mi: Lenient[Number] = _at("miles_added_ideal")
    cost: Lenient[Number] = None


class Idle(Record):
    """A time in which the car neither drove nor charged."""

    table = "idles"

    location: Lenient[str] = None
    saved_location: Lenient[str] = None
    latitude: Lenient[Number] = None
    longitude: Lenient[Number] = None
    rated_range_used_mi: Lenient[Number] = _at("rated_range_used")
    ideal_range_used_mi: Lenient[Number] = _at("ideal_range_used")
    climate_fraction: Lenient[Number] = None
    sentry_fraction: Lenient[Number] = None


class Capacity(BaseModel):
    """One measurement of what the battery holds."""

    model_config = LATER

    recorded_at: Instant = Field(validation_alias="timestamp")
    odometer_mi: Lenient[Number] = _at("odometer")
    max_range_mi: Lenient[Number] = _at("max_range")
    max_ideal_range_mi: Lenient[Number] = _at("max_ideal_range")
    capacity_kwh: Lenient[Number] = _at("capacity")


RECORDS: Mapping[str, type[Record]] = {"drives": Drive, "charges": Charge, "idles": Idle}
"""The kinds of history, by the name that both Tessie's path and the table have."""


class Vehicle(BaseModel):
    """A car at its last state; each column comes from one field of Tessie's state object."""

    model_config = LATER

    tessie_id: Lenient[str] = _at("id_s")
    display_name: Lenient[str] = None
    state: Lenient[str] = None
    car_type: Lenient[str] = _at("vehicle_config", "car_type")
    trim_badging: Lenient[str] = _at("vehicle_config", "trim_badging")
    exterior_color: Lenient[str] = _at("vehicle_config", "exterior_color")
    wheel_type: Lenient[str] = _at("vehicle_config", "wheel_type")
    utc_offset_s: Lenient[Integer] = _at("vehicle_config", "utc_offset")
    recorded_at: Lenient[Instant] = _at("vehicle_state", "timestamp")
    odometer_mi: Lenient[Number] = _at("vehicle_state", "odometer")
    is_locked: Lenient[bool] = _at("vehicle_state", "locked")
    is_user_present: Lenient[bool] = _at("vehicle_state", "is_user_present")
    is_sentry_on: Lenient[bool] = _at("vehicle_state", "sentry_mode")
    tire_front_left_bar: Lenient[Number] = _at("vehicle_state", "tpms_pressure_fl")
    tire_front_right_bar: Lenient[Number] = _at("vehicle_state", "tpms_pressure_fr")
    tire_rear_left_bar: Lenient[Number] = _at("vehicle_state", "tpms_pressure_rl")
    tire_rear_right_bar: Lenient[Number] = _at("vehicle_state", "tpms_pressure_rr")
    car_version: Lenient[str] = _at("vehicle_state", "car_version")
    battery_pct: Lenient[Number] = _at("charge_state", "battery_level")
    usable_battery_pct: Lenient[Number] = _at("charge_state", "usable_battery_level")
    rated_range_mi: Lenient[Number] = _at("charge_state", "battery_range")
    estimated_range_mi: Lenient[Number] = _at("charge_state", "est_battery_range")
    ideal_range_mi: Lenient[Number] = _at("charge_state", "ideal_battery_range")
    energy_remaining_kwh: Lenient[Number] = _at("charge_state", "energy_remaining")
    charging_state: Lenient[str] = _at("charge_state", "charging_state")
    charger_power_kw: Lenient[Number] = _at("charge_state", "charger_power")
    minutes_to_full_charge: Lenient[Number] = _at("charge_state", "minutes_to_full_charge")
    latitude: Lenient[Number] = _at("drive_state", "latitude")
    longitude: Lenient[Number] = _at("drive_state", "longitude")
    heading_deg: Lenient[Number] = _at("drive_state", "heading")
    speed_mph: Lenient[Number] = _at("drive_state", "speed")
    shift_state: Lenient[str] = _at("drive_state", "shift_state")
    is_climate_on: Lenient[bool] = _at("climate_state", "is_climate_on")
    inside_temp_c: Lenient[Number] = _at("climate_state", "inside_temp")
    outside_temp_c: Lenient[Number] = _at("climate_state", "outside_temp")


class VehicleSettings(BaseModel):
    """The owner's settings in the car."""

    model_config = LATER

    recorded_at: Lenient[Instant] = _at("vehicle_state", "timestamp")
    charge_limit_pct: Lenient[Number] = _at("charge_state", "charge_limit_soc")
    charge_amps: Lenient[Number] = _at("charge_state", "charge_amps")
    scheduled_charging_mode: Lenient[str] = _at("charge_state", "scheduled_charging_mode")
    scheduled_charging_start_min: Lenient[Integer] = _at("charge_state", "scheduled_charging_start_time_minutes")
    scheduled_departure_min: Lenient[Integer] = _at("charge_state", "scheduled_departure_time_minutes")
    is_preconditioning_enabled: Lenient[bool] = _at("charge_state", "preconditioning_enabled")
    is_off_peak_charging_enabled: Lenient[bool] = _at("charge_state", "off_peak_charging_enabled")
    driver_temp_setting_c: Lenient[Number] = _at("climate_state", "driver_temp_setting")
    passenger_temp_setting_c: Lenient[Number] = _at("climate_state", "passenger_temp_setting")
    cabin_overheat_protection: Lenient[str] = _at("climate_state", "cabin_overheat_protection")
    is_sentry_on: Lenient[bool] = _at("vehicle_state", "sentry_mode")
    is_valet_on: Lenient[bool] = _at("vehicle_state", "valet_mode")
    speed_limit_mph: Lenient[Number] = _at("vehicle_state", "speed_limit_mode", "current_limit_mph")
    is_speed_limit_on: Lenient[bool] = _at("vehicle_state", "speed_limit_mode", "active")
    gui_distance_units: Lenient[str] = _at("gui_settings", "gui_distance_units")
    gui_temperature_units: Lenient[str] = _at("gui_settings", "gui_temperature_units")
    gui_charge_rate_units: Lenient[str] = _at("gui_settings", "gui_charge_rate_units")
    gui_tire_pressure_units: Lenient[str] = _at("gui_settings", "gui_tirepressure_units")
    gui_range_display: Lenient[str] = _at("gui_settings", "gui_range_display")
    is_gui_24_hour: Lenient[bool] = _at("gui_settings", "gui_24_hour_time")


class Climate(BaseModel):
    """The cabin at one moment."""

    model_config = LATER

    recorded_at: Instant = Field(validation_alias=AliasPath("climate_state", "timestamp"))
    inside_temp_c: Lenient[Number] = _at("climate_state", "inside_temp")
    outside_temp_c: Lenient[Number] = _at("climate_state", "outside_temp")
    driver_temp_setting_c: Lenient[Number] = _at("climate_state", "driver_temp_setting")
    passenger_temp_setting_c: Lenient[Number] = _at("climate_state", "passenger_temp_setting")
    is_climate_on: Lenient[bool] = _at("climate_state", "is_climate_on")
    is_auto_conditioning_on: Lenient[bool] = _at("climate_state", "is_auto_conditioning_on")
    is_preconditioning: Lenient[bool] = _at("climate_state", "is_preconditioning")
    is_front_defroster_on: Lenient[bool] = _at("climate_state", "is_front_defroster_on")
    is_rear_defroster_on: Lenient[bool] = _at("climate_state", "is_rear_defroster_on")
    is_battery_heater_on: Lenient[bool] = _at("climate_state", "battery_heater")
    fan_status: Lenient[Integer] = _at("climate_state", "fan_status")
    defrost_mode: Lenient[Integer] = _at("climate_state", "defrost_mode")
    climate_keeper_mode: Lenient[str] = _at("climate_state", "climate_keeper_mode")
    cabin_overheat_protection: Lenient[str] = _at("climate_state", "cabin_overheat_protection")
    seat_heater_left: Lenient[Integer] = _at("climate_state", "seat_heater_left")
    seat_heater_right: Lenient[Integer] = _at("climate_state", "seat_heater_right")
    is_steering_wheel_heater_on: Lenient[bool] = _at("climate_state", "steering_wheel_heater")


class Software(BaseModel):
    """An update that the car offers or is installing; `version` is a blank where there is none."""

    model_config = LATER

    version: Lenient[str] = _at("vehicle_state", "software_update", "version")
    status: Lenient[str] = _at("vehicle_state", "software_update", "status")
    download_pct: Lenient[Number] = _at("vehicle_state", "software_update", "download_perc")
    install_pct: Lenient[Number] = _at("vehicle_state", "software_update", "install_perc")
    expected_duration_s: Lenient[Integer] = _at("vehicle_state", "software_update", "expected_duration_sec")


class Read[M: BaseModel](NamedTuple):
    """A record as it was read, None where it lacks what a row needs; `unreadable` names the fields that were not."""

    record: M | None
    unreadable: list[str]


def read[M: BaseModel](model: type[M], value: object) -> Read[M]:
    """Read a record. A field that is there and cannot be read is null; without an id or an instant there is no row."""
    try:
        record = model.model_validate(value)
    except ValidationError as fault:
        return Read(None, sorted({str(error["loc"][-1]) if error["loc"] else "record" for error in fault.errors()}))
    dropped = [name for name in model.model_fields if getattr(record, name) is None]
    return Read(record, [name for name in dropped if _member(model, name, value) is not None])


def read_id(value: object) -> int | None:
    """Return a record's id, or None for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:
        return None
    return int(value) if -LARGEST <= value < LARGEST else None


def read_instant(value: object) -> str | None:
    """Return Unix seconds or milliseconds as a stored instant, or None for what is no instant."""
    try:
        return _instant(value)
    except ValueError:
        return None


def _member(model: type[BaseModel], name: str, value: object) -> object:
    """Return what stands at a field's place in a JSON object."""
    alias = model.model_fields[name].validation_alias
    for key in alias.path if isinstance(alias, AliasPath) else [alias or name]:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value
