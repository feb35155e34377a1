"""Writes of an owner to records: each also stores Tessie's value in `overrides`, and can be undone."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from core_tessie.d1.bodies import Cells
from core_tessie.d1.refusals import QueryTooLarge, Refusal, TableForbidden
from core_tessie.d1.values import render
from core_tessie.overrides import CORRECTABLE, RECORD_COLUMNS
from core_tessie.tables import TABLES
from edge import Actor
from edge.data import Column, Kind, ScopedDatabase, ScopedStatement, Sql
from edge.ports import Row, Value

TABLE = "overrides"
MOST_NOTED = 5_000
"""Most overrides in one statement, which passes them as one JSON document."""
MOST_TAKEN_BACK = 100
REMOVED, WRITTEN = "null", "true"
"""The owner's value for a record as a whole."""
NO_RECORD = "null"
"""Tessie's value of a record that the owner wrote and Tessie does not have."""

_AMONG = "record_table = ? AND record_id IN (SELECT value FROM json_each(?))"
_UNCHANGED = "id = ? AND owner_value IS ? AND tessie_value IS ?"


class OverrideChanged(Refusal):
    """The override changed at the same time."""

    title = "The override changed at the same time"
    status = 409
    code = "40001"


class Choice(NamedTuple):
    """The rows of a table that a condition matches, and the columns to return of them, None for none."""

    table: str
    where: str
    params: tuple[Value, ...]
    returning: tuple[str, ...] | None


def refuse_direct(table: str) -> None:
    """Refuse writes to `overrides` itself: they would not reach the record."""
    if table == TABLE:
        raise TableForbidden("an override is made by changing the record itself, and taken back by DELETE")


async def updates(db: ScopedDatabase, actor: Actor, chosen: Choice, changes: Cells) -> list[ScopedStatement]:
    """Return the statements of an update, with the overrides that it makes."""
    table = chosen.table
    corrected = {name: value for name, value in changes.items() if name in CORRECTABLE.get(table, ())}
    rows = await _records(db, chosen) if corrected else []
    if not rows:
        return [db.prepare.update(table, changes, chosen.where, *chosen.params, returning=chosen.returning)]
    statements = []
    for part in _parts(rows, MOST_NOTED // len(corrected)):
        statements += corrections(db, actor, table, corrected, part)
        by_id = "id IN (SELECT value FROM json_each(?))"
        statements.append(db.prepare.update(table, changes, by_id, _ids(part), returning=chosen.returning))
    return statements


def corrections(
    db: ScopedDatabase, actor: Actor, table: str, corrected: Cells, rows: Sequence[Row]
) -> list[ScopedStatement]:
    """Return the statements that store overrides for corrected columns, before the records change."""
    values = _as_json(table, corrected)
    noted = [row for row in rows if not row["is_owners"]]
    cells = [
        _cells(actor, table, row) | {"column_name": name, "owner_value": value, "id": f"{table}:{row['id']}:{name}"}
        for row in noted
        for name, value in values.items()
    ]
    if not cells:
        return []
    among = (table, _ids(noted))
    return [
        db.prepare.insert(TABLE, cells, key="id"),
        db.prepare.update(
            TABLE, {"tessie_value": Sql(_tessies(table))}, f"tessie_value IS NULL AND {_AMONG}", *among, returning=None
        ),
        # A record that went away at the same time has no value.
        db.prepare.delete(TABLE, f"tessie_value IS NULL AND {_AMONG}", *among, returning=None),
    ]


async def replacement(
    db: ScopedDatabase, actor: Actor, table: str, row: Cells, returning: tuple[str, ...]
) -> list[ScopedStatement]:
    """Return the statements that store a whole row, with the overrides that it makes."""
    write = db.prepare.insert(table, [row], key="id", returning=returning)
    if table not in CORRECTABLE:
        return [write]
    chosen = Choice(table, "id = ?", (row["id"],), None)
    stored = await db.first(f"SELECT * FROM {table} WHERE id = ?", row["id"])
    if stored is None:
        return [write, *additions(db, actor, table, [row])]
    corrected = {name: row[name] for name in row if name in CORRECTABLE[table] and row[name] != stored[name]}
    records = await _records(db, chosen) if corrected else []
    return [*(corrections(db, actor, table, corrected, records) if records else []), write]


def additions(db: ScopedDatabase, actor: Actor, table: str, rows: Sequence[Cells]) -> list[ScopedStatement]:
    """Return the statements that store overrides for records that the owner wrote."""
    if table not in RECORD_COLUMNS or not rows:
        return []
    cells = [_cells(actor, table, row) | {"owner_value": WRITTEN} for row in rows]
    no_record = f"tessie_value IS NULL AND column_name IS NULL AND {_AMONG}"
    return [
        db.prepare.insert(TABLE, cells, key="id"),
        db.prepare.update(TABLE, {"tessie_value": NO_RECORD}, no_record, table, _ids(rows), returning=None),
    ]


async def deletes(db: ScopedDatabase, actor: Actor, chosen: Choice) -> list[ScopedStatement]:
    """Return the statements that remove rows, and store overrides for the records among them.

    The overrides of a vehicle go with the vehicle.
    """
    table, where, params, returning = chosen
    remove = db.prepare.delete(table, where, *params, returning=returning)
    if table == "vehicles":
        of_vehicles = f"vin IN (SELECT id FROM vehicles WHERE {where})"
        return [db.prepare.delete(TABLE, of_vehicles, *params, returning=None), remove]
    if table not in RECORD_COLUMNS:
        return [remove]
    before = []
    after = []
    for part in _parts(await _records(db, chosen), MOST_NOTED):
        before += _removals(db, actor, table, part)
        remains = f"column_name IS NULL AND owner_value = 'null' AND record_id IN (SELECT id FROM {table}) AND {_AMONG}"
        after.append(db.prepare.delete(TABLE, remains, table, _ids(part), returning=None))
    return [*before, remove, *after]


def _removals(db: ScopedDatabase, actor: Actor, table: str, rows: Sequence[Row]) -> list[ScopedStatement]:
    cells = [_cells(actor, table, row) | {"owner_value": REMOVED} for row in rows]
    among = (table, _ids(rows))
    unknown = f"tessie_value IS NULL AND column_name IS NULL AND {_AMONG}"
    needless = f"column_name IS NULL AND coalesce(tessie_value, 'null') = 'null' AND {_AMONG}"
    return [
        db.prepare.insert(TABLE, cells, key="id"),
        db.prepare.update(TABLE, {"tessie_value": Sql(_tessies(table))}, unknown, *among, returning=None),
        db.prepare.delete(TABLE, needless, *among, returning=None),
    ]


async def take_back(db: ScopedDatabase, chosen: Choice) -> list[ScopedStatement]:
    """Return the statements that undo overrides: the records get Tessie's values again.

    The batch fails with `OutOfScope` if one of the overrides has changed since.
    """
    sql = (
        f"SELECT * FROM {TABLE} WHERE {chosen.where} ORDER BY record_table, record_id, column_name IS NOT NULL LIMIT ?"
    )
    overrides = await db.all(sql, *chosen.params, MOST_TAKEN_BACK + 1)
    if len(overrides) > MOST_TAKEN_BACK:
        raise QueryTooLarge(f"at most {MOST_TAKEN_BACK} overrides are taken back at once", hint="choose fewer")
    statements = []
    for override in overrides:
        if override["column_name"] is None:
            statements += await _record_back(db, override)
        else:
            column = {override["column_name"]: _stored(override["tessie_value"])}
            statements.append(db.prepare.update(override["record_table"], column, "id = ?", override["record_id"]))
        statements.append(
            db.prepare.delete(TABLE, _UNCHANGED, *_state(override), returning=chosen.returning, must_exist=True)
        )
    return statements


async def _record_back(db: ScopedDatabase, override: Row) -> list[ScopedStatement]:
    """Return the statements that store Tessie's record, if it has one, with the owner's corrections."""
    table, row_id = override["record_table"], override["record_id"]
    gone = db.prepare.delete(table, "id = ?", row_id)
    record: dict[str, Any] | None = from_json(override["tessie_value"])
    if record is None:
        return [gone]
    corrected = await db.all(
        f"SELECT * FROM {TABLE} WHERE record_table = ? AND record_id = ? AND column_name IS NOT NULL", table, row_id
    )
    checks = [
        db.prepare.update(TABLE, {"owner_value": row["owner_value"]}, _UNCHANGED, *_state(row), must_exist=True)
        for row in corrected
    ]
    cells = {name: _flag_as_number(record.get(name)) for name in RECORD_COLUMNS[table]}
    cells |= {row["column_name"]: _stored(row["owner_value"]) for row in corrected}
    return [*checks, gone, db.prepare.insert(table, [cells])]


def _stored(text: str) -> Value:
    """Return a value of `overrides` as its record stores it."""
    return _flag_as_number(from_json(text))


def _flag_as_number(value: Any) -> Value:
    stored: Value = int(value) if isinstance(value, bool) else value
    return stored


def _state(override: Row) -> tuple[Value, ...]:
    return override["id"], override["owner_value"], override["tessie_value"]


async def _records(db: ScopedDatabase, chosen: Choice) -> list[Row]:
    """Return the id and VIN of the chosen rows, with whether the owner wrote the whole record."""
    table = chosen.table
    sql = (
        f"SELECT id, vin, EXISTS (SELECT 1 FROM {TABLE} WHERE record_table = '{table}' AND record_id = {table}.id "
        f"AND column_name IS NULL) AS is_owners FROM {table} WHERE {chosen.where}"
    )
    return await db.all(sql, *chosen.params)


def _cells(actor: Actor, table: str, row: Mapping[str, Any]) -> dict[str, Value]:
    """Return an override of a record as a whole."""
    return {
        "id": f"{table}:{row['id']}",
        "vin": row["vin"],
        "record_table": table,
        "record_id": row["id"],
        "column_name": None,
        "actor": actor.name,
    }


def _parts(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), max(1, size)):
        yield rows[start : start + max(1, size)]


def _ids(rows: Sequence[Mapping[str, Any]]) -> str:
    return to_json([row["id"] for row in rows]).decode()


def _as_json(table: str, cells: Cells) -> dict[str, str]:
    (rendered,) = render([TABLES[table].columns[name] for name in cells], [dict(cells)])
    return {name: to_json(value).decode() for name, value in rendered.items()}


@cache
def _tessies(table: str) -> str:
    """Return the SQL expression, as JSON, of a record's value before an override replaces it."""
    fields = RECORD_COLUMNS.get(table, ())
    others = (
        f"SELECT other.tessie_value FROM {TABLE} AS other WHERE other.record_table = '{table}' "
        f"AND other.record_id = {table}.id AND other.column_name = field.value"
    )
    whole = (
        f"SELECT json_group_object(field.value, json(coalesce(({others}), {_value_of('field.value', table, fields)}))) "
        f"FROM json_each('{to_json(fields).decode()}') AS field"
    )
    column = _value_of(f"{TABLE}.column_name", table, CORRECTABLE[table])
    value = f"CASE WHEN {TABLE}.column_name IS NULL THEN ({whole}) ELSE {column} END" if fields else column
    return f"(SELECT {value} FROM {table} WHERE {table}.id = {TABLE}.record_id)"


def _value_of(name: str, table: str, columns: Sequence[str] | frozenset[str]) -> str:
    cases = " ".join(
        f"WHEN '{column}' THEN {_json_of(table, TABLES[table].columns[column])}" for column in sorted(columns)
    )
    return f"CASE {name} {cases} END"


def _json_of(table: str, column: Column) -> str:
    value = f"{table}.{column.name}"
    if column.kind is Kind.BOOLEAN:
        return f"CASE {value} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END"
    if column.kind is Kind.REAL:  # json_quote() keeps 15 digits only
        return f"CASE WHEN {value} IS NULL THEN 'null' ELSE printf('%!.17g', {value}) END"
    return f"json_quote({value})"
