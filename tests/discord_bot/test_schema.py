"""The schema that all migrations leave, and what the environment on Workers says."""

import sqlite3
from contextlib import closing
from pathlib import Path

from discord_bot.app import app
from edge.runtimes.local.migrations import migrate
from pyedge import config

from .conftest import ROOT

GOLDEN = ROOT / "tests" / "golden" / "discord_bot.sql"


def test_the_schema_is_the_one_in_the_golden_file(tmp_path: Path) -> None:
    migrate(tmp_path / "DB.sqlite", ROOT / "migrations" / app.migrations)
    query = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'd1_%' ORDER BY tbl_name, type, name"
    with closing(sqlite3.connect(tmp_path / "DB.sqlite")) as connection:
        schema = "".join(f"{sql};\n\n" for (sql,) in connection.execute(query))
    assert schema == GOLDEN.read_text(encoding="utf-8"), f"if it is meant, write it to {GOLDEN.name}"


def test_the_environment_is_what_the_app_declares() -> None:
    wrangler = config.read(ROOT / "wrangler.toml", "discord-bot")
    fields = {field.name: field for field in app.settings.fields}
    assert wrangler["name"] == app.name
    assert wrangler["triggers"]["crons"] == [cron for cron, _ in app.jobs]
    required = {name for name, field in fields.items() if field.kind == "secret" and field.required}
    assert set(wrangler["secrets"]["required"]) == required
    assert {fields[name].kind for name in wrangler["vars"]} == {"variable"}
    assert not app.settings(wrangler["vars"]).faults.keys() & {name.lower() for name in wrangler["vars"]}
    bindings = {
        wrangler["ai"]["binding"],
        wrangler["kv_namespaces"][0]["binding"],
        wrangler["d1_databases"][0]["binding"],
    }
    assert bindings == {name for name, field in fields.items() if field.port}
    assert ROOT / wrangler["d1_databases"][0]["migrations_dir"] == ROOT / "migrations" / app.migrations
    assert wrangler["assets"]["directory"] == "build/assets/discord_bot"
