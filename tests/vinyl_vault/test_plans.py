"""Query plans: statements of a user's requests use an index, regardless of other users' records."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from apps import ROOT
from edge import READER
from edge.data import CallerKind
from edge.runtimes.local.migrations import migrate
from vinyl_vault.sync import store
from vinyl_vault.tables import TABLES

LIST = (
    "SELECT * FROM collections WHERE deleted_at IS NULL "
    "AND (artist COLLATE NOCASE, album COLLATE NOCASE, id) > (?, ?, ?) "
    "ORDER BY artist COLLATE NOCASE, album COLLATE NOCASE, id LIMIT ?"
)
STATEMENTS: dict[str, list[str | int]] = {
    store._BY_IDS: ["[]"],
    store._PAGE: [0, 10],
    store._MEMORY: ["phone", 1, ""],
    store._NEWEST: ["phone"],
    store._CONFLICTS: ["phone", 1],
    LIST: ["", "", "", 10],
}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path: Path = tmp_path_factory.mktemp("plans") / "DB.sqlite"
    migrate(path, ROOT / "migrations" / "vinyl_vault")
    with closing(sqlite3.connect(path)) as opened:
        yield opened


@pytest.mark.parametrize("sql", STATEMENTS)
def test_statement_uses_an_index_without_sorting(connection: sqlite3.Connection, sql: str) -> None:
    scope, _ = TABLES.scope(CallerKind.MEMBER, READER)
    text, names = scope.read(sql)
    assert names == ("caller",)
    rows = connection.execute(f"EXPLAIN QUERY PLAN {text}", ["ada", *STATEMENTS[sql]]).fetchall()
    steps = [str(row[3]) for row in rows]
    assert any(step.startswith("SEARCH") and "user_id=?" in step for step in steps), steps
    assert not any(step.startswith("SCAN") and "json_each" not in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps
