"""A database with a full-text table goes into a backup and comes back the same, at home and at Cloudflare."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from apps import ROOT, load
from deploying.account import Account
from deploying.refusal import Refusal
from edge.runtimes.local.migrations import migrate
from edge.runtimes.local.runtime import database_path
from klear_karma.schema import SCHEMA
from market.load import Local as Loaded
from market.load import load as load_market
from market.rows import Plan
from sims.cloudflare import StorageSim
from table_backup import Local, Remote, dump, main, restore, tables

APP = load("klear_karma")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("backup")
    load_market(Plan(12, 3, date(2026, 11, 29)), Loaded(APP, place))
    return place


@pytest.fixture(scope="module")
def lines(state: Path) -> list[str]:
    path = database_path(APP, state)
    assert path is not None
    with closing(Local(path)) as source:
        return [*dump(source, SCHEMA)]


@pytest.fixture(scope="module")
def sim() -> Iterator[StorageSim]:
    with StorageSim() as running:
        yield running


def test_parents_come_before_their_children() -> None:
    order = [name for name, _ in tables(SCHEMA)]
    assert order.index("users") < order.index("practitioners") < order.index("appointments") < order.index("reviews")
    assert "practitioner_texts" in order
    assert not [name for name in order if name.startswith("practitioner_texts_")]


def test_backup_comes_back_the_same_and_is_searched(lines: list[str], tmp_path: Path) -> None:
    path = tmp_path / "DB.sqlite"
    migrate(path, ROOT / "migrations" / "klear_karma")
    with closing(Local(path)) as target:
        counts = restore(target, SCHEMA, iter(lines))
        assert (counts["practitioners"], counts["practitioner_texts"]) == (12, 12)
        assert [*dump(target, SCHEMA)] == lines
        sql = "SELECT count(*) AS n FROM practitioner_texts WHERE words MATCH ?"
        matches = target.query(sql, ['"session" OR "private"'])
        assert matches[0]["n"] > 0
        with pytest.raises(Refusal, match="has rows"):
            restore(target, SCHEMA, iter(lines))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_backup_of_other_migrations_is_refused(lines: list[str], tmp_path: Path) -> None:
    migrate(tmp_path / "DB.sqlite", ROOT / "migrations" / "klear_karma")
    with closing(Local(tmp_path / "DB.sqlite")) as target, pytest.raises(Refusal, match="migrations"):
        restore(target, SCHEMA, iter([json.dumps({"migrations": ["0001_other.sql"]}), *lines[1:]]))


@pytest.mark.slow
def test_backup_goes_to_a_database_of_the_account_and_back(lines: list[str], sim: StorageSim, tmp_path: Path) -> None:
    database = sim.add_database("klear-karma-db-staging")
    migrate(tmp_path / "DB.sqlite", ROOT / "migrations" / "klear_karma")
    with closing(sqlite3.connect(tmp_path / "DB.sqlite")) as empty:
        for (sql,) in empty.execute(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'practitioner_texts_%' "
            "AND name NOT LIKE 'sqlite_%'"
        ):
            database.query({"sql": sql})
        for (name,) in empty.execute("SELECT name FROM d1_migrations"):
            database.query({"sql": "INSERT INTO d1_migrations (name) VALUES (?)", "params": [name]})
    remote = Remote(Account(sim.environment), "klear-karma-db-staging")
    restore(remote, SCHEMA, iter(lines))
    assert [*dump(remote, SCHEMA)] == lines


def test_command_writes_a_file_for_its_owner(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE", str(state))
    variables = {"FILE": str(tmp_path / "rows.jsonl")}
    assert main(["backup"], variables) == 0
    assert (tmp_path / "rows.jsonl").stat().st_mode & 0o777 == 0o600
    assert main(["backup"], variables) == 2, "a file that is there is not written over"
    assert main(["restore"], variables) == 2, "the database has rows"
