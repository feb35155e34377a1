"""Tables in the document: the schema of a row, by the columns' kinds."""

from collections.abc import Iterable, Mapping

from edge.data import Column, Kind, Rows
from edge.openapi.schemas import Schema

_TYPES: Mapping[Kind, Schema] = {
    Kind.TEXT: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.REAL: {"type": "number"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.INSTANT: {"type": "string", "format": "date-time"},
    Kind.BLOB: {"type": "string", "format": "binary"},
    Kind.JSON: {},
}


def row_schema(table: Rows, enums: Mapping[str, Iterable[str]]) -> Schema:
    """Return the schema of a table's rows; `enums` has the values of columns that take no other text.

    No column is required: `select` chooses those of an answer, and a new row gets defaults.
    """
    return {
        "type": "object",
        "description": f"A row of `{table.name}`; instants are in UTC.",
        "properties": {name: _cell(column, enums.get(name, ())) for name, column in table.columns.items()},
        "additionalProperties": False,
    }


def _cell(column: Column, values: Iterable[str]) -> Schema:
    schema = dict(_TYPES[column.kind])
    if column.expression or column.is_generated:
        schema["readOnly"] = True
    if listed := list(values):
        schema["enum"] = listed
    if not column.nullable or "type" not in schema:
        return schema
    if listed:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema | {"type": [schema["type"], "null"]}
