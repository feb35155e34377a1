"""Declared conditions compile, and their plans search an index."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.contracts import world
from tests.contracts.world_schema import SCHEMA as WORLD
from tests.golden_files import check_golden

from apps import ROOT, load, packages
from core_tessie.tables import TABLES
from edge.access import ADMIN, OPERATOR, READER, Role
from edge.data import CallerKind, Tables
from edge.runtimes.local.migrations import migrate
from schema import describe, rendered

ROLES = {CallerKind.ANONYMOUS: Role.PUBLIC, CallerKind.ADMIN: ADMIN}
VALUES = {"caller": "a", "role": 1, "subjects": '["v"]'}
BY_KEY = {"capsule_versions": "capsule_id = 'a'"}
"""Tables that are only read by a key: another table decides on the visibility of each row."""


@pytest.fixture(scope="module")
def tessie(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("tessie") / "DB.sqlite"
    migrate(path, ROOT / "migrations")
    with closing(sqlite3.connect(path, cached_statements=0)) as connection:
        yield connection


@pytest.fixture(scope="module")
def worlds() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in (*world.DDL, *world.INDEXES):
            connection.execute(statement)
        yield connection


def plans(tables: Tables, connection: sqlite3.Connection) -> Iterator[tuple[str, CallerKind, list[str]]]:
    """Yield the plan of reading each table for each kind of caller that sees some of its rows."""
    for kind in CallerKind:
        for role in {ROLES.get(kind, READER), ROLES.get(kind, OPERATOR)}:
            scope, _ = tables.scope(kind, role)
            for name, where in scope.readable.items():
                if where not in {"0", "false", "true"}:
                    key = f" WHERE {BY_KEY[name]}" if name in BY_KEY else ""
                    sql, names = scope.read(f"SELECT * FROM {name}{key}")
                    steps = connection.execute(f"EXPLAIN QUERY PLAN {sql}", [VALUES[name] for name in names])
                    yield name, kind, [str(step[3]) for step in steps]


def scans(plan: list[str], tables: Tables) -> list[str]:
    """Return the steps that read a table from end to end."""
    steps = [step for step in plan if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
    return [step for step in steps if step.split()[1].removeprefix("main.") in tables.schema.relations]


def test_each_condition_searches_an_index(tessie: sqlite3.Connection) -> None:
    results = [*plans(TABLES, tessie)]
    assert {name for name, _, _ in results} >= {"drives", "agent_messages", "energy_reports"}
    assert [(name, kind, plan) for name, kind, plan in results if scans(plan, TABLES)] == []


@pytest.mark.parametrize("package", packages())
def test_each_condition_of_an_app_searches_an_index_also_with_statistics(package: str, tmp_path: Path) -> None:
    app = load(package)
    tables = app.tables
    assert isinstance(tables, Tables)
    migrate(tmp_path / "DB.sqlite", ROOT / "migrations" / app.migrations)
    with closing(sqlite3.connect(tmp_path / "DB.sqlite", cached_statements=0)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_stat1").fetchone()[0] > 0
        results = [*plans(tables, connection)]
    assert [(name, kind, plan) for name, kind, plan in results if scans(plan, tables)] == []


def test_condition_without_an_index_is_noticed(tessie: sqlite3.Connection) -> None:
    (index,) = tessie.execute("SELECT sql FROM sqlite_schema WHERE name = 'agent_messages_actor'").fetchone()
    tessie.execute("DROP INDEX agent_messages_actor")
    results = [name for name, _, plan in plans(TABLES, tessie) if scans(plan, TABLES)]
    tessie.execute(index)
    assert set(results) == {"agent_messages"}


def test_conditions_of_the_world_search_an_index(worlds: sqlite3.Connection) -> None:
    results = {name for name, _, plan in plans(world.TABLES, worlds) if scans(plan, world.TABLES)}
    assert results == {"comments"}  # its EXISTS is asked for each row; IN would search the index


def test_every_statement_of_a_scope_compiles(worlds: sqlite3.Connection, tessie: sqlite3.Connection) -> None:
    for tables, connection in ((world.TABLES, worlds), (TABLES, tessie)):
        for kind in CallerKind:
            for role in Role:
                scope, writes = tables.scope(kind, role)
                for name, relation in tables.schema.relations.items():
                    sql, names = scope.read(f"SELECT count(*) FROM {name}")
                    connection.execute(f"EXPLAIN {sql}", [VALUES[name] for name in names])
                    rows = tables.rows.get(name)
                    if rows is None or rows.declared.private or relation.form != "table" or not relation.key:
                        continue
                    if role >= rows.declared.write and scope.own.get(name) != "0":
                        text, names = writes.delete(name, "true", ())
                        connection.execute(f"EXPLAIN {text}", [VALUES[name] for name in names])


@pytest.mark.golden
def test_schema_of_the_world_is_the_one_that_its_statements_leave(worlds: sqlite3.Connection) -> None:
    check_golden(Path(world.__file__).with_name("world_schema.py"), rendered(describe(worlds)))
    assert WORLD.triggers == ("drives_changed", "drives_found")
