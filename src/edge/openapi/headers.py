"""Headers of requests and answers in the document, each described once."""

from collections.abc import Iterable, Mapping
from typing import Any

from edge.openapi.schemas import Schema

_REF = "#/components/headers/"
_TEXT: Schema = {"type": "string"}
_CREATED = frozenset({201, 202})

PARAMETERS: Mapping[str, Schema] = {
    "Prefer": {
        "schema": _TEXT,
        "description": "Preferences (RFC 7240), with commas between them: `return=representation` or `return=minimal` "
        "for an answer with or without rows, `count=exact`, `missing=default`",
    },
    "Last-Event-ID": {
        "schema": {"type": "string", "pattern": "^[0-9]{1,15}$"},
        "description": "The id of the last event that came: the stream goes on behind it",
    },
    "Range": {"schema": _TEXT, "description": "A part of the body, such as `bytes=0-1023`; for administrators"},
    "If-None-Match": {"schema": _TEXT, "description": "Tags of what the caller has: 304 where it is the same"},
}
"""Headers that handlers read themselves, by name."""

HEADERS: Mapping[str, Schema] = {
    "Content-Disposition": {"schema": _TEXT, "description": "The name of the file"},
    "Content-Range": {
        "schema": _TEXT,
        "description": "The positions of the rows or bytes and their total, such as `0-24/3573`",
    },
    "ETag": {"schema": _TEXT, "description": "The tag of what was answered, for If-None-Match"},
    "Idempotency-Replayed": {
        "schema": _TEXT,
        "description": "`true` where the same key came before: the answer of then",
    },
    "Location": {"schema": _TEXT, "description": "The path of what was made"},
    "Preference-Applied": {"schema": _TEXT, "description": "The preferences that were followed (RFC 7240)"},
    "RateLimit": {"schema": _TEXT, "description": 'What is left of each limit, such as `"minute";r=118;t=31`'},
    "RateLimit-Policy": {"schema": _TEXT, "description": 'The limits, such as `"minute";q=120;w=60`'},
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds until another try makes sense"},
    "X-Request-Id": {"schema": _TEXT, "description": "The id of the request, as in the logs"},
}
"""Headers of answers, by name; none of them is in every answer."""

_OF_ALL = {"request_id": ("X-Request-Id",), "rate_limit_headers": ("RateLimit", "RateLimit-Policy")}
"""The headers that an app's middleware adds to each answer."""
_WAITING = frozenset({"429", "503"})


def parameter(name: str) -> Schema:
    """Return the parameter of a request header that a handler reads itself."""
    return {"name": name, "in": "header", "required": False, **PARAMETERS[name]}


def references(names: Iterable[str], status: int) -> Schema:
    """Return the headers of one answer by reference; only 201 and 202 have a `Location`."""
    sent = [name for name in names if name != "Location" or status in _CREATED]
    return {name: {"$ref": _REF + name} for name in sent}


def add(document: dict[str, Any], middleware: set[str]) -> None:
    """Add the headers that the kernel sends to each answer, in place, and the components that are referred to."""
    everywhere = [name for function, names in _OF_ALL.items() if function in middleware for name in names]
    used: set[str] = set()
    for item in document["paths"].values():
        for operation in item.values():
            tags = any(parameter.get("name") == "If-None-Match" for parameter in operation.get("parameters", ()))
            for status, response in operation["responses"].items():
                sent = [*response.get("headers", ()), *_sent(status, tags=tags, everywhere=everywhere)]
                if sent:
                    response["headers"] = references(sent, 201)
                    used |= set(sent)
    if used:
        document["components"]["headers"] = {name: HEADERS[name] for name in sorted(used)}


def _sent(status: str, *, tags: bool, everywhere: Iterable[str]) -> list[str]:
    if status in _WAITING:
        return ["Retry-After"]
    if not status.startswith(("2", "3")):
        return []
    return [*(["ETag"] if tags else []), *everywhere]
