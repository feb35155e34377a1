"""The tables: the roles that read and write them and the owners of their rows. Migrations define the columns."""

from collections.abc import Mapping

from core_tessie.schema import SCHEMA
from edge import READER
from edge.data import BOUND, OWNER, Kind, Rows, Table, Tables

VEHICLES = {BOUND: "vin IN (SELECT value FROM json_each(:subjects))"}
"""The rows of the vehicles that a key is bound to; rows without a vehicle are excluded."""

_WROTE = "actor = :caller AND least_role <= :role"
_COVERED = (
    "subjects IS NOT NULL AND NOT EXISTS (SELECT 1 FROM json_each(subjects) AS needed "
    "WHERE (needed.value IN (SELECT value FROM json_each(:subjects))) IS NOT 1)"
)
AUTHORS = {OWNER: _WROTE, BOUND: f"{_WROTE} AND {_COVERED}"}
"""The rows that a caller wrote in its scope: a token for one vehicle does not see its key's rows about others."""

TABLES = Tables(
    SCHEMA,
    Table("vehicles", read=READER, own=VEHICLES, kinds={"backfill": Kind.JSON}),
    Table("vehicle_settings", read=READER, own=VEHICLES),
    Table("charges", read=READER, own=VEHICLES),
    Table("drives", read=READER, own=VEHICLES),
    Table("climates", read=READER, own=VEHICLES),
    Table("software_updates", read=READER, own=VEHICLES),
    Table("tessie_raw"),
    Table("sync_runs", read=READER),
    Table(
        "energy_reports",
        read=READER,
        write=READER,
        own=VEHICLES,
        kinds={"period_from": Kind.INSTANT, "period_to": Kind.INSTANT, "report": Kind.JSON},
        has_rowid=True,
    ),
    Table("logs", kinds={"payload": Kind.JSON}),
    Table(
        "agent_messages",
        read=READER,
        write=READER,
        own=AUTHORS,
        kinds={"tool_calls": Kind.JSON, "subjects": Kind.JSON},
        has_rowid=True,
    ),
    Table("agent_actions", read=READER, write=READER, own=VEHICLES, kinds={"result": Kind.JSON}, has_rowid=True),
    Table("idles", read=READER, own=VEHICLES),
    Table("battery_health", read=READER, own=VEHICLES),
    Table("tariffs", read=READER, own=VEHICLES, kinds={"rates": Kind.JSON}, has_rowid=True),
    Table("sync_parts", read=READER, own=VEHICLES),
    Table("removed_records", read=READER, own=VEHICLES, kinds={"payload": Kind.JSON}),
    Table("overrides", read=READER, own=VEHICLES, kinds={"owner_value": Kind.JSON, "tessie_value": Kind.JSON}),
    Table("api_keys", private=True),
    Table("tickets", private=True),
)

SERVED: Mapping[str, Rows] = {name: rows for name, rows in TABLES.rows.items() if not rows.declared.private}
"""The tables that a caller may name: all but the private ones."""

NATURAL_IDS: Mapping[str, tuple[str, ...]] = {
    "vehicles": ("vin",),
    "vehicle_settings": ("vin",),
    "charges": ("vin", "tessie_id"),
    "drives": ("vin", "tessie_id"),
    "idles": ("vin", "tessie_id"),
    "climates": ("vin", "recorded_at"),
    "battery_health": ("vin", "recorded_at"),
    "software_updates": ("vin", "version"),
    "sync_parts": ("vin", "part"),
    "removed_records": ("vin", "kind", "tessie_id"),
}
"""The columns that form a row's id, as the constraints `natural_id` require; a single one is the id itself."""
