"""Migrations hold nothing that D1's API, which splits a file at semicolons, would cut apart."""

from pathlib import Path

import pytest

from apps import ROOT
from migration_check import check, faults, main

TRIGGER = "CREATE TRIGGER t AFTER UPDATE ON a BEGIN\n  UPDATE a SET b = 1;\nEND;\n"


def test_migrations_of_all_apps_pass() -> None:
    assert check(ROOT / "migrations") == []


@pytest.mark.parametrize(
    ("script", "line"),
    [
        (TRIGGER, 1),
        (TRIGGER.upper(), 1),
        (TRIGGER.lower().replace("\n", "\r\n"), 1),
        (f"CREATE TABLE a (b);\n-- a table\n{TRIGGER}", 3),
        ("CREATE TABLE a (b);\ncreate /* so */ temp -- or\n trigger t INSERT ON a BEGIN SELECT 1; END;", 3),
        ("create trigger if not exists t insert on a begin select 1; end", 1),
        ("CREATE TABLE a (b); -- one; two\n", 1),
        ("\n/* one\n; two */ CREATE TABLE a (b);", 2),
        ("INSERT INTO a VALUES ('it''s; so');", 1),
        ('CREATE TABLE "a;b" (c);', 1),
    ],
)
def test_cut_construct_is_refused_with_its_line(script: str, line: int) -> None:
    [fault] = faults(script)
    assert fault.startswith(f"line {line}: ")


@pytest.mark.parametrize(
    "script",
    [
        "",
        "-- nothing\n",
        "CREATE TABLE trigger_log (trigger TEXT);\nCREATE INDEX a ON trigger_log (trigger);",
        "DROP TRIGGER IF EXISTS t;\nDROP TRIGGER u;",
        "INSERT INTO a VALUES ('CREATE TRIGGER t BEGIN');",
    ],
)
def test_plain_statements_pass(script: str) -> None:
    assert not [*faults(script)]


def test_command_names_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "migrations" / "app"
    place.mkdir(parents=True)
    (place / "0001_init.sql").write_text("CREATE TABLE a (b);\n" + TRIGGER)
    assert main([str(tmp_path / "migrations")]) == 1
    assert "migrations/app/0001_init.sql, line 2: a trigger's body" in capsys.readouterr().err
    (place / "0001_init.sql").write_text("CREATE TABLE a (b);\n")
    assert main([str(tmp_path / "migrations")]) == 0
