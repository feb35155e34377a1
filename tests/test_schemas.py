"""The schema that all migrations of an app leave is the one in its golden file, and in its generated module."""

import importlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.golden_files import FOLDER, check_golden

from apps import ROOT, load, packages
from edge.data.schema import Schema
from edge.runtimes.local.migrations import migrate
from schema import GOLDEN, read, rendered


def schema(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return "".join(f"{sql};\n\n" for (sql,) in connection.execute(GOLDEN))


@pytest.mark.golden
@pytest.mark.parametrize("package", packages())
def test_the_schema_is_the_one_in_the_golden_file(package: str, tmp_path: Path) -> None:
    migrate(tmp_path / "DB.sqlite", ROOT / "migrations" / load(package).migrations)
    check_golden(FOLDER / f"{package}.sql", schema(tmp_path / "DB.sqlite"))


@pytest.mark.golden
@pytest.mark.parametrize("package", packages())
def test_schema_module_describes_the_migrated_schema(package: str) -> None:
    path = ROOT / "src" / package / "schema.py"
    check_golden(path, rendered(read(ROOT / "migrations" / load(package).migrations)))


@pytest.mark.parametrize("package", packages())
def test_schema_module_names_everything_that_a_database_holds(package: str, tmp_path: Path) -> None:
    migrate(tmp_path / "DB.sqlite", ROOT / "migrations" / load(package).migrations)
    described: Schema = importlib.import_module(f"{package}.schema").SCHEMA
    with closing(sqlite3.connect(tmp_path / "DB.sqlite")) as connection:
        rows = connection.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')").fetchall()
    assert {name for (name,) in rows if not name.startswith("sqlite_")} == {*described.relations, *described.hidden}
