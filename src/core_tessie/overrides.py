"""Overrides: the columns that an owner may correct, and upserts from Tessie that leave corrections alone.

The record tables hold the owner's values, so that readers need no other table. `overrides` stores both values.
"""

from collections.abc import Mapping, Sequence
from functools import cache

from pydantic_core import to_json

from core_tessie.tessie.records import CAPACITY, RECORDS
from edge import Statement
from edge.data.upserts import upsert
from edge.ports import Value

_FIXED = frozenset({"tessie_id", "recorded_at", "tessie_updated_at"})
"""Columns that form the id, and Tessie's own time of change: owners cannot correct them."""

RECORD_COLUMNS: Mapping[str, tuple[str, ...]] = {
    **{table: ("id", "vin", *source.columns) for table, source in RECORDS.items()},
    "battery_health": ("id", "vin", *CAPACITY.columns),
}
"""The tables of records, which an owner may also add to and remove from, with the columns that Tessie fills."""

CORRECTABLE: Mapping[str, frozenset[str]] = {
    **{table: frozenset(columns[2:]) - _FIXED for table, columns in RECORD_COLUMNS.items()},
    "vehicles": frozenset({"display_name", "car_type", "trim_badging", "exterior_color", "wheel_type"}),
}
"""The columns in which an owner's correction stays. A car's state is left out: the car alone reports it."""


def upsert_from_tessie(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[Statement]:
    """Return the upserts of rows from Tessie, keyed by `id`, the first column; corrections of the owner stay.

    Removed records stay removed, and records that the owner wrote stay as they are. Each upsert
    follows a statement that updates Tessie's values in `overrides`. Other tables have plain upserts.
    """
    if table not in CORRECTABLE:
        return upsert(table, columns, rows)
    refresh, write = _statements(table, tuple(columns))
    documents = [params[0] for _, params in upsert(table, columns, rows)]
    return [Statement(sql, (document,)) for document in documents for sql in (refresh, write)]


def set_at_tessie(table: str, column: str, value: Value, where: str, params: Sequence[Value]) -> list[Statement]:
    """Return the statements that store one value from Tessie in the records that meet a condition, like an upsert."""
    refresh = (
        "UPDATE overrides SET tessie_value = ?, updated_at = CURRENT_TIMESTAMP "
        f"WHERE record_table = '{table}' AND column_name = '{column}' "
        f"AND record_id IN (SELECT id FROM {table} WHERE {where})"
    )
    write = (
        f"UPDATE {table} SET {column} = ?, updated_at = CURRENT_TIMESTAMP "
        f"WHERE {where} AND NOT {is_owners(table, column)}"
    )
    return [Statement(refresh, (to_json(value).decode(), *params)), Statement(write, (value, *params))]


def is_owners(table: str, column: str) -> str:
    """Return the SQL condition that the owner wrote a table's record, or corrected the column in it."""
    named = f"record_table = '{table}' AND (column_name IS NULL OR column_name = '{column}')"
    return f"id IN (SELECT record_id FROM overrides WHERE {named})"


@cache
def _statements(table: str, columns: tuple[str, ...]) -> tuple[str, str]:
    return _refresh_sql(table, columns), _write_sql(table, columns)


def _refresh_sql(table: str, columns: tuple[str, ...]) -> str:
    fields = f"json_each('{to_json(columns).decode()}') AS field"
    # Materialized, and looked up by id: the cost grows with the incoming records, not with all stored overrides.
    return (
        "WITH fresh AS MATERIALIZED (SELECT held.id AS id, CASE WHEN held.column_name IS NULL "
        f"THEN (SELECT json_group_object(field.value, json(record.value -> field.key)) FROM {fields}) "
        f"ELSE (SELECT record.value -> field.key FROM {fields} WHERE field.value = held.column_name) END "
        "AS tessie_value FROM json_each(?) AS record CROSS JOIN overrides AS held "
        f"ON held.record_table = '{table}' AND held.record_id = record.value ->> 0) "
        "UPDATE overrides SET tessie_value = fresh.tessie_value, updated_at = CURRENT_TIMESTAMP FROM fresh "
        "WHERE overrides.id IN (SELECT id FROM fresh) AND overrides.id = fresh.id AND fresh.tessie_value IS NOT NULL "
        "AND overrides.tessie_value ->> '$' IS NOT fresh.tessie_value ->> '$'"
    )


def _write_sql(table: str, columns: tuple[str, ...]) -> str:
    correctable = CORRECTABLE.get(table, frozenset())
    picked = ", ".join(_picked(index, name, name in correctable) for index, name in enumerate(columns))
    changing = columns[1:]
    settings = ", ".join(f"{name} = excluded.{name}" for name in changing)
    stored = ", ".join(f"{table}.{name}" for name in changing)
    offered = ", ".join(f"excluded.{name}" for name in changing)
    # Materialized: the owner's side of a record is looked up once, not once for each column.
    return (
        "WITH source AS MATERIALIZED (SELECT value, (SELECT nullif(json_group_object("
        "coalesce(column_name, '*'), json(owner_value)), '{}') FROM overrides "
        f"WHERE record_table = '{table}' AND record_id = json_each.value ->> 0) AS owner FROM json_each(?)) "
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {picked} FROM source "
        "WHERE owner IS NULL OR json_type(owner, '$.\"*\"') IS NULL "
        f"ON CONFLICT (id) DO UPDATE SET {settings}, updated_at = CURRENT_TIMESTAMP "
        f"WHERE ({stored}) IS NOT ({offered}) RETURNING id"
    )


def _picked(index: int, name: str, is_correctable: bool) -> str:
    if not is_correctable:
        return f"value ->> {index}"
    is_tessies = f"owner IS NULL OR json_type(owner, '$.{name}') IS NULL"
    return f"CASE WHEN {is_tessies} THEN value ->> {index} ELSE owner ->> '$.{name}' END"
