"""Names of schemas that generators can use, and plain types in the place of a name."""

import re
from collections.abc import Mapping
from typing import Any

from edge.openapi.schemas import REF, Schema, names_in

_PLAIN = frozenset({"string", "integer", "number", "boolean", "array"})
_TAKEN = frozenset(
    (
        "Array",
        "Blob",
        "Boolean",
        "Date",
        "Error",
        "Event",
        "File",
        "Function",
        "Headers",
        "Map",
        "Number",
        "Object",
        "Omit",
        "Partial",
        "Pick",
        "Promise",
        "Readonly",
        "Record",
        "Request",
        "Required",
        "Response",
        "Set",
        "String",
        "Symbol",
    )
)
"""Types of TypeScript and the browser, which a schema of the same name hides in a generated module."""
_SUFFIX = "Object"


def snake(name: str) -> str:
    """Return a schema's name as a Python generator names its module and variable."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def is_unfit(name: str, schema: Mapping[str, Any]) -> bool:
    """Tell whether a schema is called as a type of TypeScript, or as one of its own properties."""
    return name in _TAKEN or snake(name) in schema.get("properties", {})


def mend_names(document: dict[str, Any]) -> None:
    """Rename the schemas whose names break a generator, and put plain types in the place of references, in place."""
    components: dict[str, Schema] = document["components"]["schemas"]
    renamed = {name: name + _SUFFIX for name, schema in components.items() if is_unfit(name, schema)}
    plain = {
        REF + name: schema
        for name, schema in components.items()
        if _is_plain(schema) and name not in names_in(schema, components)
    }
    document["components"]["schemas"] = {
        renamed.get(name, name): schema for name, schema in components.items() if REF + name not in plain
    }
    references = {REF + name: REF + new for name, new in renamed.items()}
    for part in ("paths", "components"):
        document[part] = _mended(document[part], plain, references)
    document["components"]["schemas"] = dict(sorted(document["components"]["schemas"].items()))


def _is_plain(schema: Schema) -> bool:
    return isinstance(schema.get("type"), str) and schema["type"] in _PLAIN and "enum" not in schema


def _mended(value: Any, plain: Mapping[str, Schema], references: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_mended(inner, plain, references) for inner in value]
    if isinstance(value, str):
        return references.get(value, value)
    if not isinstance(value, dict):
        return value
    target = plain.get(value["$ref"]) if isinstance(value.get("$ref"), str) else None
    if target is not None:
        value = {**target, **{key: inner for key, inner in value.items() if key != "$ref"}}
    return {key: _mended(inner, plain, references) for key, inner in value.items()}
