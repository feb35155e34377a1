"""SQL text that more than one app needs: upserts of many rows as one statement with one bound parameter."""

from collections.abc import Sequence

from pydantic_core import to_json

from edge.data.schema import TOUCHED
from edge.ports import Statement

DOCUMENT_LIMIT = 1_900_000
"""Bytes of JSON in one statement: a bound value has at most 2 MB on D1."""


def upsert(
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    key: str = "id",
    *,
    touched: str | None = TOUCHED,
) -> list[Statement]:
    """Return statements that insert `rows` or update the ones with their `key`, and return the keys.

    A row that already holds all the values is left alone: it is not returned, and its `touched` column does not move;
    None for a table without one. The rows are bound as one JSON array for each statement, so their number is not
    limited by D1's 100 parameters; true and false become 1 and 0. All names are trusted: they come from the program.
    """
    sql = _upsert_sql(table, tuple(columns), key, touched)
    return [Statement(sql, (document,)) for document in _documents(rows)]


def _upsert_sql(table: str, columns: tuple[str, ...], key: str, touched: str | None) -> str:
    changing = [column for column in columns if column != key]
    picked = ", ".join(f"value ->> {index}" for index in range(len(columns)))
    settings = [f"{column} = excluded.{column}" for column in changing]
    settings += [f"{touched} = CURRENT_TIMESTAMP"] if touched and touched not in changing else []
    current = ", ".join(f"{table}.{column}" for column in changing)
    offered = ", ".join(f"excluded.{column}" for column in changing)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {picked} FROM json_each(?) WHERE true "
        f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(settings)} WHERE ({current}) IS NOT ({offered}) RETURNING {key}"
    )


def _documents(rows: Sequence[Sequence[object]]) -> list[str]:
    documents: list[list[bytes]] = []
    parts: list[bytes] = []
    size = 2
    for row in rows:
        part = to_json(row)
        if parts and size + len(part) + 1 > DOCUMENT_LIMIT:
            documents.append(parts)
            parts = []
            size = 2
        parts.append(part)
        size += len(part) + 1
    return [f"[{b','.join(group).decode()}]" for group in [*documents, parts] if group]
