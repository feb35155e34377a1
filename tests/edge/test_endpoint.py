"""Endpoint plans: the parameters of signatures, refusals at import, and answers to bad input."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from math import inf, nan
from typing import Annotated, Any, NamedTuple, TypedDict, cast

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from edge.access import ADMIN, PUBLIC, READER, Actor
from edge.context import Ports
from edge.endpoint import Body, Header, PlanError, Query
from edge.http import Response
from edge.injection import Injector
from edge.ports import Clock, Fetch, Keys, KeyValue, Log
from edge.request import Request
from edge.routes import Routes
from edge.routing import RouteConflict
from edge.rows import parsed, row_as
from edge.settings import Settings
from edge.testing import Client

type Serve = Callable[..., Client]

KEY = [("x-api-key", "the-admin-key")]


class Shelf:
    """A key-value store in memory, without expiry."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    async def get(self, name: str) -> bytes | None:
        return self._values.get(name)

    async def put(self, name: str, value: bytes | str, *, ttl: int | None = None) -> None:  # noqa: ARG002 - no expiry
        self._values[name] = value.encode() if isinstance(value, str) else value

    async def delete(self, name: str) -> None:
        self._values.pop(name, None)

    async def list(self, prefix: str = "", *, limit: int = 1000, cursor: str | None = None) -> Keys:
        names = sorted(name for name in self._values if name.startswith(prefix) and name > (cursor or ""))
        return Keys(names[:limit], names[limit - 1] if len(names) > limit else None)

    async def probe(self) -> None:
        pass


class Bound(Settings):
    greeting: str = "hello"
    shelf: KeyValue
    attic: KeyValue | None


class Filter(BaseModel):
    limit: int = Field(10, ge=1, le=100)
    tags: list[str] = []
    years: tuple[int, ...] | None = Field(None, alias="year")
    since: date | None = None


class Wheel(BaseModel):
    size_in: int = Field(ge=10)


class Car(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=20)
    wheels: list[Wheel] = []
    labels: dict[str, int] = {}

    @model_validator(mode="after")
    def _no_nameless(self) -> "Car":
        if self.name == "none":
            raise ValueError("a car has a name")
        return self


async def send(client: Client, method: str, target: str, **sent: Any) -> tuple[int, Any]:
    answer = await client.request(method, target, **sent)
    return answer.status, answer.json() if answer.body else None


def group(access: Any = PUBLIC) -> Routes:
    return Routes(tag="t", access=access)


def test_every_kind_of_parameter_is_taken_in_the_order_of_the_signature(serve: Serve) -> None:
    routes = group(READER)
    shelf = Shelf()

    class Greeter(BaseModel):
        text: str

    def greeter(settings: Bound) -> Greeter:
        return Greeter(text=settings.greeting)

    @routes.post("/{b}/{a}/{rest:path}", status=201)
    async def take(  # noqa: PLR0913, PLR0917 - one of each kind
        request: Request,
        a: int,
        car: Body[Car],
        b: str,
        page: Query[Filter],
        if_match: Header[str | None],
        rest: str,
        actor: Actor,
        ports: Ports,
        settings: Settings,
        store: Annotated[KeyValue, "SHELF"],
        log: Log,
        greeting: Greeter,
    ) -> list[Any]:
        """Take all."""
        same = request.ports is ports and settings is ports.settings and store is shelf and log is ports.log
        return [a, car.name, b, page.limit, page.tags, if_match, rest, actor.name, same, greeting.text]

    client = serve(routes, settings=Bound, env={"SHELF": shelf}, providers=[greeter])
    sent = {"headers": [*KEY, ("If-Match", '"1"')], "json": {"name": "Ada"}}
    status, value = asyncio.run(send(client, "POST", "/x%2Fy/7/p/q%20r?limit=5&tags=a&tags=b", **sent))
    assert status == 201
    assert value == [7, "Ada", "x/y", 5, ["a", "b"], '"1"', "p/q%20r", "admin", True, "hello"]


def test_a_provider_runs_once_an_event(serve: Serve) -> None:
    routes = group()
    created = list[object]()

    class First(BaseModel):
        pass

    class Second(BaseModel):
        pass

    def first_of(clock: Clock) -> First:
        created.append(clock)
        return First()

    def second_of(first: First) -> Second:
        created.append(first)
        return Second()

    @routes.get("/x")
    async def take(a: First, b: Second, c: First) -> bool:
        """Take both."""
        return a is c and isinstance(b, Second)

    assert asyncio.run(send(serve(routes, providers=[second_of, first_of]), "GET", "/x")) == (200, True)
    assert len(created) == 2


@pytest.mark.parametrize(
    ("env", "path", "status"),
    [
        ({}, "/required", 503),
        ({}, "/optional", 200),
        ({}, "/insists", 503),
        ({"SHELF": Shelf()}, "/required", 200),
        ({"ATTIC": Shelf()}, "/optional", 200),
        ({"ATTIC": Shelf()}, "/insists", 200),
    ],
)
def test_an_unbound_port_is_none_only_if_the_signature_allows_it(
    serve: Serve, env: dict[str, Any], path: str, status: int
) -> None:
    routes = group()

    @routes.get("/required")
    async def required(store: Annotated[KeyValue, "SHELF"]) -> bool:
        return store is not None

    @routes.get("/optional")
    async def optional(store: Annotated[KeyValue | None, "ATTIC"]) -> bool:
        return store is not None

    @routes.get("/insists")
    async def insists(store: Annotated[KeyValue, "ATTIC"]) -> bool:
        return store is not None

    answered, value = asyncio.run(send(serve(routes, settings=Bound, env=env), "GET", path))
    assert answered == status
    assert value["setting"] in {"SHELF", "ATTIC"} if status == 503 else value is bool(env)


async def no_type(x) -> None: ...  # type: ignore[no-untyped-def]


async def no_return():  # type: ignore[no-untyped-def]
    ...


async def unknown(x: int) -> None: ...
async def bare_model(x: Car) -> None: ...
async def query_of_int(x: Query[int]) -> None: ...
async def two_bodies(a: Body[Car], b: Body[Car]) -> None: ...
async def two_ports(x: KeyValue) -> None: ...
async def unknown_port(x: Annotated[KeyValue, "CELLAR"]) -> None: ...
async def public_actor(x: Actor) -> None: ...
async def keyword_only(*, x: Log) -> None: ...
async def star(*x: Log) -> None: ...
def not_async() -> None: ...


@pytest.mark.parametrize(
    ("handler", "complaint"),
    [
        (no_type, "x has no type"),
        (no_return, "no return type"),
        (unknown, "nothing provides x"),
        (bare_model, r"is it Body\[...\] or Query\[...\]"),
        (query_of_int, "is no model"),
        (two_bodies, "two parameters are the body"),
        (two_ports, "could be any of SHELF, ATTIC"),
        (unknown_port, "nothing provides x"),
        (public_actor, "knows no Actor"),
        (keyword_only, "x must be positional"),
        (star, "x must be positional"),
        (not_async, "not async"),
    ],
)
def test_a_signature_that_cannot_be_served_is_an_error_at_import(
    serve: Serve, handler: Callable[..., Awaitable[Any]], complaint: str
) -> None:
    routes = group()
    routes.get("/x")(handler)
    with pytest.raises(PlanError, match=complaint):
        serve(routes, settings=Bound)


def test_a_path_parameter_that_the_handler_leaves_is_an_error_at_import(serve: Serve) -> None:
    routes = group()

    @routes.get("/{car_id}")
    async def leave() -> None: ...

    with pytest.raises(PlanError, match="car_id"):
        serve(routes)


def test_a_route_without_access_is_an_error_at_import() -> None:
    with pytest.raises(TypeError, match="has no role"):
        Routes("/cars", tag="cars").get()


def test_a_conflict_is_an_error_at_import(serve: Serve) -> None:
    routes = group()

    @routes.get("/x")
    @routes.get("/x/")
    async def twice() -> None: ...

    with pytest.raises(RouteConflict):
        serve(routes)


class Egg(BaseModel):
    pass


class Hen(BaseModel):
    pass


def egg(_hen: Hen) -> Egg:
    return Egg()


def hen(_egg: Egg) -> Hen:
    return Hen()


def second_egg() -> Egg:
    return Egg()


def nothing():  # type: ignore[no-untyped-def]
    pass


def hungry(_corn: int) -> Hen:
    return Hen()


@pytest.mark.parametrize(
    ("providers", "complaint"),
    [
        ([egg, hen], "needs"),
        ([second_egg, egg], "provided already"),
        ([nothing], "no type"),
        ([second_egg, hungry], "nothing provides _corn"),
    ],
)
def test_providers_that_cannot_work_are_an_error_at_import(
    serve: Serve, providers: list[Callable[..., Any]], complaint: str
) -> None:
    routes = group()

    @routes.get("/x")
    async def take(_a: Egg, _b: Hen) -> None: ...

    with pytest.raises(PlanError, match=complaint):
        serve(routes, providers=providers)


def clocked(_clock: Clock) -> Egg:
    return Egg()


@pytest.mark.parametrize("providers", [[clocked], [egg]])
def test_an_injector_knows_the_runtimes_ports_that_are_taken(providers: list[Callable[..., Any]]) -> None:
    """A provider counts before anything resolves it: a handler may ask the app for its value later."""
    injector = Injector(Settings, [Clock, Log, Fetch], providers)
    assert injector.takes(Clock) == (providers == [clocked])
    assert not injector.takes(Log)
    assert injector(Log) is not None
    assert injector.takes(Log)
    assert not injector.takes(Fetch)


@pytest.fixture
def cars(serve: Serve) -> Client:
    routes = group()

    @routes.get("/cars/{car_id}")
    async def get_car(car_id: int, page: Query[Filter], x_count: Header[int | None]) -> list[Any]:
        return [car_id, page.limit, page.tags, page.years, page.since, x_count]

    @routes.on("POST", "/cars", access=PUBLIC, body_limit=200)
    async def add_car(car: Body[Car]) -> Car:
        return car

    @routes.post("/any")
    async def add_any(value: Body[Any]) -> Any:
        return value

    @routes.get("/needs")
    async def needs(x_needed: Header[int]) -> int:
        return x_needed

    return serve(routes)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [1, 10, [], None, None, None]),
        ("?limit=5&unknown=1", [1, 5, [], None, None, None]),
        ("?tags=a", [1, 10, ["a"], None, None, None]),
        ("?tags=a&tags=b+c&tags=%26", [1, 10, ["a", "b c", "&"], None, None, None]),
        ("?year=2025", [1, 10, [], [2025], None, None]),
        ("?since=2026-01-02&&", [1, 10, [], None, "2026-01-02", None]),
    ],
)
def test_a_query_is_one_model(cars: Client, query: str, expected: list[Any]) -> None:
    assert asyncio.run(send(cars, "GET", "/cars/1" + query)) == (200, expected)


@pytest.mark.parametrize(
    ("target", "headers", "pointers"),
    [
        ("/cars/x", [], ["car_id"]),
        ("/cars/1.5", [], ["car_id"]),
        ("/cars/%D9%A3", [], ["car_id"]),
        ("/cars/" + "9" * 5000, [], ["car_id"]),
        ("/cars/1?limit=x", [], ["limit"]),
        ("/cars/1?limit=0", [], ["limit"]),
        ("/cars/1?limit=1&limit=2", [], ["limit"]),
        ("/cars/1?limit=", [], ["limit"]),
        ("/cars/1?limit", [], ["limit"]),
        ("/cars/1?year=1&year=x&limit=101", [], ["limit", "year.1"]),
        ("/cars/1", [("x-count", "x")], ["x-count"]),
        ("/needs", [], ["x-needed"]),
    ],
)
def test_bad_parameters_are_400_and_each_is_named(
    cars: Client, target: str, headers: list[tuple[str, str]], pointers: list[str]
) -> None:
    status, problem = asyncio.run(send(cars, "GET", target, headers=headers))
    assert (status, problem["title"]) == (400, "Invalid parameter")
    assert [fault["pointer"] for fault in problem["errors"]] == pointers


@pytest.mark.parametrize("query", ["?limit=%", "?limit=%zz", "?%ff=1", "?tags=%ED%A0%80"])
def test_wrong_escapes_in_a_query_are_400(cars: Client, query: str) -> None:
    status, problem = asyncio.run(send(cars, "GET", "/cars/1" + query))
    assert (status, problem["title"]) == (400, "Bad percent-encoding")


def test_a_parameter_repeated_very_often_is_no_burden(cars: Client) -> None:
    status, value = asyncio.run(send(cars, "GET", "/cars/1?" + "tags=a&" * 2_300))
    assert (status, len(value[2])) == (200, 2_300)


@pytest.mark.parametrize(
    ("body", "status", "pointers"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b'{"name": "a"} x', 400, None),
        (b'{"name": NaN}', 400, None),
        (b'{"labels": {"a": Infinity}}', 400, None),
        (b'{"name": "\\ud800"}', 400, None),
        (b'{"name": "\xff"}', 400, None),
        (b"\xef\xbb\xbf{}", 400, None),
        (b'{"x":' + b"9" * 190 + b"}", 422, ["/name", "/x"]),
        (b"[" * 195, 400, None),
        (b"null", 422, [""]),
        (b"[]", 422, [""]),
        (b"{}", 422, ["/name"]),
        (b'{"name": 1}', 422, ["/name"]),
        (b'{"name": "none"}', 422, [""]),
        (b'{"name": "a", "wheels": [{"size_in": 20}, {"size_in": 1}]}', 422, ["/wheels/1/size_in"]),
        (b'{"name": "a", "wheels": [{}, {"size_in": "x"}]}', 422, ["/wheels/0/size_in", "/wheels/1/size_in"]),
        (b'{"name": "a", "labels": {"a/b~c": "x"}}', 422, ["/labels/a~1b~0c"]),
        (b'{"name": "a", "n/m": 1}', 422, ["/n~1m"]),
        (b'{"name": "NaN or Infinity"}', 200, None),
        (b'{"name": "a", "name": "b"}', 200, None),
    ],
)
def test_a_bad_body_is_400_or_422_with_a_pointer_for_each_fault(
    cars: Client, body: bytes, status: int, pointers: list[str] | None
) -> None:
    answered, value = asyncio.run(send(cars, "POST", "/cars", body=body))
    assert answered == status
    assert (pointers is None) or [fault["pointer"] for fault in value["errors"]] == pointers
    assert status != 400 or value["title"] == "Malformed JSON"


@pytest.mark.parametrize("body", [b"9" * 5000, b'{"a":' * 250 + b"1" + b"}" * 250, b"[" * 100_000])
def test_huge_numbers_and_deep_nesting_are_malformed(cars: Client, body: bytes) -> None:
    assert asyncio.run(send(cars, "POST", "/any", body=body))[0] == 400


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/merge-patch+json", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("json", 415),
    ],
)
def test_a_body_is_json_by_its_media_type(cars: Client, media_type: str, status: int) -> None:
    sent = {"headers": [("content-type", media_type)], "body": b'{"name": "a"}'}
    assert asyncio.run(send(cars, "POST", "/cars", **sent))[0] == status


@pytest.mark.parametrize(
    ("announced", "body"),
    [
        (None, b"[" * 201),
        ("201", b"{}"),
        ("9" * 5000, b"{}"),
        ("٢٠١", b"{}"),
    ],
)
def test_a_body_over_the_routes_limit_is_413(cars: Client, announced: str | None, body: bytes) -> None:
    headers = [("content-length", announced)] if announced else []
    status, problem = asyncio.run(send(cars, "POST", "/cars", headers=headers, body=body))
    assert (status, problem["limit"]) == (413, 200)


@pytest.mark.parametrize("announced", ["²", "-1", "x", ""])
def test_a_content_length_that_is_no_number_is_left_to_the_reader(cars: Client, announced: str) -> None:
    sent = {"headers": [("content-length", announced)], "body": b'{"name": "a"}'}
    assert asyncio.run(send(cars, "POST", "/cars", **sent))[0] == 200


def test_return_value_of_a_handler_becomes_the_response(serve: Serve) -> None:
    routes = group()

    @routes.post("/nothing")
    async def nothing_back() -> None: ...

    @routes.post("/made", status=201)
    async def post_car() -> Car:
        return Car(name="a")

    @routes.get("/own")
    async def own() -> Response:
        return Response.text("teapot", 418)

    @routes.get("/maybe")
    async def maybe() -> Car | None:
        return None

    client = serve(routes)

    async def ask() -> list[tuple[int, bytes, str | None]]:
        requests = [("POST", "/nothing"), ("POST", "/made"), ("GET", "/own"), ("GET", "/maybe")]
        answers = [await client.request(method, path) for method, path in requests]
        return [(answer.status, answer.body, answer.header("content-type")) for answer in answers]

    assert asyncio.run(ask()) == [
        (204, b"", None),
        (201, b'{"name":"a","wheels":[],"labels":{}}', "application/json"),
        (418, b"teapot", "text/plain; charset=utf-8"),
        (200, b"null", "application/json"),
    ]


class Part(BaseModel):
    size_mm: float = Field(serialization_alias="sizeMm")


class Reading(TypedDict):
    ratio: float
    at: datetime
    part: Part | None


def reading(part: Part | None = None) -> Reading:
    return Reading(ratio=nan, at=datetime(2026, 1, 2, tzinfo=UTC), part=part)


def test_typed_dict_goes_out_as_a_model_would(serve: Serve) -> None:
    class Model(BaseModel):
        ratio: float
        at: datetime
        part: Part | None

    routes = group()

    @routes.get("/one")
    async def get_reading() -> Reading:
        return reading(Part(size_mm=2.0))

    @routes.get("/model")
    async def model() -> Model:
        return Model(**reading(Part(size_mm=2.0)))

    @routes.get("/many")
    async def many() -> list[Reading]:
        return [reading()]

    @routes.get("/maybe")
    async def maybe() -> Reading | None:
        return None

    client = serve(routes)

    async def ask() -> list[bytes]:
        return [(await client.request("GET", path)).body for path in ("/one", "/model", "/many", "/maybe")]

    text = b'{"ratio":null,"at":"2026-01-02T00:00:00Z","part":%s}'
    part = text % b'{"sizeMm":2.0}'
    assert asyncio.run(ask()) == [part, part, b"[%s]" % (text % b"null"), b"null"]


PLAIN: list[tuple[Any, Any]] = [
    (str, 'é"'),
    (bool, True),
    (float, 1e300),
    (int | None, None),
    (dict[str, str], {"a": "b"}),
    (dict[str, list[float] | None], {"a": [nan, inf, 1.0], "b": None}),
    (list[dict[str, int | str]], [{}, {"a": 1, "b": "c"}]),
    (dict[str, Reading], {"a": reading(Part(size_mm=2.0))}),
    (dict[int, str], {1: "a"}),
    (dict[str, bytes], {"a": b"b"}),
    (list[datetime], [datetime(2026, 1, 2, tzinfo=UTC)]),
]


@pytest.mark.parametrize(("kind", "value"), PLAIN, ids=lambda value: str(value)[:30])
def test_a_value_goes_out_as_pydantic_writes_its_type(serve: Serve, kind: Any, value: Any) -> None:
    routes = group()

    async def get_value() -> Any:
        return value

    get_value.__annotations__["return"] = kind
    routes.get("/value")(get_value)
    answer = asyncio.run(serve(routes).request("GET", "/value"))
    assert answer.body == TypeAdapter(kind).dump_json(value, by_alias=True)


def test_row_goes_out_with_the_columns_that_its_type_names() -> None:
    class Car(TypedDict):
        name: str
        labels: dict[str, str] | None

    class Secret(Car):
        key: str

    row: dict[str, Any] = {"key": "k", "labels": '{"a": "b"}', "name": "n", "more": 1}
    assert row_as(Car, row, labels=parsed(row["labels"])) == {"name": "n", "labels": {"a": "b"}}
    assert row_as(Secret, row | {"labels": None}, labels=parsed(None)) == {"name": "n", "labels": None, "key": "k"}
    with pytest.raises(KeyError):
        row_as(Secret, {"name": "n", "labels": None})


def test_provider_may_be_a_named_tuple(serve: Serve) -> None:
    class Greeter(NamedTuple):
        settings: Settings
        log: Log

    routes = group()

    @routes.get("/greeting")
    async def greeting(greeter: Greeter) -> Response:
        return Response.text(greeter.settings.environment)

    client = serve(routes, providers=[Greeter])
    assert asyncio.run(client.request("GET", "/greeting")).body == b"development"


def test_a_model_that_fails_inside_a_handler_is_our_fault_and_not_the_callers(serve: Serve) -> None:
    routes = group()

    @routes.get("/row")
    async def row() -> Car:
        return Car.model_validate({"name": 5})

    assert asyncio.run(send(serve(routes), "GET", "/row"))[0] == 500
    with pytest.raises(ValidationError):
        Car.model_validate({"name": 5})


def test_a_runtime_without_a_port_is_our_fault(serve: Serve) -> None:
    routes = group(ADMIN)

    @routes.get("/x")
    async def out(fetch: Fetch) -> bool:
        return cast("object", fetch) is not None

    assert asyncio.run(send(serve(routes), "GET", "/x", headers=KEY))[0] == 500
