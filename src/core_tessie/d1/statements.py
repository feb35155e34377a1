"""The statements that `/d1` runs: only registered names stand in the SQL, every value is bound."""

from collections.abc import Iterable, Sequence

from pydantic_core import to_json

from core_tessie.d1.bodies import Cells
from core_tessie.d1.filters import Condition, Query
from core_tessie.tables import Column, Table
from edge.ports import Statement, Value

BY_ID = '"id" = ?'


def by_id(row_id: str) -> Condition:
    """Return the condition that chooses one row."""
    return Condition(BY_ID, (row_id,))


def page(query: Query) -> Statement:
    """Select the rows of a page."""
    where, params = _where(query.where)
    sql = f"SELECT {_names(query.columns)} FROM {query.table.name}{where} ORDER BY {query.order} LIMIT ? OFFSET ?"
    return Statement(sql, (*params, query.limit, query.offset))


def count(table: Table, where: Condition | None) -> Statement:
    """Count all rows that a condition chooses, as `total`."""
    chosen, params = _where(where)
    return Statement(f"SELECT count(*) AS total FROM {table.name}{chosen}", params)


def one(table: Table, columns: Sequence[Column], row_id: str, where: Condition | None = None) -> Statement:
    """Select one row, where a condition holds for it."""
    more, params = (f" AND {where.sql}", where.params) if where else ("", ())
    return Statement(f"SELECT {_names(columns)} FROM {table.name} WHERE {BY_ID}{more}", (row_id, *params))


def insert(table: Table, rows: Sequence[Cells], columns: Sequence[Column]) -> Statement:
    """Insert rows, which are whole; return the `columns` of each.

    They travel as one JSON document, so that their number is not bounded by D1's 100 parameters.
    """
    written = table.writable
    picked = ", ".join(f"value ->> {index}" for index in range(len(written)))
    document = to_json([[row[column.name] for column in written] for row in rows]).decode()
    into = f"INSERT INTO {table.name} ({_names(written)}) SELECT {picked} FROM json_each(?) WHERE true"
    return Statement(f"{into} RETURNING {_names(columns)}", (document,))


def replace(table: Table, row: Cells, columns: Sequence[Column]) -> Statement:
    """Insert a whole row or, where its id is there, give every column of that one its new value."""
    written = table.writable
    changes = ", ".join(f"{column.sql} = excluded.{column.sql}" for column in written if column.name != "id")
    marks = ", ".join("?" * len(written))
    sql = (
        f"INSERT INTO {table.name} ({_names(written)}) VALUES ({marks}) "
        f'ON CONFLICT ("id") DO UPDATE SET {changes}, {_TOUCH} RETURNING {_names(columns)}'
    )
    return Statement(sql, [row[column.name] for column in written])


def update(table: Table, changes: Cells, where: Condition, columns: Sequence[Column]) -> Statement:
    """Change columns of the rows that a condition chooses."""
    values = ", ".join(f"{table.columns[name].sql} = ?" for name in changes)
    sql = f"UPDATE {table.name} SET {values}, {_TOUCH} WHERE {where.sql}{_returning(columns)}"
    return Statement(sql, (*changes.values(), *where.params))


def delete(table: Table, where: Condition, columns: Sequence[Column]) -> Statement:
    """Remove the rows that a condition chooses."""
    return Statement(f"DELETE FROM {table.name} WHERE {where.sql}{_returning(columns)}", where.params)


_TOUCH = '"updated_at" = CURRENT_TIMESTAMP'


def _returning(columns: Sequence[Column]) -> str:
    return f" RETURNING {_names(columns)}" if columns else ""


def _names(columns: Iterable[Column]) -> str:
    return ", ".join(column.sql for column in columns)


def _where(condition: Condition | None) -> tuple[str, tuple[Value, ...]]:
    return (f" WHERE {condition.sql}", condition.params) if condition else ("", ())
