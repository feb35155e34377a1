"""The tables that `/d1` can reach: columns, types, references and readers, as the migrations leave them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from edge.access import ADMIN, READER, Role


class Kind(StrEnum):
    """What a column holds, beyond SQLite's storage classes."""

    TEXT = "text"
    INTEGER = "integer"
    REAL = "real"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    JSON = "json"

    @property
    def sqlite(self) -> str:
        """The declared type in SQLite: a flag is 0 or 1, instants and JSON are text."""
        return {Kind.INTEGER: "INTEGER", Kind.BOOLEAN: "INTEGER", Kind.REAL: "REAL"}.get(self, "TEXT")


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `references` is the table whose id it holds; what is not writable, the database sets."""

    name: str
    kind: Kind
    nullable: bool = True
    default: str | int | None = None
    references: str | None = None
    writable: bool = True

    @property
    def sql(self) -> str:
        """The name as it stands in SQL."""
        return f'"{self.name}"'


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns by name in their order, and who may read it.

    `identity` names the columns that a row's id is made of where the caller gives none; a single one is the id itself.
    The rows of a table that `is_owned` are for their actor, and for administrators.
    """

    name: str
    columns: Mapping[str, Column]
    identity: tuple[str, ...] = ()
    access: Role = READER
    is_owned: bool = False

    @property
    def writable(self) -> list[Column]:
        """The columns that a caller may write."""
        return [column for column in self.columns.values() if column.writable]

    @property
    def keys(self) -> set[str]:
        """The names of the columns that hold the whole id."""
        return {"id", *(self.identity if len(self.identity) == 1 else ())}


def _table(
    name: str,
    *groups: Iterable[Column],
    later: Iterable[Column] = (),
    identity: tuple[str, ...] = (),
    access: Role = READER,
) -> Table:
    columns = [*_text("id", null=False), *(column for group in groups for column in group), *_STAMPS, *later]
    return Table(name, {column.name: column for column in columns}, identity, access)


def _columns(kind: Kind, names: tuple[str, ...], null: bool, default: str | int | None = None) -> list[Column]:
    return [Column(name, kind, null, default) for name in names]


def _text(*names: str, null: bool = True, default: str | None = None) -> list[Column]:
    return _columns(Kind.TEXT, names, null, default)


def _integer(*names: str, null: bool = True, default: int | None = None) -> list[Column]:
    return _columns(Kind.INTEGER, names, null, default)


def _real(*names: str) -> list[Column]:
    return _columns(Kind.REAL, names, null=True)


def _flag(*names: str, null: bool = True, default: int | None = None) -> list[Column]:
    return _columns(Kind.BOOLEAN, names, null, default)


def _instant(*names: str, null: bool = True) -> list[Column]:
    return _columns(Kind.INSTANT, names, null)


def _json(*names: str, null: bool = True, default: str | None = None) -> list[Column]:
    return _columns(Kind.JSON, names, null, default)


_STAMPS = [
    Column(name, Kind.INSTANT, default="CURRENT_TIMESTAMP", writable=False) for name in ("created_at", "updated_at")
]
_VIN = [Column("vin", Kind.TEXT, nullable=False, references="vehicles")]
_VIN_OR_ALL = [Column("vin", Kind.TEXT, references="vehicles")]

_ALL = (
    _table(
        "vehicles",
        _text("vin", null=False),
        _text("tessie_id", "display_name", "car_type", "trim_badging", "exterior_color", "wheel_type"),
        _flag("is_active", null=False, default=1),
        _text("state"),
        _instant("recorded_at"),
        _real("odometer_mi", "battery_pct", "usable_battery_pct"),
        _real("rated_range_mi", "estimated_range_mi", "ideal_range_mi", "energy_remaining_kwh"),
        _text("charging_state"),
        _real("charger_power_kw", "minutes_to_full_charge", "latitude", "longitude", "heading_deg", "speed_mph"),
        _text("shift_state"),
        _flag("is_locked", "is_user_present", "is_sentry_on", "is_climate_on"),
        _real("inside_temp_c", "outside_temp_c"),
        _real("tire_front_left_bar", "tire_front_right_bar", "tire_rear_left_bar", "tire_rear_right_bar"),
        _text("car_version"),
        _integer("utc_offset_s"),
        _instant("synced_at", "refreshed_at", "backfilled_at"),
        _json("backfill"),
        later=_instant("archived_at"),
        identity=("vin",),
    ),
    _table(
        "vehicle_settings",
        _VIN,
        _instant("recorded_at"),
        _real("charge_limit_pct", "charge_amps"),
        _text("scheduled_charging_mode"),
        _integer("scheduled_charging_start_min", "scheduled_departure_min"),
        _flag("is_preconditioning_enabled", "is_off_peak_charging_enabled"),
        _real("driver_temp_setting_c", "passenger_temp_setting_c"),
        _text("cabin_overheat_protection"),
        _flag("is_sentry_on", "is_valet_on"),
        _real("speed_limit_mph"),
        _flag("is_speed_limit_on"),
        _text("gui_distance_units", "gui_temperature_units", "gui_charge_rate_units"),
        _text("gui_tire_pressure_units", "gui_range_display"),
        _flag("is_gui_24_hour"),
        identity=("vin",),
    ),
    _table(
        "charges",
        _VIN,
        _integer("tessie_id", null=False),
        _instant("started_at", null=False),
        _instant("ended_at"),
        _text("location", "saved_location"),
        _real("latitude", "longitude"),
        _flag("is_supercharger", "is_fast_charger"),
        _real("odometer_mi", "energy_added_kwh", "energy_used_kwh", "rated_range_added_mi", "ideal_range_added_mi"),
        _real("starting_battery_pct", "ending_battery_pct", "cost"),
        _instant("tessie_updated_at"),
        identity=("vin", "tessie_id"),
    ),
    _table(
        "drives",
        _VIN,
        _integer("tessie_id", null=False),
        _instant("started_at", null=False),
        _instant("ended_at"),
        _text("starting_location", "starting_saved_location"),
        _real("starting_latitude", "starting_longitude"),
        _text("ending_location", "ending_saved_location"),
        _real("ending_latitude", "ending_longitude", "starting_battery_pct", "ending_battery_pct"),
        _real("starting_odometer_mi", "ending_odometer_mi", "distance_mi", "autopilot_distance_mi"),
        _real("average_speed_mph", "max_speed_mph", "inside_temp_c", "outside_temp_c"),
        _real("rated_range_used_mi", "ideal_range_used_mi", "energy_used_kwh"),
        _text("tag"),
        _instant("tessie_updated_at"),
        identity=("vin", "tessie_id"),
    ),
    _table(
        "climates",
        _VIN,
        _instant("recorded_at", null=False),
        _real("inside_temp_c", "outside_temp_c", "driver_temp_setting_c", "passenger_temp_setting_c"),
        _flag("is_climate_on", "is_auto_conditioning_on", "is_preconditioning"),
        _flag("is_front_defroster_on", "is_rear_defroster_on", "is_battery_heater_on"),
        _integer("fan_status", "defrost_mode"),
        _text("climate_keeper_mode", "cabin_overheat_protection"),
        _integer("seat_heater_left", "seat_heater_right"),
        _flag("is_steering_wheel_heater_on"),
        identity=("vin", "recorded_at"),
    ),
    _table(
        "software_updates",
        _VIN,
        _text("version", "status", null=False),
        _instant("first_seen_at", null=False),
        _instant("installed_at"),
        _real("download_pct", "install_pct"),
        _integer("expected_duration_s"),
        identity=("vin", "version"),
    ),
    _table(
        "tessie_raw",
        _text("vin"),
        _text("method", "path", null=False),
        _text("query", null=False, default=""),
        _integer("status"),
        _text("content_type", "body"),
        _integer("body_bytes", null=False, default=0),
        _flag("is_cut", null=False, default=0),
        _real("latency_ms"),
        _integer("attempts", null=False, default=1),
        _text("error", "request_id"),
        later=[
            *_text("digest"),
            *_integer("seen", null=False, default=1),
            *_instant("last_seen_at"),
            *_integer("stored_bytes"),
        ],
        access=ADMIN,
    ),
    _table(
        "sync_runs",
        _text("cause", "status", null=False),
        _text("actor", "request_id"),
        _instant("started_at", null=False),
        _instant("ended_at"),
        _integer("vehicles_total", "vehicles_done", "vehicles_failed", "rows_written", null=False, default=0),
        _json("progress", null=False, default="{}"),
        _text("error"),
    ),
    _table(
        "energy_reports",
        _VIN_OR_ALL,
        _instant("period_from", "period_to", null=False),
        _text("title", null=False),
        _json("report", null=False),
        _text("summary"),
        _integer("rows_used", null=False, default=0),
        _text("actor", "request_id"),
    ),
    _table(
        "logs",
        _text("route", "actor", "request_id"),
        _text("level", "message", null=False),
        _json("payload"),
        access=ADMIN,
    ),
    _table(
        "agent_messages",
        _text("conversation_id", "role", "content", null=False),
        _text("model"),
        _text("status", null=False),
        _integer("prompt_tokens", "completion_tokens"),
        _text("actor", "request_id"),
        later=[
            *_integer("turn", null=False, default=0),
            *_json("tool_calls"),
            *_text("tool_call_id", "finish_reason", "error"),
            *_json("subjects"),
            *_integer("least_role", null=False, default=3),
        ],
    ),
    _table(
        "agent_actions",
        _text("kind", null=False),
        _json("payload", null=False, default="{}"),
        _text("status", null=False),
        _VIN_OR_ALL,
        _integer("attempts", null=False, default=0),
        _json("result"),
        _text("error", "idempotency_key", "actor", "request_id"),
        _instant("started_at", "ended_at"),
        later=[
            *_instant("sent_at", "lease_ends_at"),
            *_text("claimed_by", "request_hash"),
            *_flag("is_called_off", null=False, default=0),
            *_integer("retries", null=False, default=0),
        ],
    ),
    _table(
        "idles",
        _VIN,
        _integer("tessie_id", null=False),
        _instant("started_at", null=False),
        _instant("ended_at"),
        _text("location", "saved_location"),
        _real("latitude", "longitude", "starting_battery_pct", "ending_battery_pct"),
        _real("rated_range_used_mi", "ideal_range_used_mi", "climate_fraction", "sentry_fraction", "energy_used_kwh"),
        _instant("tessie_updated_at"),
        identity=("vin", "tessie_id"),
    ),
    _table(
        "battery_health",
        _VIN,
        _instant("recorded_at", null=False),
        _real("odometer_mi", "max_range_mi", "max_ideal_range_mi", "capacity_kwh"),
        identity=("vin", "recorded_at"),
    ),
    _table(
        "sync_parts",
        _VIN,
        _text("part", null=False),
        _instant("synced_at", "refreshed_at", "first_failed_at"),
        _integer("failures", null=False, default=0),
        _text("error"),
        _instant("changed_at", "handled_at", "sought_at", "reread_at"),
        identity=("vin", "part"),
    ),
    _table(
        "removed_records",
        _VIN,
        _text("kind", null=False),
        _integer("tessie_id", null=False),
        _instant("started_at", "removed_at", null=False),
        _json("payload", null=False),
        identity=("vin", "kind", "tessie_id"),
    ),
)

_OWNED = {"agent_messages"}

TABLES: Mapping[str, Table] = {table.name: replace(table, is_owned=table.name in _OWNED) for table in _ALL}
"""Every table that `/d1` serves, by name."""
