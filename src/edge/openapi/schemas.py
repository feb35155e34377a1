"""JSON schemas for SDK generators: Pydantic's, rewritten to the forms that all of them support."""

import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

from pydantic import TypeAdapter

type Schema = dict[str, Any]
type Mode = Literal["validation", "serialization"]

REF = "#/components/schemas/"

_NULL = {"type": "null"}
_MAPS = ("properties", "patternProperties", "$defs")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not", "contains", "propertyNames")
_FIRST = ("$ref", "type", "format", "description", "default", "const", "enum", "required", "properties")
_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


class NameClash(Exception):
    """Two schemas have the same name once it holds letters and digits alone."""


class Schemas:
    """The schemas of many types, generated at once, so that each model has one name and one place.

    A type that is read (mode validation) and written (mode serialization) with different shapes has a schema for each.
    """

    def __init__(self, types: Iterable[tuple[str, Any]]) -> None:
        distinct = {(mode, id(hint)): hint for mode, hint in types}
        adapters: list[tuple[Any, Any, TypeAdapter[Any]]] = [
            (key, key[0], TypeAdapter(hint)) for key, hint in distinct.items()
        ]
        schemas, definitions = TypeAdapter.json_schemas(adapters, ref_template=REF + "{model}")
        models: Mapping[str, Any] = definitions.get("$defs", {})
        names = _plain_names(models)
        self.components = {names[name]: tidy(_renamed(schema, names)) for name, schema in sorted(models.items())}
        self._schemas = {key[0]: tidy(_renamed(schema, names)) for key, schema in schemas.items()}

    def of(self, mode: Mode, hint: Any) -> Schema:
        """Return the schema of a type that was requested."""
        return dict(self._schemas[mode, id(hint)])

    def resolved(self, schema: Schema) -> Schema:
        """Return the component that a schema refers to, or the schema itself."""
        return self.components[schema["$ref"].removeprefix(REF)] if "$ref" in schema else schema


def loaded(hint: Any) -> Any:
    """Return a type; one that is given as `module:Name` is loaded, as the app itself has no need of it."""
    if not isinstance(hint, str):
        return hint
    module, _, name = hint.partition(":")
    return getattr(importlib.import_module(module), name)


def names_in(value: Any, components: Mapping[str, Schema]) -> set[str]:
    """Return the names of all components that `value` refers to, and that those refer to in turn."""
    names: set[str] = set()
    waiting = [value]
    while waiting:
        fresh = {ref.removeprefix(REF) for ref in _references(waiting.pop())} - names
        names |= fresh
        waiting += (components[name] for name in sorted(fresh))
    return names


def never_null(schema: Schema) -> Schema:
    """Return the schema of a parameter that may be absent, yet is never null."""
    kind, options = schema.get("type"), schema.get("anyOf", [])
    if isinstance(kind, list):
        left = [name for name in kind if name != "null"]
        return schema | {"type": left[0] if len(left) == 1 else left}
    if _NULL in options:
        left = [option for option in options if option != _NULL]
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**left[0], **rest} if len(left) == 1 else {**rest, "anyOf": left}
    return dict(schema)


def tidy(schema: Any) -> Any:
    """Return a schema, and all within it, in the forms that SDK generators share."""
    if schema is True:
        return {}
    if not isinstance(schema, dict):
        return schema
    inner = {key: _within(key, value) for key, value in schema.items() if key != "title"}
    for step in _STEPS:
        inner = step(inner)
    return {key: inner[key] for key in sorted(inner, key=_place)}


def _place(key: str) -> tuple[int, str]:
    return _FIRST.index(key) if key in _FIRST else len(_FIRST), key


def _within(key: str, value: Any) -> Any:
    if key in _MAPS:
        return {name: tidy(schema) for name, schema in value.items()}
    if key in _LISTS:
        return [tidy(schema) for schema in value]
    return tidy(value) if key in _SINGLE else value


def _without_null_default(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "default" or value is not None}


def _choice_without_list(schema: Schema) -> Schema:
    """Of several types none gets an empty list as its default: a generator of models gives it to the wrong one."""
    is_choice = len([option for option in schema.get("anyOf", ()) if option != _NULL]) > 1
    if not is_choice or not isinstance(schema.get("default"), list):
        return schema
    return {key: value for key, value in schema.items() if key != "default"}


def _typed_const(schema: Schema) -> Schema:
    """A constant has its type beside it; as an enum of one, with a default, it broke a generator's classes."""
    if "const" not in schema:
        return schema
    return {"type": _JSON_TYPES[type(schema["const"])]} | schema


def _quoteless(schema: Schema) -> Schema:
    """A pattern writes quotation marks by their numbers: a generator puts it into a literal without escaping them."""
    if "pattern" not in schema:
        return schema
    return schema | {"pattern": schema["pattern"].replace("\\'", "'").replace("'", r"\x27").replace('"', r"\x22")}


def _listed_tuple(schema: Schema) -> Schema:
    """An array by position becomes one of any of its types: few generators support `prefixItems`."""
    if "prefixItems" not in schema:
        return schema
    kinds = [kind for number, kind in enumerate(schema["prefixItems"]) if kind not in schema["prefixItems"][:number]]
    rest = {key: value for key, value in schema.items() if key != "prefixItems"}
    return rest | {"items": kinds[0] if len(kinds) == 1 else {"anyOf": kinds}}


def _short_null(schema: Schema) -> Schema:
    """A plain type or null is written as `type: [it, "null"]`; a reference or an enum needs `anyOf`."""
    options = schema.get("anyOf", [])
    left = [option for option in options if option != _NULL]
    if len(left) == len(options) or len(left) != 1 or "enum" in left[0] or not isinstance(left[0].get("type"), str):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**left[0], "type": [left[0]["type"], "null"], **rest}


_STEPS: tuple[Callable[[Schema], Schema], ...] = (
    _without_null_default,
    _choice_without_list,
    _typed_const,
    _quoteless,
    _listed_tuple,
    _short_null,
)


def _plain_names(models: Iterable[str]) -> dict[str, str]:
    names = {model: "".join(part[:1].upper() + part[1:] for part in re.split(r"[\W_]+", model)) for model in models}
    if len(set(names.values())) < len(names):
        raise NameClash(", ".join(sorted(names)))
    return names


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Point every reference, also those of a discriminator's mapping, to the plain names."""
    if isinstance(value, dict):
        return {key: _renamed(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, names) for inner in value]
    if isinstance(value, str) and value.startswith(REF):
        return REF + names[value.removeprefix(REF)]
    return value


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)
    elif isinstance(value, str) and value.startswith(REF):
        yield value
