"""Rules for an OpenAPI document: on each violation, some SDK generator fails, or drops the operation without a word."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from edge.openapi.names import is_unfit

MAPS = ("properties", "patternProperties", "$defs")
LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
SINGLE = ("items", "additionalProperties", "not", "contains", "propertyNames", "unevaluatedProperties")
LOSSY_MEDIA = ("*/*", "application/x-ndjson")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
SENT = {"application/json", "application/octet-stream", *FORMS}
"""Types of a body that every generator can send: an operation without one of them is dropped by one generator."""


class Node(NamedTuple):
    """A place in the document: its path, its key and its value."""

    path: str
    key: str
    value: Any


type Rule = Callable[[Node], bool]
"""Returns true if a node breaks the rule."""


def faults(document: Any) -> list[str]:
    """Return each place that breaks a rule, with the rule."""
    nodes = ((SCHEMA, [*schemas(document)]), (PLACE, [*places(document)]))
    return [
        f"{node.path}: {rule}"
        for rules, there in nodes
        for rule, breaks in rules.items()
        for node in there
        if breaks(node)
    ]


def places(value: Any, path: str = "#", key: str = "") -> Iterator[Node]:
    """Yield the document and everything in it."""
    yield Node(path, key, value)
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from places(inner, f"{path}/{name}", str(name))


def schemas(document: Any) -> Iterator[Node]:
    """Yield every schema, and every schema within one."""
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        yield from _within(f"#/components/schemas/{name}", name, schema)
    for path, key, value in places(document.get("paths", {}), "#/paths"):
        if key == "schema":
            yield from _within(path, key, value)


def _within(path: str, key: str, schema: Any) -> Iterator[Node]:
    yield Node(path, key, schema)
    for name, value in schema.items() if isinstance(schema, dict) else ():
        inner: Any = ()
        if name in MAPS:
            inner = value.items()
        elif name in LISTS:
            inner = enumerate(value)
        elif name in SINGLE:
            inner = [(name, value)]
        for step, child in inner:
            yield from _within(f"{path}/{name}/{step}", str(step), child)


def _get(node: Node, name: str) -> Any:
    return node.value.get(name) if isinstance(node.value, dict) else None


def _types(node: Node) -> list[str]:
    kind = _get(node, "type")
    return kind if isinstance(kind, list) else [kind] if kind else []


def _is_boolean(node: Node) -> bool:
    return isinstance(node.value, bool) and (node.value or node.key != "additionalProperties")


def _differs_by_case(node: Node) -> bool:
    names = [value.lower() for value in _get(node, "enum") or () if isinstance(value, str)]
    return len(names) != len(set(names))


def _has_minus(node: Node) -> bool:
    return any(isinstance(value, str) and value.startswith("-") for value in _get(node, "enum") or ())


def _mixes_bodies(node: Node) -> bool:
    content = _get(node, "content") or {}
    return node.key == "requestBody" and "application/json" in content and any(form in content for form in FORMS)


def _hides_body(node: Node) -> bool:
    called = {one.get("name") or one.get("$ref") for one in _get(node, "parameters") or () if isinstance(one, dict)}
    return "requestBody" in (node.value if isinstance(node.value, dict) else ()) and bool(
        called & {"body", "#/components/parameters/BodyFilter"}
    )


def _cannot_be_sent(node: Node) -> bool:
    content = _get(node, "content") or {}
    return node.key == "requestBody" and not SENT & content.keys()


def _repeats_id(node: Node) -> bool:
    paths = _get(node, "paths") if node.path == "#" else None
    names = [
        operation["operationId"]
        for item in (paths or {}).values()
        for operation in item.values()
        if "operationId" in operation
    ]
    return len(names) != len(set(names))


def _names_oddly(node: Node) -> bool:
    return node.path == "#/components/schemas" and not all(re.fullmatch(r"[A-Za-z0-9_]+", name) for name in node.value)


def _reads_event(node: Node) -> bool:
    return node.key == "text/event-stream" and "schema" in node.value


def _closes_text(node: Node) -> bool:
    text = node.value if node.key in {"description", "summary", "title"} else None
    return isinstance(text, str) and any(mark in text for mark in ("*/", '"""', "'''"))


SCHEMA: dict[str, Rule] = {
    "no schema is called as its property or as a type of TypeScript": lambda node: (
        node.path == f"#/components/schemas/{node.key}"
        and isinstance(node.value, dict)
        and is_unfit(node.key, node.value)
    ),
    "no quotation mark in a pattern": lambda node: bool(re.search("['\"]", _get(node, "pattern") or "")),
    "an enum is a component": lambda node: (
        len(_get(node, "enum") or ()) > 0 and not re.fullmatch("#/components/schemas/[A-Za-z0-9]+", node.path)
    ),
    "a discriminator has a mapping": lambda node: "mapping" not in (_get(node, "discriminator") or {"mapping": {}}),
    "enum values differ by more than case": _differs_by_case,
    "no enum value begins with a minus": _has_minus,
    "no schema is a boolean": _is_boolean,
    "no closed tuple": lambda node: _get(node, "prefixItems") is not None and _get(node, "items") is False,
    "nothing is null alone": lambda node: _types(node) == ["null"] and not re.search(r"/(anyOf|oneOf)/\d+$", node.path),
    "no remote $id": lambda node: _get(node, "$id") is not None,
    "null is a type, not `nullable`": lambda node: _get(node, "nullable") is not None,
    "no Unicode class in a pattern": lambda node: r"\p{" in (_get(node, "pattern") or ""),
    "an array says of what": lambda node: "array" in _types(node) and "items" not in node.value,
    "any JSON is {}": lambda node: len(_types(node)) > 3,
    "no enum holds null": lambda node: None in (_get(node, "enum") or ()),
    "allOf of one reference has no properties beside it": lambda node: (
        len(_get(node, "allOf") or ()) == 1 and "properties" in node.value
    ),
    "a const has a type": lambda node: isinstance(node.value, dict) and "const" in node.value and not _types(node),
}
PLACE: dict[str, Rule] = {
    "OpenAPI 3.1.0 or 3.1.1": lambda node: node.key == "openapi" and node.value not in {"3.1.0", "3.1.1"},
    "no itemSchema": lambda node: node.key == "itemSchema",
    "no webhooks": lambda node: node.path == "#/webhooks",
    "no components/pathItems": lambda node: node.path == "#/components/pathItems",
    "JSON or a form, not both": _mixes_bodies,
    "no parameter is called body beside a body": _hides_body,
    "a raw body may be sent as octets": _cannot_be_sent,
    "an operationId is there once": _repeats_id,
    "a schema's name is letters, digits and _": _names_oddly,
    "a path parameter is {name}": lambda node: (
        node.path == f"#/paths/{node.key}" and bool(re.search(r"{\w*[^\w}]", node.key))
    ),
    "an event stream has no schema": _reads_event,
    "a text closes no comment": _closes_text,
    "no media type that a generator drops": lambda node: node.key in LOSSY_MEDIA,
    "no reference into properties": lambda node: node.key == "$ref" and "/properties/" in str(node.value),
    "an array in a query explodes": lambda node: node.key == "explode" and node.value is False,
}
