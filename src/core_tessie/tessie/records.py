"""Tessie's records as rows: the field of each column; the schema gives the form in which it is stored."""

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from core_tessie.schema import SCHEMA
from edge.data.schema import Kind
from edge.instants import from_epoch

MILLISECONDS = 100_000_000_000
"""Tessie's instants are seconds in records and milliseconds in states; one above this is in milliseconds."""
LARGEST = 2**63
"""Integers from here on are none of SQLite's."""
LONGEST = 10_000
"""Characters of a text; a longer one is treated as unreadable."""


def _instant(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LARGEST:
        raise ValueError("not Unix seconds")
    return from_epoch(value / 1000 if value > MILLISECONDS else value)


def _number(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, int) and not -LARGEST <= value < LARGEST):
        raise ValueError("not a number that fits a column")
    return value


def _text(value: object) -> object:
    if isinstance(value, str) and (len(value) > LONGEST or not (value.isascii() or _is_unicode(value))):
        raise ValueError("not a text that fits a column")
    return value


def _is_unicode(text: str) -> bool:
    """Tell whether a text has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


FORMS: Mapping[Kind, Any] = {
    Kind.TEXT: Annotated[str, BeforeValidator(_text)],
    Kind.INTEGER: Annotated[int, BeforeValidator(_number)],
    Kind.REAL: Annotated[float, BeforeValidator(_number)],
    Kind.BOOLEAN: bool,
    Kind.INSTANT: Annotated[str, BeforeValidator(_instant)],
}
"""The type of a field by the kind of the column that it fills."""


class Cell(NamedTuple):
    """One column: its field's path in the JSON object, and the type that the field is read by."""

    column: str
    path: tuple[str, ...]
    type: TypeAdapter[Any]
    is_required: bool


class Source:
    """Fields of one of Tessie's objects that fill columns of a table.

    `fields` lists the columns, with the field's path if its name differs: `heading_deg=drive_state.heading`.
    A field is required if its column is NOT NULL, unless it is marked with `?`.
    """

    def __init__(self, table: str, fields: str) -> None:
        self.table = table
        self._paths: dict[str, tuple[str, ...]] = {}
        self._optional: set[str] = set()
        for field in fields.split():
            name, _, path = field.partition("=")
            column = name.removesuffix("?")
            self._paths[column] = tuple((path or column).split("."))
            if name != column:
                self._optional.add(column)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns in their order."""
        return tuple(self._paths)

    @cached_property
    def cells(self) -> list[Cell]:
        """The columns with their types from the schema; built at the first read, as no start reads records."""
        columns = SCHEMA.relations[self.table].columns
        return [
            Cell(name, path, _type(columns[name].kind), not columns[name].nullable and name not in self._optional)
            for name, path in self._paths.items()
        ]

    def members(self, value: Mapping[str, object]) -> set[str]:
        """Return the columns that the object has: their field itself, or the object that holds it."""
        return {column for column, path in self._paths.items() if value.get(path[0]) is not None}


_COMMON = (
    "tessie_id=id started_at ended_at starting_battery_pct=starting_battery ending_battery_pct=ending_battery "
    "energy_used_kwh=energy_used tessie_updated_at=updated_at "
)

DRIVE = Source(
    "drives",
    _COMMON + "starting_location starting_saved_location starting_latitude starting_longitude ending_location "
    "ending_saved_location ending_latitude ending_longitude starting_odometer_mi=starting_odometer "
    "ending_odometer_mi=ending_odometer distance_mi=odometer_distance autopilot_distance_mi=autopilot_distance "
    "average_speed_mph=average_speed max_speed_mph=max_speed inside_temp_c=average_inside_temperature "
    "outside_temp_c=average_outside_temperature rated_range_used_mi=rated_range_used "
    "ideal_range_used_mi=ideal_range_used tag",
)
CHARGE = Source(
    "charges",
    _COMMON + "location saved_location latitude longitude is_supercharger is_fast_charger odometer_mi=odometer "
    "energy_added_kwh=energy_added rated_range_added_mi=miles_added ideal_range_added_mi=miles_added_ideal cost",
)
IDLE = Source(
    "idles",
    _COMMON + "location saved_location latitude longitude rated_range_used_mi=rated_range_used "
    "ideal_range_used_mi=ideal_range_used climate_fraction sentry_fraction",
)
RECORDS: Mapping[str, Source] = {"drives": DRIVE, "charges": CHARGE, "idles": IDLE}
"""The kinds of history, by the name of both Tessie's path and the table."""

CAPACITY = Source(
    "battery_health",
    "recorded_at=timestamp odometer_mi=odometer max_range_mi=max_range max_ideal_range_mi=max_ideal_range "
    "capacity_kwh=capacity",
)
ORIGINAL_CAPACITY = Source(
    "vehicles", "vin original_capacity_kwh=original_capacity degradation_pct=degradation_percent"
)

VEHICLE = Source(
    "vehicles",
    "tessie_id=id_s display_name state car_type=vehicle_config.car_type trim_badging=vehicle_config.trim_badging "
    "exterior_color=vehicle_config.exterior_color wheel_type=vehicle_config.wheel_type "
    "utc_offset_s=vehicle_config.utc_offset recorded_at=vehicle_state.timestamp odometer_mi=vehicle_state.odometer "
    "is_locked=vehicle_state.locked is_user_present=vehicle_state.is_user_present "
    "is_sentry_on=vehicle_state.sentry_mode tire_front_left_bar=vehicle_state.tpms_pressure_fl "
    "tire_front_right_bar=vehicle_state.tpms_pressure_fr tire_rear_left_bar=vehicle_state.tpms_pressure_rl "
    "tire_rear_right_bar=vehicle_state.tpms_pressure_rr car_version=vehicle_state.car_version "
    "battery_pct=charge_state.battery_level usable_battery_pct=charge_state.usable_battery_level "
    "rated_range_mi=charge_state.battery_range estimated_range_mi=charge_state.est_battery_range "
    "ideal_range_mi=charge_state.ideal_battery_range energy_remaining_kwh=charge_state.energy_remaining "
    "charging_state=charge_state.charging_state charger_power_kw=charge_state.charger_power "
    "minutes_to_full_charge=charge_state.minutes_to_full_charge latitude=drive_state.latitude "
    "longitude=drive_state.longitude heading_deg=drive_state.heading speed_mph=drive_state.speed "
    "shift_state=drive_state.shift_state is_climate_on=climate_state.is_climate_on "
    "inside_temp_c=climate_state.inside_temp outside_temp_c=climate_state.outside_temp",
)
SETTINGS = Source(
    "vehicle_settings",
    "recorded_at=vehicle_state.timestamp charge_limit_pct=charge_state.charge_limit_soc "
    "charge_amps=charge_state.charge_amps scheduled_charging_mode=charge_state.scheduled_charging_mode "
    "scheduled_charging_start_min=charge_state.scheduled_charging_start_time_minutes "
    "scheduled_departure_min=charge_state.scheduled_departure_time_minutes "
    "is_preconditioning_enabled=charge_state.preconditioning_enabled "
    "is_off_peak_charging_enabled=charge_state.off_peak_charging_enabled "
    "driver_temp_setting_c=climate_state.driver_temp_setting "
    "passenger_temp_setting_c=climate_state.passenger_temp_setting "
    "cabin_overheat_protection=climate_state.cabin_overheat_protection is_sentry_on=vehicle_state.sentry_mode "
    "is_valet_on=vehicle_state.valet_mode speed_limit_mph=vehicle_state.speed_limit_mode.current_limit_mph "
    "is_speed_limit_on=vehicle_state.speed_limit_mode.active gui_distance_units=gui_settings.gui_distance_units "
    "gui_temperature_units=gui_settings.gui_temperature_units "
    "gui_charge_rate_units=gui_settings.gui_charge_rate_units "
    "gui_tire_pressure_units=gui_settings.gui_tirepressure_units gui_range_display=gui_settings.gui_range_display "
    "is_gui_24_hour=gui_settings.gui_24_hour_time",
)
CLIMATE = Source(
    "climates",
    "recorded_at=climate_state.timestamp inside_temp_c=climate_state.inside_temp "
    "outside_temp_c=climate_state.outside_temp driver_temp_setting_c=climate_state.driver_temp_setting "
    "passenger_temp_setting_c=climate_state.passenger_temp_setting is_climate_on=climate_state.is_climate_on "
    "is_auto_conditioning_on=climate_state.is_auto_conditioning_on "
    "is_preconditioning=climate_state.is_preconditioning is_front_defroster_on=climate_state.is_front_defroster_on "
    "is_rear_defroster_on=climate_state.is_rear_defroster_on is_battery_heater_on=climate_state.battery_heater "
    "fan_status=climate_state.fan_status defrost_mode=climate_state.defrost_mode "
    "climate_keeper_mode=climate_state.climate_keeper_mode "
    "cabin_overheat_protection=climate_state.cabin_overheat_protection "
    "seat_heater_left=climate_state.seat_heater_left seat_heater_right=climate_state.seat_heater_right "
    "is_steering_wheel_heater_on=climate_state.steering_wheel_heater",
)
SOFTWARE = Source(
    "software_updates",
    "version?=vehicle_state.software_update.version status?=vehicle_state.software_update.status "
    "download_pct=vehicle_state.software_update.download_perc install_pct=vehicle_state.software_update.install_perc "
    "expected_duration_s=vehicle_state.software_update.expected_duration_sec",
)
"""An update that the car offers or is installing; `version` is a blank if there is none."""


class Read(NamedTuple):
    """A row as it was read, None if it lacks a required field; `unreadable` names the fields that cannot be read."""

    row: dict[str, Any] | None
    unreadable: list[str]


def read(source: Source, value: object) -> Read:
    """Read a record. A field that cannot be read is null; without an id or an instant there is no row."""
    if not isinstance(value, Mapping):
        return Read(None, ["record"])
    row: dict[str, Any] = {}
    unreadable: list[str] = []
    lacking: list[str] = []
    for column, path, type_, is_required in source.cells:
        member = _member(path, value)
        row[column] = None if member is None else _read_as(type_, member)
        if row[column] is None and is_required:
            lacking.append(path[-1])
        elif row[column] is None and member is not None:
            unreadable.append(column)
    return Read(None, sorted(lacking)) if lacking else Read(row, unreadable)


@cache
def _type(kind: Kind) -> TypeAdapter[Any]:
    return TypeAdapter(FORMS[kind], config=ConfigDict(allow_inf_nan=False))


def _read_as(type_: TypeAdapter[Any], value: object) -> object:
    try:
        return type_.validate_python(value)
    except ValidationError:
        return None


def _member(path: tuple[str, ...], value: object) -> object:
    """Return the value at a path in a JSON object."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def read_id(value: object) -> int | None:
    """Return a record's id, or None if the value is no id."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:
        return None
    return int(value) if -LARGEST <= value < LARGEST else None


def read_instant(value: object) -> str | None:
    """Return Unix seconds or milliseconds as a stored instant, or None if the value is no instant."""
    try:
        return _instant(value)
    except ValueError:
        return None
