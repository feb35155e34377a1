"""JSON Schemas for callers and models."""

from typing import Any

from pydantic import TypeAdapter


def shown_schema(hint: Any) -> dict[str, Any]:
    """Return the schema of a command's, tool's or action's parameters, without descriptions: callers show their own."""
    schema = TypeAdapter(hint).json_schema(by_alias=True)
    for part in (schema, *schema.get("$defs", {}).values()):
        part.pop("description", None)  # a docstring, which is for readers of the code
    return schema
