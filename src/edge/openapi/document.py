"""The OpenAPI document of an app, assembled by apispec from its compiled endpoints; no Worker or server loads this."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import chain
from typing import Any, NamedTuple, get_type_hints

from apispec import APISpec

from edge import errors
from edge.access import PUBLIC
from edge.app import App
from edge.auth.limits import TooManyRequests
from edge.endpoint import ANY_STATUS, Endpoint, Handler, Input, Operation, Route
from edge.errors import PROBLEM_JSON
from edge.http import Response
from edge.openapi import headers
from edge.openapi.enums import name_enums
from edge.openapi.names import mend_names
from edge.openapi.schemas import REF, Mode, Schema, Schemas, loaded, names_in, never_null
from edge.request import Request
from edge.routing import ANY

OPENAPI_VERSION = "3.1.0"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""The methods that stand for a route of every method, in reading order."""

JSON = "application/json"
EVENT_STREAM = "text/event-stream"
EVENT_DATA = "x-event-data"
"""The member of an event stream that refers to the schema of each event's data."""
_BYTES = "application/octet-stream"
_BODILESS = {"GET", "HEAD", "DELETE"}
_SECURITY_HEADERS = {"accept", "authorization", "content-type", "x-api-key"}
_SCHEMES: Mapping[str, Schema] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key or a token in `Authorization: Bearer …`"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key"},
}
_PROBLEM: Schema = {
    "type": "object",
    "description": "A problem (RFC 9457); it may have further members of its own.",
    "required": ["type", "title", "status", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "The kind of problem as a URI; does not change"},
        "title": {"type": "string", "description": "The kind of problem in words"},
        "status": {"type": "integer", "description": "The HTTP status"},
        "detail": {"type": "string", "description": "This occurrence in words"},
        "instance": {"type": "string", "description": "The path of the request"},
        "request_id": {"type": "string", "description": "The id of the request, as in X-Request-Id and the logs"},
        "errors": {"type": "array", "description": "Each fault of the input", "items": {"$ref": REF + "Fault"}},
    },
    "additionalProperties": {},
}
_FAULT: Schema = {
    "type": "object",
    "description": "One fault of the input.",
    "required": ["pointer", "detail"],
    "properties": {
        "pointer": {"type": "string", "description": "A JSON pointer into the body, or a parameter's name"},
        "detail": {"type": "string", "description": "The fault in words"},
    },
}


class DocumentError(Exception):
    """The app cannot be described: OpenAPI has no form for a route or a name."""


class _Operation(NamedTuple):
    """One method of one path, as the document shows it."""

    path: str
    method: str
    id: str
    endpoint: Endpoint


def document(
    app: App,
    *,
    description: str = "",
    servers: Sequence[str] = ("/",),
    licence: str = "",
    extend: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Return the document as plain data, the same for the same app.

    `licence` is an SPDX identifier; `extend` adds to the document beyond the app's routes, before enums get their
    names.
    """
    info: Schema = {"title": app.name, "version": app.version}
    info |= {"description": description} if description else {}
    info |= {"license": {"name": licence, "identifier": licence}} if licence else {}
    shared: dict[str, Any] = {"info": info, "servers": [{"url": url} for url in servers], "tags": list(_tags(app))}
    spec = APISpec(app.name, app.version, OPENAPI_VERSION, **shared)
    schemas = Schemas(list(chain.from_iterable(map(_types, app.endpoints))))
    _add_paths(spec, list(_operations(app)), schemas)
    _add_components(spec, schemas)
    whole: dict[str, Any] = spec.to_dict()
    whole["components"].setdefault("schemas", {})
    headers.add(whole, {getattr(function, "__name__", "") for function in app.middleware})
    if extend is not None:
        extend(whole)
    name_enums(whole)
    mend_names(whole)
    return {key: whole[key] for key in ("openapi", "info", "servers", "tags", "paths", "components")}


def _add_paths(spec: APISpec, operations: list[_Operation], schemas: Schemas) -> None:
    for path in sorted({operation.path for operation in operations}):
        here = sorted(
            (operation for operation in operations if operation.path == path),
            key=lambda operation: METHODS.index(operation.method),
        )
        spec.path(path, operations={operation.method.lower(): _describe(operation, schemas) for operation in here})


def _add_components(spec: APISpec, schemas: Schemas) -> None:
    components = schemas.components | {"Problem": _PROBLEM, "Fault": _FAULT}
    if {"Problem", "Fault"} & schemas.components.keys():
        raise DocumentError("Problem and Fault are the kernel's own schemas: a model needs another name")
    for name in sorted(names_in(spec.to_dict()["paths"], components)):
        spec.components.schema(name, components[name])
    for name, scheme in _SCHEMES.items():
        spec.components.security_scheme(name, dict(scheme))


def _tags(app: App) -> Iterator[Schema]:
    """Yield each tag, described by the first lines of its handlers' modules."""
    modules: dict[str, dict[str, None]] = {}
    for endpoint in app.endpoints:
        text = inspect.getdoc(inspect.getmodule(endpoint.route.handler)) or ""
        modules.setdefault(endpoint.route.tag, {})[text.partition("\n")[0]] = None
    for tag, lines in modules.items():
        yield {"name": tag, "description": "\n\n".join(lines)}


def _types(endpoint: Endpoint) -> Iterator[tuple[str, Any]]:
    """Yield every type that the document needs a schema of, and whether it is read or written."""
    operation = endpoint.route.operation
    inputs = [parameter.hint for parameter in endpoint.inputs] + [operation.query, *_stated_bodies(operation).values()]
    yield from (("validation", hint) for hint in inputs if hint is not None)
    if not _has_no_schema(endpoint.returns):
        yield "serialization", endpoint.returns
    for body in operation.responses.values():
        yield from (("serialization", loaded(hint)) for hint in body.values() if hint is not None)


def _operations(app: App) -> Iterator[_Operation]:
    """Yield every operation; of a handler's routes the shortest comes first and has the handler's own name."""
    handlers: dict[str, Handler] = {}
    own = {(_documented_path(endpoint.path), endpoint.method) for endpoint in app.endpoints}
    for endpoint in sorted(app.endpoints, key=lambda endpoint: endpoint.path.count("/")):
        path = _documented_path(endpoint.path)
        handler = endpoint.route.handler
        for method in METHODS if endpoint.method == ANY else (endpoint.method,):
            if method not in METHODS:
                raise DocumentError(f"{method} {path}: OpenAPI has no such operation here")
            if endpoint.method != ANY or (path, method) not in own:
                name = _free_id(endpoint, method, handlers)
                handlers[name] = handler
                yield _Operation(path, method, name, endpoint)


def _free_id(endpoint: Endpoint, method: str, handlers: Mapping[str, Handler]) -> str:
    """Return the handler's name; with its path's last word or its method if the handler serves several routes."""
    handler = endpoint.route.handler
    words = [step for step in endpoint.path.split("/") if step and not step.startswith("{")]
    name = _camel(handler.__name__)
    longer = [name + suffix.capitalize() for suffix in (*words[-1:], method.lower())]
    for candidate in longer[-1:] if endpoint.method == ANY else [name, *longer]:
        if handlers.get(candidate, handler) is not handler:
            raise DocumentError(f"two handlers are called {handler.__name__}: {endpoint.path} needs another")
        if candidate not in handlers:
            return candidate
    raise DocumentError(f"{method} {endpoint.path}: no name is left for another route of {handler.__name__}")


def _camel(name: str) -> str:
    return re.sub(r"_+([a-z0-9])", lambda match: match[1].upper(), name.strip("_"))


def _documented_path(pattern: str) -> str:
    return re.sub(r":path}$", "}", pattern)


def _describe(operation: _Operation, schemas: Schemas) -> Schema:
    route = operation.endpoint.route
    summary, description = _texts(operation.endpoint)
    described: Schema = {"operationId": operation.id, "tags": [route.tag], "summary": summary}
    described["description"] = description
    described["parameters"] = list(_parameters(operation.endpoint, schemas))
    described["requestBody"] = _request_body(operation, schemas)
    described["responses"] = _responses(operation, schemas)
    described = {key: value for key, value in described.items() if value}
    return described | {"security": list(_security(route))}


def _security(route: Route) -> Iterator[Schema]:
    """Yield the security schemes of a route; an empty one if it is public."""
    if route.access is not PUBLIC or route.operation.takes_key:
        yield from ({name: []} for name in _SCHEMES)
        if route.access is PUBLIC:
            yield {}


def _texts(endpoint: Endpoint) -> tuple[str, str]:
    """Return a summary, the first line of the handler's docstring, and a description, the rest with the role."""
    summary, _, rest = (inspect.getdoc(endpoint.route.handler) or "").partition("\n")
    access = endpoint.route.access
    needs = "" if access is PUBLIC else f"Needs the role {access.name.lower()}."
    return summary.rstrip("."), "\n\n".join(text for text in (rest.strip(), needs) if text)


def _parameters(endpoint: Endpoint, schemas: Schemas) -> Iterator[Schema]:
    for parameter in endpoint.inputs:
        if parameter.kind == "path":
            yield _path_parameter(parameter, endpoint.path.endswith(f"{{{parameter.name}:path}}"), schemas)
        elif parameter.kind == "header" and parameter.name not in _SECURITY_HEADERS:
            yield _header_parameter(parameter, schemas)
        elif parameter.kind == "query":
            yield from _query_parameters(parameter.hint, schemas)
    operation = endpoint.route.operation
    if operation.query is not None:
        yield from _query_parameters(operation.query, schemas)
    yield from map(headers.parameter, operation.reads.split())


def _path_parameter(parameter: Input, is_tail: bool, schemas: Schemas) -> Schema:
    slashes = "All that follows in the path: it may hold slashes, which need no encoding." if is_tail else ""
    return _parameter(
        "path", parameter.name, schemas.of("validation", parameter.hint), required=True, description=slashes
    )


def _header_parameter(parameter: Input, schemas: Schemas) -> Schema:
    name = "-".join(part.capitalize() for part in parameter.name.split("-"))
    return _parameter("header", name, schemas.of("validation", parameter.hint), required=parameter.required)


def _query_parameters(model: Any, schemas: Schemas) -> Iterator[Schema]:
    whole = schemas.resolved(schemas.of("validation", model))
    required = whole.get("required", [])
    for name, schema in whole.get("properties", {}).items():
        yield _parameter("query", name, schema, required=name in required)
    more = whole.get("additionalProperties")
    if isinstance(more, dict):
        schema = {"type": "object", "additionalProperties": more or {"type": "string"}}
        described = _parameter("query", "filters", schema, description="Any further parameters, by name.")
        yield described | {"style": "form", "explode": True}


def _parameter(kind: str, name: str, schema: Schema, *, required: bool = False, description: str = "") -> Schema:
    inner = never_null(schema)
    text = inner.pop("description", "") or description
    parameter: Schema = {"name": name, "in": kind, "required": required, "schema": inner}
    return parameter | ({"description": text} if text else {})


def _request_body(operation: _Operation, schemas: Schemas) -> Schema | None:
    endpoint = operation.endpoint
    declared = next((parameter.hint for parameter in endpoint.inputs if parameter.kind == "body"), None)
    bodies = _stated_bodies(endpoint.route.operation) or ({} if declared is None else {JSON: declared})
    if bodies:
        return {"required": True, "content": _content("validation", bodies, schemas)}
    passes_on = endpoint.method == ANY and Request in get_type_hints(endpoint.route.handler).values()
    if passes_on and operation.method not in _BODILESS:
        return {"required": False, "content": _json({})}
    return None


def _stated_bodies(operation: Operation) -> Mapping[str, Any]:
    """Return the bodies that a route states, by media type."""
    body = operation.body
    if isinstance(body, Mapping):
        return body
    return {} if body is None else {JSON: body}


def _content(mode: Mode, bodies: Mapping[str, Any], schemas: Schemas) -> Schema:
    """Return the media types of a body with their schemas; none if a schema would say nothing."""
    hints = {kind: loaded(hint) for kind, hint in bodies.items()}
    return {kind: {} if hint is None else _media(kind, schemas.of(mode, hint)) for kind, hint in hints.items()}


def _media(kind: str, schema: Schema) -> Schema:
    """Return a media type with its schema; a binary schema names its media type, as OpenAPI 3.1 does.

    A stream of events has no schema, on which generators break: the type of an event's data stands beside it.
    """
    if kind == EVENT_STREAM:
        return {EVENT_DATA: schema}
    if kind != _BYTES and schema.get("format") == "binary":
        schema |= {"contentMediaType": kind}
    return {"schema": schema}


def _json(schema: Schema) -> Schema:
    return {JSON: {"schema": schema}}


def _responses(operation: _Operation, schemas: Schemas) -> Schema:
    stated = _answers(operation.endpoint, schemas)
    sends = operation.endpoint.route.operation.sends.split()
    answers = {str(status or "default"): _answer(status, content, sends) for status, content in stated}
    problems: dict[int, dict[str, None]] = {}
    for problem in _problems(operation):
        problems.setdefault(problem.status, {})[problem.title] = None
    others: Schema = {JSON: {}} if "default" in answers else {}  # passed through from another server
    refused = {str(status): _refusal("; ".join(titles), others) for status, titles in problems.items()}
    return dict(sorted((refused | answers).items()))


def _answers(endpoint: Endpoint, schemas: Schemas) -> Iterator[tuple[int, Schema]]:
    """Yield each status and its content: the route's declaration, else the handler's return type."""
    stated, returns = endpoint.route.operation.responses, endpoint.returns
    for status, bodies in stated.items():
        yield status, _content("serialization", bodies, schemas)
    if not stated and returns is type(None):
        yield 204, {}
    elif not stated:
        yield endpoint.route.status, {} if _has_no_schema(returns) else _json(schemas.of("serialization", returns))


def _answer(status: int, content: Schema, sends: Sequence[str]) -> Schema:
    phrase = HTTPStatus(status).phrase if status != ANY_STATUS else "Any other answer, passed through"
    described: Schema = {"description": phrase}
    described |= {"headers": headers.references(sends, status)} if headers.references(sends, status) else {}
    return described | ({"content": content} if content else {})


def _refusal(titles: str, others: Schema) -> Schema:
    return {"description": titles, "content": {PROBLEM_JSON: {"schema": {"$ref": REF + "Problem"}}, **others}}


def _problems(operation: _Operation) -> Iterator[type[errors.Problem]]:
    """Yield the route's problems, then those that the kernel itself answers before and after the handler."""
    endpoint = operation.endpoint
    yield from endpoint.route.problems
    kinds = {parameter.kind for parameter in endpoint.inputs}
    if kinds - {"body"} or endpoint.route.operation.query:
        yield errors.InvalidParameter
    if "body" in kinds:
        yield from (errors.MalformedJson, errors.PayloadTooLarge, errors.UnsupportedMediaType, errors.InvalidBody)
    elif _reads_body(operation):
        yield errors.PayloadTooLarge
    if endpoint.access is not PUBLIC:
        yield from (errors.Unauthorized, errors.Forbidden, errors.NotConfigured)
    yield from (TooManyRequests, errors.ServiceAway, errors.InternalError)


def _reads_body(operation: _Operation) -> bool:
    has_body = operation.endpoint.route.operation.body is not None
    return has_body or (operation.endpoint.method == ANY and operation.method not in _BODILESS)


def _has_no_schema(hint: Any) -> bool:
    return hint is type(None) or (isinstance(hint, type) and issubclass(hint, Response))
