"""The schema that all migrations leave."""

import sqlite3
from contextlib import closing
from pathlib import Path

from discord_bot.app import app
from edge.runtimes.local.migrations import migrate

from .conftest import ROOT

GOLDEN = ROOT / "tests" / "golden" / "discord_bot.sql"


def test_the_schema_is_the_one_in_the_golden_file(tmp_path: Path) -> None:
    migrate(tmp_path / "DB.sqlite", ROOT / "migrations" / app.migrations)
    query = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'd1_%' ORDER BY tbl_name, type, name"
    with closing(sqlite3.connect(tmp_path / "DB.sqlite")) as connection:
        schema = "".join(f"{sql};\n\n" for (sql,) in connection.execute(query))
    assert schema == GOLDEN.read_text(encoding="utf-8"), f"if it is meant, write it to {GOLDEN.name}"
