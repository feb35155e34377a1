"""Removals: a stored record that a complete window of Tessie's lacks is set aside for a while.

A removed record leaves its table, so that no reader can count it. It waits in `removed_records` until it comes back
or its retention ends.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from pydantic_core import from_json, to_json

from core_tessie.overrides import is_owners
from core_tessie.schema import SCHEMA
from core_tessie.sync.walk import Span
from edge import Statement
from edge.data.upserts import upsert
from edge.instants import from_epoch, to_epoch, to_text
from edge.ports import Row

_COLUMNS = ("id", "vin", "kind", "tessie_id", "started_at", "removed_at", "payload")


def missing(kind: str, vin: str, covered: Span, ids: Collection[int]) -> Statement:
    """Return the statement that finds the rows within a range of time that are not among Tessie's `ids`.

    Records that the owner wrote, or moved in time, are not Tessie's to miss.
    """
    sql = (
        f"SELECT * FROM {kind} WHERE vin = ? AND started_at BETWEEN ? AND ? "
        f"AND tessie_id NOT IN (SELECT value FROM json_each(?)) AND NOT {is_owners(kind, 'started_at')}"
    )
    return Statement(sql, (vin, from_epoch(max(0, covered.floor)), from_epoch(covered.until), _json(ids)))


def around(rows: Sequence[Row]) -> Span:
    """Return a range of time in which Tessie lists these rows, whether it filters by start, end or overlap."""
    starts = [to_epoch(row["started_at"]) for row in rows]
    ends = [to_epoch(row["ended_at"]) for row in rows if row["ended_at"]]
    return Span(max(0, min(starts) - 1), max(*starts, *ends) + 1)


def remove(kind: str, vin: str, rows: Sequence[Row], now: datetime) -> list[Statement]:
    """Return the statements that move rows to `removed_records`; the last one returns the ids that it removed."""
    aside = [
        (f"{vin}-{kind}-{row['tessie_id']}", vin, kind, row["tessie_id"], row["started_at"], to_text(now), _json(row))
        for row in rows
    ]
    delete = f"DELETE FROM {kind} WHERE id IN (SELECT value FROM json_each(?)) RETURNING id, started_at"
    return [*upsert("removed_records", _COLUMNS, aside), Statement(delete, (_json([row["id"] for row in rows]),))]


def set_aside(kind: str, vin: str, ids: Collection[int]) -> Statement:
    """Return the statement that finds the removed records among Tessie's `ids`."""
    sql = (
        "SELECT id, payload FROM removed_records WHERE vin = ? AND kind = ? "
        "AND tessie_id IN (SELECT value FROM json_each(?))"
    )
    return Statement(sql, (vin, kind, _json(ids)))


def restore(kind: str, rows: Sequence[Row]) -> list[Statement]:
    """Return the statements that restore removed rows as they were; Tessie's later changes are written after them."""
    if not rows:
        return []
    payloads = [from_json(row["payload"]) for row in rows]
    columns = [
        name
        for name, column in SCHEMA.relations[kind].columns.items()
        if name in payloads[0] and not column.is_generated and not name.startswith("estimate")  # it is estimated again
    ]
    values = [[payload.get(name) for name in columns] for payload in payloads]
    picked = ", ".join(f"value ->> {index}" for index in range(len(columns)))
    insert = (
        f"INSERT INTO {kind} ({', '.join(columns)}) SELECT {picked} FROM json_each(?) WHERE true "
        "ON CONFLICT (id) DO NOTHING RETURNING id, started_at"
    )
    gone = "DELETE FROM removed_records WHERE id IN (SELECT value FROM json_each(?))"
    return [Statement(insert, (_json(values),)), Statement(gone, (_json([row["id"] for row in rows]),))]


def _json(value: object) -> str:
    return to_json(value).decode()
