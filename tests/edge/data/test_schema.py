"""The generated description of a schema: every form of table and column, and a module that says the same."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.data.schema import Index, Kind, Schema
from schema import describe, read, rendered

DDL = """
CREATE TABLE parents (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
CREATE TABLE children (
  id TEXT PRIMARY KEY,
  parent INTEGER NOT NULL REFERENCES parents (id),
  other TEXT REFERENCES pairs,
  is_done INTEGER NOT NULL DEFAULT 0,
  has_more BOOLEAN,
  started_at TEXT NOT NULL,
  day TIMESTAMP,
  topics TEXT NOT NULL DEFAULT '[]',
  fields TEXT CHECK (json_valid(fields)),
  ratio DOUBLE PRECISION DEFAULT -1.5,
  photo BLOB DEFAULT x'00',
  amount DECIMAL(10, 2),
  anything,
  note VARCHAR(20) DEFAULT 'it''s',
  twice INTEGER GENERATED ALWAYS AS (parent * 2) VIRTUAL,
  stored TEXT AS (note || '!') STORED,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  absent TEXT DEFAULT NULL,
  UNIQUE (parent, note)
);
CREATE TABLE pairs (b TEXT, a TEXT, n INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE VIEW latest AS SELECT id, started_at FROM children;
CREATE VIRTUAL TABLE found USING fts5(id UNINDEXED, body);
CREATE VIRTUAL TABLE places USING rtree(id, x0, x1);
CREATE INDEX children_by_time ON children (started_at DESC, lower(note));
CREATE UNIQUE INDEX children_open ON children (note) WHERE is_done = 0 AND (note <> ')');
CREATE UNIQUE INDEX children_day ON children (day);
CREATE TRIGGER touched AFTER UPDATE ON children BEGIN SELECT 1; SELECT 2; END;
"""


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    folder = tmp_path_factory.mktemp("migrations")
    (folder / "0001_init.sql").write_text(DDL)
    return read(folder)


def test_every_name_is_described(described: Schema) -> None:
    forms = {relation.name: relation.form for relation in described.relations.values()}
    assert forms == {
        "children": "table",
        "found": "fts",
        "latest": "view",
        "pairs": "table",
        "parents": "table",
        "places": "virtual",
    }
    stored = "found_config found_content found_data found_docsize found_idx places_node places_parent places_rowid"
    assert described.hidden == (*stored.split(), "d1_migrations")
    assert described.triggers == ("touched",)


def test_columns_have_kinds_by_type_name_default_or_check(described: Schema) -> None:
    kinds = " ".join(f"{name}={column.kind}" for name, column in described.relations["children"].columns.items())
    assert kinds == (
        "id=text parent=integer other=text is_done=boolean has_more=boolean started_at=instant day=instant topics=json "
        "fields=json ratio=real photo=blob amount=real anything=text note=text twice=integer stored=text "
        "created_at=instant absent=text"
    )


def test_columns_have_nulls_defaults_and_references(described: Schema) -> None:
    columns = described.relations["children"].columns
    required = {name for name, column in columns.items() if not column.nullable}
    assert required == {"id", "parent", "is_done", "started_at", "topics"}
    defaults = {name: column.default for name, column in columns.items() if column.default is not None}
    assert defaults == {"is_done": 0, "topics": "[]", "ratio": -1.5, "note": "it's"}
    expressions = {name: column.expression for name, column in columns.items() if column.expression}
    assert expressions == {"photo": "x'00'", "created_at": "CURRENT_TIMESTAMP"}
    references = {name: column.references for name, column in columns.items() if column.references}
    assert references == {"parent": "parents", "other": "pairs"}
    assert {name for name, column in columns.items() if column.is_generated} == {"twice", "stored"}


def test_declared_types_and_affinities_are_those_of_sqlite(described: Schema) -> None:
    columns = described.relations["children"].columns
    assert {name: (columns[name].type, columns[name].affinity) for name in AFFINITIES} == AFFINITIES


AFFINITIES = {
    "parent": ("INTEGER", "integer"),
    "has_more": ("BOOLEAN", "numeric"),
    "ratio": ("DOUBLE_PRECISION", "real"),
    "photo": ("BLOB", "blob"),
    "amount": ("DECIMAL(10,_2)", "numeric"),
    "anything": ("", "blob"),
    "note": ("VARCHAR(20)", "text"),
}


def test_keys_and_indexes_are_described(described: Schema) -> None:
    assert described.relations["pairs"].key == ("a", "b")
    assert described.relations["children"].unique == (("day",), ("parent", "note"))
    assert described.relations["parents"].unique == (("name",),)
    assert described.indexes == (
        Index("children_by_time", "children", ("started_at DESC", "lower(note)")),
        Index("children_day", "children", ("day",), is_unique=True),
        Index("children_open", "children", ("note",), is_unique=True, where="is_done = 0 AND (note <> ')')"),
    )


def test_module_holds_the_described_schema(described: Schema) -> None:
    names: dict[str, Any] = {}
    exec(rendered(described), names)
    module_schema: Schema = names["SCHEMA"]
    assert rendered(module_schema) == rendered(described)
    assert {name: relation.columns for name, relation in module_schema.relations.items()} == {
        name: relation.columns for name, relation in described.relations.items()
    }
    assert (module_schema.indexes, module_schema.triggers, module_schema.hidden) == (
        described.indexes,
        described.triggers,
        described.hidden,
    )


def test_name_that_is_no_lower_case_word_is_refused() -> None:
    for statement in ('CREATE TABLE "Drives" (a)', 'CREATE TABLE t ("two words")', "CREATE VIEW ä AS SELECT 1 AS a"):
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute(statement)
            with pytest.raises(SystemExit, match="lower-case word"):
                describe(connection)


def test_kinds_are_a_closed_list() -> None:
    assert [kind.value for kind in Kind] == ["text", "integer", "real", "boolean", "instant", "json", "blob"]


def test_an_empty_folder_leaves_only_the_journal_of_migrations(tmp_path: Path) -> None:
    assert read(tmp_path).hidden == ("d1_migrations",)
    assert read(tmp_path).relations == {}
