"""The schema that all migrations of an app leave is the one in its golden file."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from apps import ROOT, load, packages
from edge.runtimes.local.migrations import migrate

QUERY = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'd1_%' ORDER BY tbl_name, type, name"


def schema(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return "".join(f"{sql};\n\n" for (sql,) in connection.execute(QUERY))


@pytest.mark.parametrize("package", packages())
def test_the_schema_is_the_one_in_the_golden_file(package: str, tmp_path: Path) -> None:
    golden = ROOT / "tests" / "golden" / f"{package}.sql"
    migrate(tmp_path / "DB.sqlite", ROOT / "migrations" / load(package).migrations)
    assert schema(tmp_path / "DB.sqlite") == golden.read_text(encoding="utf-8"), f"if it is meant, write {golden.name}"
