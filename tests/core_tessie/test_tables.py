"""The registry of tables says what the migrations leave."""

from core_tessie.d1.filters import CHOICE, INSERT, PAGE
from core_tessie.tables import TABLES, Kind
from edge.access import ADMIN, READER
from edge.ports import Database
from edge.testing import Client

from .conftest import Runner

UNREACHABLE = {"api_keys", "tickets", "d1_migrations", "sqlite_sequence"}
"""Tables of the platform; a table of the app's own that `/d1` is not to serve would be named here too."""
STAMPS = {"created_at", "updated_at"}


def database(client: Client) -> Database:
    db: Database = client.ports.settings.db
    return db


def test_every_table_of_the_schema_is_registered(run: Runner) -> None:
    async def case(client: Client) -> None:
        rows = await database(client).all("SELECT name FROM sqlite_schema WHERE type = 'table'")
        names = {row["name"] for row in rows if not row["name"].startswith("_")}
        assert names - UNREACHABLE == set(TABLES)

    run(case)


def test_columns_have_the_order_types_nulls_and_defaults_of_the_schema(run: Runner) -> None:
    async def case(client: Client) -> None:
        for table in TABLES.values():
            rows = await database(client).all(f"PRAGMA table_info({table.name})")
            schema = [(row["name"], row["type"], row["notnull"] or row["pk"], row["dflt_value"]) for row in rows]
            columns = table.columns.values()
            assert [(c.name, c.kind.sqlite, int(not c.nullable), literal(c.default)) for c in columns] == schema

    run(case)


def literal(default: str | int | None) -> str | None:
    is_text = isinstance(default, str) and default != "CURRENT_TIMESTAMP"
    return f"'{default}'" if is_text else None if default is None else str(default)


def test_references_are_the_foreign_keys_of_the_schema(run: Runner) -> None:
    async def case(client: Client) -> None:
        for table in TABLES.values():
            keys = await database(client).all(f"PRAGMA foreign_key_list({table.name})")
            declared = {column.name: column.references for column in table.columns.values() if column.references}
            assert declared == {key["from"]: key["table"] for key in keys if key["to"] == "id"}
            assert len(keys) == len(declared)

    run(case)


def test_kinds_follow_the_names() -> None:
    for table in TABLES.values():
        for column in table.columns.values():
            named = column.name.endswith("_at") or column.name.startswith("period_")
            assert (column.kind is Kind.INSTANT) == named, column
            assert (column.kind is Kind.BOOLEAN) == column.name.startswith("is_"), column


def test_json_stands_where_the_schema_says() -> None:
    found = {column.name for table in TABLES.values() for column in table.columns.values() if column.kind is Kind.JSON}
    assert found == {"backfill", "tool_calls", "progress", "report", "payload", "result", "subjects"}


def test_no_column_hides_behind_a_word_of_the_dialect() -> None:
    words = (PAGE | CHOICE | INSERT) | {"and", "or", "not", "on_conflict", "cursor"}
    assert not words & {name for table in TABLES.values() for name in table.columns}


def test_only_logs_and_raw_answers_are_for_admins() -> None:
    assert {table.name for table in TABLES.values() if table.access is not READER} == {"logs", "tessie_raw"}
    assert TABLES["logs"].access is ADMIN


def test_only_the_stamps_are_the_databases_own() -> None:
    for table in TABLES.values():
        assert {column.name for column in table.columns.values() if not column.writable} == STAMPS


def test_an_identity_is_made_of_columns_that_are_never_null() -> None:
    for table in TABLES.values():
        assert not any(table.columns[name].nullable for name in table.identity)
