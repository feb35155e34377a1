"""Reads rows from a request's body in the form that the database stores; reports all their faults at once."""

from uuid import uuid4

from pydantic import JsonValue

from core_tessie.d1.refusals import CellFault, InvalidRow, QueryTooLarge, quoted
from core_tessie.d1.values import from_body, is_writable
from core_tessie.tables import NATURAL_IDS
from edge.data import Column, Rows
from edge.ports import Value

MAX_ROWS = 1000
MAX_FAULTS = 50
"""Faults that one answer lists; the rest of the body is not read."""
LONGEST_ID = 500
"""Most characters of a row's id, which is part of paths and of the `Location` header."""

type Cells = dict[str, Value]
"""One row as it is stored: column name to value."""

_NULL = "23502"
_WRONG = "22P02"
_UNKNOWN = "PGRST204"
_FIXED = "428C9"


def read_rows(table: Rows, body: JsonValue, named_columns: tuple[Column, ...] | None) -> list[Cells]:
    """Return the rows of a body, one object or an array of them, each whole: with its id and every default.

    `named_columns` are the columns to read, if the caller names them: other members are then ignored.
    """
    items = body if isinstance(body, list) else [body]
    if len(items) > MAX_ROWS:
        raise QueryTooLarge(f"{len(items)} rows; at most {MAX_ROWS} can be written at once")
    faults: list[CellFault] = []
    names = None if named_columns is None else {column.name for column in named_columns}
    rows = []
    for number, item in enumerate(items):
        at = f"/{number}" if isinstance(body, list) else ""
        rows.append(_whole(table, _cells(table, item, at, faults, names), at, faults))
        if len(faults) >= MAX_FAULTS:
            break
    _refuse(faults)
    return rows


def read_row(table: Rows, body: JsonValue, row_id: str) -> Cells:
    """Return the one row of a body, with its defaults, for storing as `row_id`."""
    faults: list[CellFault] = []
    cells = _cells(table, body, "", faults)
    _same_id(table, cells, row_id, faults)
    row = _whole(table, cells, "", faults)
    _refuse(faults)
    return row


def read_changes(table: Rows, body: JsonValue, row_id: str | None = None) -> Cells:
    """Return the columns that a body changes, at least one; the id of a row cannot change."""
    faults: list[CellFault] = []
    cells = _cells(table, body, "", faults)
    if row_id is None:
        faults += [
            CellFault(_FIXED, f"/{name}", "the id of a row stays what it is") for name in keys_of(table) & set(cells)
        ]
    else:
        _same_id(table, cells, row_id, faults)
    fixed = keys_of(table)
    changes = {name: value for name, value in cells.items() if name not in fixed}
    if not changes and not faults:
        faults.append(CellFault("PGRST102", "", "it changes no column that can be written"))
    _refuse(faults)
    return changes


def keys_of(table: Rows) -> set[str]:
    """Return the names of the columns that hold the whole id."""
    natural = NATURAL_IDS.get(table.name, ())
    return {"id", *natural} if len(natural) == 1 else {"id"}


def _refuse(faults: list[CellFault]) -> None:
    if faults:
        raise InvalidRow(faults[:MAX_FAULTS])


def _cells(table: Rows, row: JsonValue, at: str, faults: list[CellFault], names: set[str] | None = None) -> Cells:
    if not isinstance(row, dict):
        faults.append(CellFault("PGRST102", at, "a row is an object"))
        return {}
    cells: Cells = {}
    for name, value in row.items():
        if len(faults) >= MAX_FAULTS:
            break
        column = table.columns.get(name)
        if names is not None and name not in names:
            continue
        if column is None:
            faults.append(CellFault(_UNKNOWN, _pointer(at, name), f"{quoted(name)} is no column of {table.name}"))
        elif is_writable(column):
            _read_cell(column, value, cells, at, faults)
    return cells


def _read_cell(column: Column, value: JsonValue, cells: Cells, at: str, faults: list[CellFault]) -> None:
    cells[column.name] = None
    if value is None:
        if not column.nullable:
            faults.append(CellFault(_NULL, f"{at}/{column.name}", "it cannot be null"))
        return
    try:
        cells[column.name] = from_body(column, value)
    except ValueError as expected:
        faults.append(CellFault(_WRONG, f"{at}/{column.name}", f"it must be {expected}"))


def _whole(table: Rows, cells: Cells, at: str, faults: list[CellFault]) -> Cells:
    """Return the row with its id and its defaults."""
    _share_key(table, cells, at, faults)
    for column in table.columns.values():
        if is_writable(column) and column.name != "id" and column.name not in cells:
            cells[column.name] = column.default
            if column.default is None and not column.nullable:
                faults.append(CellFault(_NULL, f"{at}/{column.name}", "it is missing and has no default"))
    if "id" not in cells:
        parts = [str(cells[name]) for name in NATURAL_IDS.get(table.name, ())]
        cells["id"] = "-".join(parts) if parts else uuid4().hex
    if cells["id"] == "":
        faults.append(CellFault(_WRONG, f"{at}/id", "it cannot be empty"))
    elif len(str(cells["id"])) > LONGEST_ID:
        faults.append(CellFault(_WRONG, f"{at}/id", f"it has at most {LONGEST_ID} characters"))
    return cells


def _share_key(table: Rows, cells: Cells, at: str, faults: list[CellFault]) -> None:
    """Copy the id to its key column, or the reverse; the two cannot differ."""
    keys = keys_of(table)
    values = {cells[name] for name in keys if name in cells}
    if len(keys) == 1 or not values:
        return
    if len(values) > 1:
        faults.append(CellFault(_WRONG, f"{at}/id", f"it must be the same as {NATURAL_IDS[table.name][0]}"))
    cells.update(dict.fromkeys(keys, values.pop()))


def _same_id(table: Rows, cells: Cells, row_id: str, faults: list[CellFault]) -> None:
    others = [name for name in sorted(keys_of(table)) if cells.get(name, row_id) != row_id]
    faults += [CellFault(_FIXED, f"/{name}", "it is not the id in the path") for name in others]
    cells.update(dict.fromkeys(keys_of(table), row_id))


def _pointer(at: str, name: str) -> str:
    return f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
