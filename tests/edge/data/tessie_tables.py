"""The declaration that core_tessie's tables are to have, until the app has it itself."""

from core_tessie.schema import SCHEMA
from edge.access import ADMIN, READER
from edge.data import BOUND, Kind, Table, Tables

VEHICLES = {BOUND: "vin IN (SELECT value FROM json_each(:subjects))"}
"""The rows of the vehicles that a key is bound to; a row about none is not among them."""

TABLES = Tables(
    SCHEMA,
    Table("vehicles", read=READER, write=ADMIN, own=VEHICLES, kinds={"backfill": Kind.JSON}),
    Table("vehicle_settings", read=READER, write=ADMIN, own=VEHICLES),
    Table("charges", read=READER, write=ADMIN, own=VEHICLES),
    Table("drives", read=READER, write=ADMIN, own=VEHICLES),
    Table("idles", read=READER, write=ADMIN, own=VEHICLES),
    Table("climates", read=READER, write=ADMIN, own=VEHICLES),
    Table("battery_health", read=READER, write=ADMIN, own=VEHICLES),
    Table("software_updates", read=READER, write=ADMIN, own=VEHICLES),
    Table(
        "energy_reports",
        read=READER,
        write=READER,
        own=VEHICLES,
        kinds={"period_from": Kind.INSTANT, "period_to": Kind.INSTANT, "report": Kind.JSON},
    ),
    Table("agent_actions", read=READER, write=READER, own=VEHICLES, kinds={"result": Kind.JSON}),
    Table(
        "agent_messages",
        read=READER,
        write=READER,
        own="actor = :caller",
        kinds={"tool_calls": Kind.JSON, "subjects": Kind.JSON},
        has_rowid=True,
    ),
    Table("sync_runs", read=READER),
    Table("tessie_raw"),
    Table("logs", kinds={"payload": Kind.JSON}),
    Table("api_keys", private=True, kinds={"subjects": Kind.JSON}),
    Table("tickets", private=True, kinds={"subjects": Kind.JSON}),
)
