"""The declaration of the tables: served tables, their readers, and the columns that filters may use."""

from core_tessie.d1.bodies import keys_of
from core_tessie.d1.filters import CHOICE, INSERT, PAGE
from core_tessie.d1.values import EXPECTED, is_writable
from core_tessie.tables import NATURAL_IDS, SERVED, TABLES
from core_tessie.tessie.records import (
    CAPACITY,
    CLIMATE,
    ORIGINAL_CAPACITY,
    RECORDS,
    SETTINGS,
    SOFTWARE,
    VEHICLE,
)
from edge.access import ADMIN, READER
from edge.data import Kind
from edge.ports import Database
from edge.testing import Client

from .conftest import Runner

UNREACHABLE = {"api_keys", "tickets", "d1_migrations", "sqlite_sequence", "sqlite_stat1", "sqlite_stat4"}
"""Tables of the platform; a table of the app's own that `/d1` is not to serve would be named here too."""
VALUES = {Kind.TEXT: "x", Kind.INTEGER: 7, Kind.REAL: 1.5, Kind.BOOLEAN: True, Kind.INSTANT: 1_700_000_000}
"""A value of Tessie's for each kind of column."""
TYPES = {Kind.TEXT: str, Kind.INTEGER: int, Kind.REAL: float, Kind.BOOLEAN: bool, Kind.INSTANT: str}
STAMPS = {"created_at", "updated_at"}


def database(client: Client) -> Database:
    db: Database = client.ports.settings.db
    return db


def test_every_table_of_the_schema_is_registered(run: Runner) -> None:
    async def case(client: Client) -> None:
        rows = await database(client).all("SELECT name FROM sqlite_schema WHERE type = 'table'")
        names = {row["name"] for row in rows if not row["name"].startswith("_")}
        assert names - UNREACHABLE == set(SERVED)
        assert {name for name, rows in TABLES.rows.items() if rows.declared.private} == {"api_keys", "tickets"}

    run(case)


def test_kinds_follow_the_names() -> None:
    for table in SERVED.values():
        for column in table.columns.values():
            named = column.name.endswith("_at") or column.name.startswith("period_")
            assert (column.kind is Kind.INSTANT) == named, column
            assert (column.kind is Kind.BOOLEAN) == column.name.startswith("is_"), column
            assert column.kind in EXPECTED, column


def test_json_columns_are_those_of_the_schema() -> None:
    names = {column.name for table in SERVED.values() for column in table.columns.values() if column.kind is Kind.JSON}
    assert names == {
        "backfill",
        "tool_calls",
        "progress",
        "report",
        "payload",
        "result",
        "subjects",
        "owner_value",
        "tessie_value",
        "rates",
    }


def test_no_column_has_the_name_of_a_reserved_parameter() -> None:
    words = (PAGE | CHOICE | INSERT) | {"and", "or", "not", "on_conflict", "cursor"}
    assert not words & {name for table in SERVED.values() for name in table.columns}


def test_only_logs_and_raw_answers_are_for_admins() -> None:
    assert {name for name, table in SERVED.items() if table.declared.read is not READER} == {"logs", "tessie_raw"}
    assert SERVED["logs"].declared.read is ADMIN


def test_only_the_stamps_are_the_databases_own() -> None:
    for table in SERVED.values():
        computed = {column.name for column in table.columns.values() if column.is_generated}
        assert {column.name for column in table.columns.values() if not is_writable(column)} == STAMPS | computed
        assert computed <= {"implausible"}


def test_natural_ids_have_no_nullable_columns() -> None:
    for name, columns in NATURAL_IDS.items():
        assert not any(SERVED[name].columns[column].nullable for column in columns)
        assert SERVED[name].relation.key == ("id",)
        assert keys_of(SERVED[name]) <= {"id", *columns}


def test_records_of_tessie_have_columns_and_types_of_the_schema() -> None:
    for source in (*RECORDS.values(), CAPACITY, ORIGINAL_CAPACITY, VEHICLE, SETTINGS, CLIMATE, SOFTWARE):
        for cell in source.cells:
            column = SERVED[source.table].columns[cell.column]
            assert not column.is_generated
            assert type(cell.type.validate_python(VALUES[column.kind])) is TYPES[column.kind], (source.table, column)


def test_a_state_needs_no_field_and_a_record_those_of_its_identity() -> None:
    assert not [cell for source in (VEHICLE, SETTINGS, SOFTWARE) for cell in source.cells if cell.is_required]
    required = {source: [cell.column for cell in source.cells if cell.is_required] for source in RECORDS.values()}
    assert all(columns == ["tessie_id", "started_at"] for columns in required.values())
    assert [cell.column for cell in (*CAPACITY.cells, *CLIMATE.cells) if cell.is_required] == ["recorded_at"] * 2
