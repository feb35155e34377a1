"""The shapes that `/d1` takes and gives, for its documentation: the tables themselves are described by `GET /d1`."""

from collections.abc import Iterable
from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from core_tessie.d1.filters import DEFAULT_LIMIT, MAX_LIMIT
from core_tessie.d1.values import is_writable, render
from edge import Operation
from edge.data import Kind, Rows

type TableRow = dict[str, JsonValue]
type TableRows = list[TableRow]

_JSON = "application/json"


class Selecting(BaseModel):
    """Parameters that shape the rows of an answer."""

    select: Annotated[str | None, Field(description="Columns, with commas between them; `*` is all of them")] = None


class Choosing(Selecting):
    """Filters: any column's name, with `operator.value`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str]


class Listing(Choosing):
    """Filters, and the page of the rows that they match."""

    order: Annotated[str | None, Field(description="`column.asc|desc.nullsfirst|nullslast`, with commas")] = None
    limit: Annotated[int, Field(ge=0, le=MAX_LIMIT)] = DEFAULT_LIMIT
    offset: Annotated[int, Field(ge=0)] = 0


class Inserting(Selecting):
    """Parameters that shape an insert and its answer."""

    columns: Annotated[str | None, Field(description="The members that are taken from the body's rows")] = None


class ColumnInfo(TypedDict):
    """One column: `references` is the table that its values are ids of; the database sets columns not writable."""

    name: str
    type: Kind
    nullable: bool
    writable: bool
    default: JsonValue
    references: str | None


class TableInfo(TypedDict):
    """One table with its columns in their order."""

    name: str
    columns: list[ColumnInfo]


class Tables(TypedDict):
    """The tables that the caller may read."""

    tables: list[TableInfo]


def described(tables: Iterable[Rows]) -> Tables:
    """Describe tables."""
    return Tables(tables=[TableInfo(name=table.name, columns=_columns(table)) for table in tables])


def _columns(table: Rows) -> list[ColumnInfo]:
    columns = table.columns.values()
    (defaults,) = render(columns, [{column.name: column.expression or column.default for column in columns}])
    return [
        ColumnInfo(
            name=column.name,
            type=column.kind,
            nullable=column.nullable,
            writable=is_writable(column),
            default=defaults[column.name],
            references=column.references or None,
        )
        for column in columns
    ]


_ROWS = {_JSON: TableRows}
_ROW = {_JSON: TableRow}
_SPAN = "Content-Range Preference-Applied"
_APPLIED = "Preference-Applied"

LIST = Operation({200: _ROWS}, Listing, reads="Prefer", sends=_SPAN)
INSERT = Operation({201: _ROWS}, Inserting, TableRows, reads="Prefer", sends=f"Location {_SPAN}")
CHANGE = Operation({200: _ROWS, 204: {}}, Choosing, reads="Prefer", sends=_SPAN)
ONE = Operation({200: _ROW}, Selecting, reads="Prefer", sends=_APPLIED)
PUT = Operation({200: _ROW, 201: _ROW, 204: {}}, Selecting, reads="Prefer", sends=_APPLIED)
CHANGE_ONE = Operation({200: _ROW, 204: {}}, Selecting, reads="Prefer", sends=_APPLIED)
