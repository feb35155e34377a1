"""Endpoint plans: a handler's signature, read once at import, as the steps of a request through it."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAliasType, Union, get_args, get_origin, get_type_hints, is_typeddict
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json

from edge.access import PUBLIC, Actor, Role
from edge.context import Ports
from edge.errors import Fault, InvalidParameter, Location, Problem, list_faults
from edge.http import FixedHeaders, Response
from edge.json_body import body_check, require_json
from edge.reach import Reach
from edge.request import BODY_LIMIT, CONDITIONS, Request, refuse_conditions
from edge.routing import parse_pattern

type Handler = Callable[..., Awaitable[Any]]
type Take = Callable[[Request], object]
type TakePort = Callable[[Ports], object]

type Body[T] = T
"""A parameter that is the JSON body, validated as T."""
type Query[T] = T
"""A parameter that is the whole query string, validated as the model T."""
type Header[T] = T
"""A parameter that is one request header, validated as T: `if_match` is `If-Match`; T | None if it may be absent."""

_EMPTY = inspect.Parameter.empty
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_LISTS = (list, tuple, set, frozenset)
_PLAIN = (list, Union, type(int | str))
_SCALARS = (str, int, float, bool, type(None))
_JSON = (FixedHeaders([("content-type", "application/json")]),)

ANY_STATUS = 0
"""Stands for every status that an `Operation` does not name."""


class PlanError(TypeError):
    """A handler's signature or declaration cannot be served; raised at import."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Parameters and responses that a handler reads and writes itself, for the OpenAPI document.

    `responses` maps a status (`ANY_STATUS` for all others) and media type to the type of the body: None if it has no
    schema (an event stream), `bytes` if it is binary. `query` is a model of the query string, `body` the type of the
    JSON body or a mapping of media types as for a response; a public route that `takes_key` may be called with one. A
    type may be a text, `module:Name`, which only the document loads. `reads` and `sends` name headers of the request
    and of the response, separated by spaces. Nothing of it is enforced.
    """

    responses: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    query: type[BaseModel] | None = None
    body: Any = None
    takes_key: bool = False
    reads: str = ""
    sends: str = ""


class Route(NamedTuple):
    """A declaration: the handler of a method and path, its role, and its problems.

    `location` is the path at which the result can be read, such as `/notes/{id}` with a member of the result. A path
    that `is_alone` has no other methods than its own, though another pattern would match it.
    """

    method: str
    path: str
    handler: Handler
    access: Role
    tag: str
    problems: tuple[type[Problem], ...] = ()
    status: int = 200
    body_limit: int = BODY_LIMIT
    operation: Operation = Operation()
    reach: Reach | None = None
    location: str = ""
    is_alone: bool = False


class Input(NamedTuple):
    """A parameter that comes from the request: `kind` is path, query, header or body; `hint` its type."""

    kind: str
    name: str
    hint: Any
    required: bool = True


class Endpoint:
    """A compiled route: nothing here reads a signature or builds a validator."""

    __slots__ = (
        "_body_at",
        "_check_body",
        "_conditions",
        "_handler",
        "_names",
        "_reach",
        "_render",
        "_takes",
        "access",
        "inputs",
        "method",
        "path",
        "returns",
        "route",
    )

    def __init__(self, route: Route, resolve: Callable[[Any], TakePort | None]) -> None:
        self.route, self.method, self.path, self.access = route, route.method, route.path, route.access
        self._handler = route.handler
        plan = _Plan(route, resolve)
        self.inputs, self.returns = plan.inputs, plan.returns
        self._takes, self._body_at, self._check_body = tuple(plan.takes), plan.body_at, plan.check_body
        self._render = _renderer(plan.returns, route.status)
        if route.location:
            self._render = _located(plan, self._render)
        own = {field.name for field in plan.inputs if field.kind == "header"}
        self._conditions = [name for name in CONDITIONS if name not in own] if route.method != "GET" else []
        self._names = plan.names
        self._reach = route.reach if route.reach and route.reach.is_checked else None

    async def __call__(self, request: Request) -> Response | Problem:
        """Validate the handler's arguments, run it, and turn its return value into a response.

        The problem of an invalid body is returned, all others are raised.
        """
        if self._conditions:
            refuse_conditions(request, self._conditions)
        values = [take(request) for take in self._takes]
        if self._body_at >= 0:
            require_json(request)
            body = self._check_body(await request.body(self.route.body_limit))
            if isinstance(body, Problem):
                return body
            values.insert(self._body_at, body)
        if self._reach is not None:
            self._reach.check(request.actor, values, self._names)
        return self._render(await self._handler(*values))


class _Plan:
    """The plan of a signature, parameter by parameter."""

    def __init__(self, route: Route, resolve: Callable[[Any], TakePort | None]) -> None:
        self.where = f"{route.method} {route.path} ({name_of(route.handler)})"
        self.access, self.location = route.access, route.location
        self.resolve = resolve
        self.inputs: list[Input] = []
        self.takes: list[Take] = []
        self.body_at = -1
        self.check_body: Callable[[bytes], object] = bytes
        hints = get_type_hints(route.handler, include_extras=True)
        self.returns = hints.pop("return", _EMPTY)
        self.path_names = [text for kind, text in parse_pattern(route.path) if kind != "literal"]
        parameters = inspect.signature(route.handler).parameters
        self.names = list(parameters)
        for position, parameter in enumerate(parameters.values()):
            self.require(parameter.name in hints, f"parameter {parameter.name} has no type")
            self.require(parameter.kind in _POSITIONAL, f"parameter {parameter.name} must be positional")
            self.add(position, parameter, hints[parameter.name])
        missing = set(self.path_names) - {parameter.name for parameter in self.inputs if parameter.kind == "path"}
        self.require(not missing, f"path parameter {missing} is not taken")
        self.require(self.returns is not _EMPTY, "no return type")
        self.require(inspect.iscoroutinefunction(route.handler), "the handler is not async")
        reach = route.reach
        if reach is not None and reach.is_checked:
            self.require(route.access is not PUBLIC, f"a public route knows no caller whose reach is {reach.name}")
            names = {"", *self.names}
            self.require(reach.argument.partition(".")[0] in names, f"reach: there is no parameter {reach.argument}")

    def require(self, holds: bool, complaint: str) -> None:
        if not holds:
            raise PlanError(f"{self.where}: {complaint}")

    def add(self, position: int, parameter: inspect.Parameter, hint: Any) -> None:
        origin = get_origin(hint)
        inner = (get_args(hint) or (None,))[0]
        if parameter.name in self.path_names:
            self.inputs.append(Input("path", parameter.name, hint))
            self.takes.append(_take_path(self.path_names.index(parameter.name), parameter.name, hint))
        elif origin is Body:
            self.require(self.body_at < 0, "two parameters are the body")
            self.inputs.append(Input("body", parameter.name, inner))
            self.body_at = position
            self.check_body = body_check(inner)
        elif origin is Query:
            self.require(_is_model(inner), f"Query[{inner}] is no model")
            self.inputs.append(Input("query", parameter.name, inner))
            self.takes.append(_take_query(inner))
        elif origin is Header:
            name = parameter.name.replace("_", "-")
            required = type(None) not in get_args(_unaliased(inner))
            self.inputs.append(Input("header", name, inner, required))
            self.takes.append(_take_header(name, inner))
        else:
            self.takes.append(self.take_value(parameter, hint))

    def take_value(self, parameter: inspect.Parameter, hint: Any) -> Take:
        if hint is Request:
            return lambda request: request
        if hint is Actor:
            self.require(self.access is not PUBLIC, "a public route knows no Actor")
            return lambda request: request.actor
        port = self.resolve(hint)
        advice = "; is it Body[...] or Query[...]?" if _is_model(hint) else ""
        if port is None:
            raise PlanError(f"{self.where}: nothing provides {parameter.name}: {hint}{advice}")
        return lambda request: port(request.ports)


def name_of(function: Callable[..., Any]) -> str:
    """Return a function's module and name, for error messages."""
    return f"{function.__module__}.{getattr(function, '__qualname__', function)}"


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def options_of(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the hint alone."""
    return get_args(hint) if get_origin(hint) in (Union, type(int | str)) else (hint,)


def _unaliased(hint: Any) -> Any:
    """Return the type that an alias stands for."""
    while isinstance(hint, TypeAliasType):
        hint = hint.__value__
    return hint


def _take_path(index: int, name: str, hint: Any) -> Take:
    if hint is str:
        return lambda request: request.params[index]
    validate: Callable[[Any], object] = TypeAdapter(hint).validator.validate_strings

    def take(request: Request) -> object:
        try:
            return validate(request.params[index])
        except ValidationError as fault:
            raise _wrong_value(name, fault) from None

    return take


def _take_query(model: type[BaseModel]) -> Take:
    validate = model.__pydantic_validator__.validate_python
    lists = _lists(model)

    def take(request: Request) -> object:
        values: dict[str, Any] = {}
        for name, value in request.query_items():
            values.setdefault(name, []).append(value)
        for name, items in values.items():
            if len(items) == 1 and name not in lists:
                values[name] = items[0]
        try:
            return validate(values)
        except ValidationError as fault:
            raise InvalidParameter(list_faults(fault, _dotted)) from None

    return take


def _lists(model: type[BaseModel]) -> set[Any]:
    """Return the names of the fields that take every value of a repeated parameter."""
    return {
        name
        for attribute, field in model.model_fields.items()
        if any((get_origin(option) or option) in _LISTS for option in options_of(field.annotation))
        for name in (attribute, field.alias, field.validation_alias)
        if isinstance(name, str)
    }


def _dotted(location: Location) -> str:
    return ".".join(map(str, location))


def _wrong_value(name: str, fault: ValidationError) -> InvalidParameter:
    """Return the problem of one parameter: the first of its faults, under the parameter's name."""
    return InvalidParameter([Fault(pointer=name, detail=list_faults(fault)[0]["detail"])])


def _take_header(name: str, hint: Any) -> Take:
    validate = TypeAdapter(hint).validator.validate_python

    def take(request: Request) -> object:
        try:
            return validate(request.headers.get(name))
        except ValidationError as fault:
            raise _wrong_value(name, fault) from None

    return take


def _renderer(hint: Any, status: int) -> Callable[[Any], Response]:
    if hint is type(None):
        return lambda _: Response(status=204)
    if isinstance(hint, type) and issubclass(hint, Response):
        return lambda response: response
    if _is_plain(hint):
        return lambda value: Response(to_json(value, inf_nan_mode="null"), status, None, _JSON)
    dump = TypeAdapter(hint).serializer.to_json
    return lambda value: Response(dump(value, by_alias=True), status, None, _JSON)


def _located(plan: _Plan, render: Callable[[Any], Response]) -> Callable[[Any], Response]:
    """Return a renderer that adds the `Location` of the result; its members are those of a TypedDict."""
    steps = parse_pattern(plan.location)
    members = plan.returns.__annotations__ if is_typeddict(plan.returns) else {}
    plan.require(all(kind == "literal" or text in members for kind, text in steps), f"no {plan.location} in its result")

    def answer(value: Any) -> Response:
        response = render(value)
        path = [text if kind == "literal" else quote(str(value[text]), safe="") for kind, text in steps]
        response.headers.append(("location", "/" + "/".join(path)))
        return response

    return answer


def _is_plain(hint: Any) -> bool:
    """Tell whether a type is JSON's own or a TypedDict, or made of such: its values need no serializer of their own."""
    if get_origin(hint) is dict:
        key, value = get_args(hint)
        return key is str and _is_plain(value)
    return (
        hint in _SCALARS or is_typeddict(hint) or (get_origin(hint) in _PLAIN and all(map(_is_plain, get_args(hint))))
    )
