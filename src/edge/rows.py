"""Database rows as answers: with the columns that a TypedDict names."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json


def row_as[T](shape: type[T], row: Mapping[str, Any], **values: object) -> T:
    """Return the columns of a row that the TypedDict `shape` names; `values` replace the row's own."""
    record: Any = {name: values[name] if name in values else row[name] for name in shape.__annotations__}
    return record  # type: ignore[no-any-return] # no type says that it is a TypedDict


def parsed(text: str | None) -> Any:
    """Return the value of a column that holds JSON, or None if it is NULL."""
    return None if text is None else from_json(text)
