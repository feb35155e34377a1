"""JSON Schemas that callers and models are shown while the app runs."""

from typing import Any

from pydantic import TypeAdapter


def shown_schema(hint: Any) -> dict[str, Any]:
    """Return the schema of what a command, tool or action takes; what it is for stands beside it, in words."""
    schema = TypeAdapter(hint).json_schema(by_alias=True)
    for one in (schema, *schema.get("$defs", {}).values()):
        one.pop("description", None)  # a docstring, which is for readers of the code
    return schema
