"""Names for enums: each list of values is one component, so that a generator makes one class of it, never `Role1`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from edge.openapi.schemas import REF, Schema

_BESIDE = ("default", "description")
"""Members that stand beside a reference, as they are of the place and not of the enum."""


class _Place(NamedTuple):
    """An inline enum: the model or operation that it is in, and the property or parameter that has it."""

    owner: str
    name: str
    schema: Schema


def name_enums(document: dict[str, Any]) -> None:
    """Turn each inline enum, in place, into a reference to a component.

    A component of the same values is reused. Else the enum is named after its property, if no other enum of several
    models has that name; else as the model with the shortest name, and the property.
    """
    components: dict[str, Schema] = document["components"]["schemas"]
    groups: dict[tuple[Any, ...], list[_Place]] = {}
    for place in _places(document):
        groups.setdefault(_values(place.schema), []).append(place)
    names = _existing(components)
    for values, places in sorted(groups.items(), key=lambda group: repr(group[0])):
        name = names.get(values) or _free_name(values, groups, components)
        kind = {key: value for key, value in places[0].schema.items() if key not in _BESIDE}
        components.setdefault(name, kind)
        for place in places:
            beside = {key: place.schema[key] for key in _BESIDE if key in place.schema}
            place.schema.clear()
            place.schema.update({"$ref": REF + name, **beside})
    for schema in components.values():
        _tell_apart(schema)
    document["components"]["schemas"] = dict(sorted(components.items()))


def _tell_apart(schema: Schema) -> None:
    """Name the values of an enum, in place, if they differ by signs alone, as `VG` and `VG+` are."""
    values = schema.get("enum", ())
    if len({_identifier(str(value)) for value in values}) < len(values):
        names = [_identifier(str(value).replace("+", "_plus")) or "EMPTY" for value in values]
        if len(set(names)) < len(values):
            names = [f"VALUE_{number}" for number in range(len(values))]
        schema["x-enum-varnames"] = names


def _identifier(value: str) -> str:
    return re.sub(r"[\W_]+", "_", value).strip("_").upper()


def _existing(components: Mapping[str, Schema]) -> dict[tuple[Any, ...], str]:
    named = ((name, schema) for name, schema in sorted(components.items(), reverse=True) if "enum" in schema)
    return {_values(schema): name for name, schema in named}


def _values(schema: Schema) -> tuple[Any, ...]:
    return schema.get("type"), *schema["enum"]


def _free_name(
    values: tuple[Any, ...], groups: Mapping[tuple[Any, ...], list[_Place]], components: Mapping[str, Schema]
) -> str:
    places = groups[values]
    plain = min({place.name for place in places}, key=lambda name: (len(name), name))
    rivals = [other for key, other in groups.items() if key != values and _has(other, plain)]
    used = {name.lower() for name in components}
    is_shared = _sharers(places) > 1 and all(_sharers(other) < 2 for other in rivals)
    if (is_shared or not rivals) and _pascal(plain).lower() not in used:
        return _pascal(plain)
    for place in sorted(places, key=lambda place: (len(place.owner), place.owner, place.name)):
        name = place.owner + _pascal(place.name)
        if name.lower() not in used:
            return name
    raise ValueError(f"no name is left for the enum {values}")


def _has(places: list[_Place], name: str) -> bool:
    return any(place.name == name for place in places)


def _sharers(places: list[_Place]) -> int:
    return len({place.owner for place in places})


def _pascal(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.replace("-", "_").split("_"))


def _places(document: Mapping[str, Any]) -> Iterator[_Place]:
    """Yield every inline enum of the components and of the operations' parameters and bodies."""
    for owner, schema in document["components"]["schemas"].items():
        yield from (place for place in _within(owner, "", schema) if place.schema is not schema)
    for item in document["paths"].values():
        for operation in item.values():
            owner = operation["operationId"][:1].upper() + operation["operationId"][1:]
            for parameter in operation.get("parameters", ()):
                yield from _within(owner, parameter.get("name", ""), parameter.get("schema"))
            for described in (operation.get("requestBody", {}), *operation["responses"].values()):
                for media in described.get("content", {}).values():
                    yield from _within(owner, "value", media.get("schema"))


def _within(owner: str, name: str, schema: Any) -> Iterator[_Place]:
    if isinstance(schema, list):
        for inner in schema:
            yield from _within(owner, name, inner)
    elif isinstance(schema, dict):
        if "enum" in schema:
            yield _Place(owner, name or "value", schema)
        for inner_name, inner in schema.get("properties", {}).items():
            yield from _within(owner, inner_name, inner)
        for key in ("items", "additionalProperties", "anyOf", "oneOf", "allOf"):
            yield from _within(owner, name, schema.get(key))
