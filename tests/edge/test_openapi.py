"""An app as its OpenAPI document: the result of each declaration."""

from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from openapi_spec_validator import validate
from pydantic import BaseModel, ConfigDict, Discriminator, Field, computed_field

from edge.access import ADMIN, PUBLIC, READER, Actor
from edge.app import App
from edge.endpoint import Body, Header, Operation, Query
from edge.errors import NotFound
from edge.http import Response
from edge.openapi.document import JSON, DocumentError, document
from edge.request import Request
from edge.routes import Routes
from edge.settings import Settings
from sdk_rules import PLACE, SCHEMA, faults


class DriveNotFound(NotFound):
    """No such drive."""

    title = "No such drive"


class Order(Enum):
    NEWEST = "newest"
    OLDEST = "oldest"


class Drive(BaseModel):
    """One drive."""

    id: int
    distance_mi: float | None = None
    tags: tuple[str, int] = ("", 0)
    kind: Literal["drive"] = "drive"

    @computed_field
    def distance_km(self) -> float | None:
        return self.distance_mi and self.distance_mi * 1.609344


class Charge(BaseModel):
    """One charge."""

    kind: Literal["charge"] = "charge"
    extra: dict[str, Any] = {}


class Page[T](BaseModel):
    """One page of a list."""

    rows: list[T]
    next: T | None = None


class Filter(BaseModel):
    """The filter of a list."""

    order: Order = Order.NEWEST
    limit: Annotated[int | None, Field(ge=1, le=1000, description="Rows at most")] = None
    vin: list[str] = []
    since: str = Field(alias="from")


class Filters(BaseModel):
    """Filters by column."""

    model_config = ConfigDict(extra="allow")

    select: str | None = None


drives = Routes("/drives", tag="drives", access=READER)


@drives.get("/{drive_id}", DriveNotFound)
async def get_drive(drive_id: int, if_none_match: Header[str | None]) -> Drive:
    """Get one drive.

    It may be one that is not over yet.
    """
    return Drive(id=drive_id, distance_mi=float(bool(if_none_match)))


@drives.get()
@drives.get("/list")
async def list_drives(query: Query[Filter]) -> Page[Drive]:
    """List drives."""
    return Page(rows=[], next=Drive(id=query.limit or 0))


@drives.post(status=201, access=ADMIN)
async def add_drive(body: Body[Drive], actor: Actor) -> Drive:
    """Add a drive."""
    assert actor
    return body


@drives.delete("/{drive_id}", DriveNotFound, access=ADMIN)
async def remove_drive(drive_id: Annotated[int, Field(ge=1)]) -> None:
    """Remove a drive."""
    assert drive_id


others = Routes(tag="others", access=PUBLIC)

EVENT = Annotated[Drive | Charge, Discriminator("kind")]


@others.post("/event")
async def take_event(body: Body[EVENT]) -> EVENT:
    """Take an event."""
    return body


@others.get("/report", operation=Operation({200: {"application/json": Drive, "text/html": str}, 304: {}}))
async def get_report(request: Request) -> Response:
    """Get a report."""
    return Response.text(request.path)


@others.get("/events", operation=Operation({200: {"text/event-stream": None}}))
async def stream_events() -> Response:
    """Stream events."""
    return Response()


@others.get("/rows", operation=Operation({200: {"application/json": list[Drive]}}, query=Filters))
async def list_rows(request: Request) -> Response:
    """List rows."""
    return Response.text(request.query)


@others.any("/mirror/{path:path}")
async def mirror(request: Request, path: str) -> Response:
    """Pass a request on."""
    return Response.text(request.method + path)


@others.put("/mirror/{path:path}")
async def put_mirror(path: str) -> str:
    """Pass a PUT on."""
    return path


PICTURE: dict[str, Any] = {"image/png": bytes, "application/octet-stream": bytes}


@others.put("/picture", operation=Operation({200: {"image/png": bytes}}, body=PICTURE))
async def put_picture(request: Request) -> Response:
    """Store a picture."""
    return Response(await request.body())


@others.post("/table", operation=Operation({201: {"application/json": Drive}}, body={JSON: Drive, "text/csv": str}))
async def send_table(request: Request) -> Response:
    """Send a table."""
    return Response(await request.body())


async def nobody(request: Request) -> Actor:
    raise NotImplementedError(request)


def described(*resources: Routes, **more: Any) -> dict[str, Any]:
    app = App("test", version="1", settings=Settings, resources=resources, authenticate=nobody)
    return document(app, **more)


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return described(drives, others, description="A test.", licence="MIT")


def parameters(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {parameter["name"]: parameter for parameter in operation.get("parameters", ())}


def json_of(described: dict[str, Any]) -> Any:
    return described["content"]["application/json"]["schema"]


def test_the_document_is_valid_openapi(whole: dict[str, Any]) -> None:
    validate(whole)


def test_nothing_in_it_breaks_a_generator(whole: dict[str, Any]) -> None:
    assert faults(whole) == []


def test_the_same_app_gives_the_same_document(whole: dict[str, Any]) -> None:
    assert repr(described(drives, others, description="A test.", licence="MIT")) == repr(whole)


def test_paths_are_sorted_and_methods_in_reading_order(whole: dict[str, Any]) -> None:
    assert list(whole["paths"]) == sorted(whole["paths"])
    assert list(whole["paths"]["/mirror/{path}"]) == ["get", "post", "put", "patch", "delete"]
    assert list(whole) == ["openapi", "info", "servers", "tags", "paths", "components"]


def test_the_info_is_the_apps_own(whole: dict[str, Any]) -> None:
    licence = {"name": "MIT", "identifier": "MIT"}
    assert whole["info"] == {"title": "test", "version": "1", "description": "A test.", "license": licence}


def test_summary_and_description_come_from_the_docstring(whole: dict[str, Any]) -> None:
    operation = whole["paths"]["/drives/{drive_id}"]["get"]
    assert operation["summary"] == "Get one drive"
    assert operation["description"] == "It may be one that is not over yet.\n\nNeeds the role reader."


def test_a_path_parameter_has_its_type(whole: dict[str, Any]) -> None:
    operation = whole["paths"]["/drives/{drive_id}"]["delete"]
    schema = {"type": "integer", "minimum": 1}
    assert operation["parameters"] == [{"name": "drive_id", "in": "path", "required": True, "schema": schema}]


def test_an_optional_header_may_be_absent_and_is_never_null(whole: dict[str, Any]) -> None:
    header = parameters(whole["paths"]["/drives/{drive_id}"]["get"])["If-None-Match"]
    assert header == {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}}


def test_a_query_model_becomes_single_parameters(whole: dict[str, Any]) -> None:
    described = parameters(whole["paths"]["/drives"]["get"])
    assert {name: parameter["required"] for name, parameter in described.items()} == {
        "order": False,
        "limit": False,
        "vin": False,
        "from": True,
    }
    assert described["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000}
    assert described["limit"]["description"] == "Rows at most"
    assert described["vin"]["schema"] == {"type": "array", "items": {"type": "string"}, "default": []}
    assert described["order"]["schema"] == {"$ref": "#/components/schemas/Order", "default": "newest"}


def test_a_query_model_is_no_component(whole: dict[str, Any]) -> None:
    assert not {"Filter", "Filters"} & whole["components"]["schemas"].keys()


def test_a_query_that_takes_any_name_has_one_parameter_for_all_of_them(whole: dict[str, Any]) -> None:
    filters = parameters(whole["paths"]["/rows"]["get"])["filters"]
    assert filters["schema"] == {"type": "object", "additionalProperties": {"type": "string"}}
    assert (filters["style"], filters["explode"]) == ("form", True)


def test_a_tail_is_shown_as_a_parameter_that_may_hold_slashes(whole: dict[str, Any]) -> None:
    (path,) = whole["paths"]["/mirror/{path}"]["get"]["parameters"]
    assert "slashes" in path["description"]


def test_a_model_read_and_written_differently_has_two_schemas(whole: dict[str, Any]) -> None:
    operation = whole["paths"]["/drives"]["post"]
    assert json_of(operation["requestBody"]) == {"$ref": "#/components/schemas/DriveInput"}
    assert json_of(operation["responses"]["201"]) == {"$ref": "#/components/schemas/DriveOutput"}
    assert "distance_km" not in whole["components"]["schemas"]["DriveInput"]["properties"]


def test_a_generic_models_name_has_no_brackets(whole: dict[str, Any]) -> None:
    page = json_of(whole["paths"]["/drives"]["get"]["responses"]["200"])
    assert page == {"$ref": "#/components/schemas/PageDrive"}


def test_null_is_a_type_if_possible_else_a_choice(whole: dict[str, Any]) -> None:
    schemas = whole["components"]["schemas"]
    assert schemas["DriveInput"]["properties"]["distance_mi"] == {"type": ["number", "null"]}
    drive = {"$ref": "#/components/schemas/DriveOutput"}
    assert schemas["PageDrive"]["properties"]["next"] == {"anyOf": [drive, {"type": "null"}]}


def test_constant_has_its_type(whole: dict[str, Any]) -> None:
    kind = whole["components"]["schemas"]["Charge"]["properties"]["kind"]
    assert kind == {"type": "string", "default": "charge", "const": "charge"}


class Alarm(BaseModel):
    """An alarm."""

    level: Literal["low", "high"] = "low"
    state: Literal["on", "off"]
    grade: Literal["A", "A+", ""]


class Lamp(BaseModel):
    """A lamp."""

    state: Literal["on", "off"]
    color: Annotated[str, Field(pattern="^[^'\"]+$")]


type Title = Annotated[str, Field(max_length=9)]


class Door(BaseModel):
    """A door."""

    state: Literal["open", "shut"]


def house() -> dict[str, Any]:
    """Return the document of an app with several enums."""
    routes = Routes("/house", tag="house", access=PUBLIC)

    @routes.get("/alarm")
    async def get_alarm() -> Alarm:
        """Get the alarm."""
        raise NotImplementedError

    @routes.put("/lamp")
    async def put_lamp(body: Body[Lamp]) -> Door:
        """Put the lamp."""
        raise NotImplementedError

    return described(routes)


def test_enum_is_named_as_its_property_and_model() -> None:
    schemas = house()["components"]["schemas"]
    assert {name: one["enum"] for name, one in schemas.items() if "enum" in one} == {
        "DoorState": ["open", "shut"],
        "Grade": ["A", "A+", ""],
        "Level": ["low", "high"],
        "State": ["on", "off"],
    }
    state = {"$ref": "#/components/schemas/State"}
    assert schemas["Alarm"]["properties"]["state"] == schemas["Lamp"]["properties"]["state"] == state
    assert schemas["Alarm"]["properties"]["level"] == {"$ref": "#/components/schemas/Level", "default": "low"}


def test_enum_values_that_differ_by_signs_have_names() -> None:
    assert house()["components"]["schemas"]["Grade"]["x-enum-varnames"] == ["A", "A_PLUS", "EMPTY"]


class Record(BaseModel):
    """A record."""

    title: Title
    titles: list[Title] = []


class Records(BaseModel):
    """Records."""

    records: list[Record]


def shelf() -> dict[str, Any]:
    """Return the document of an app whose schemas have unfit names."""
    routes = Routes("/records", tag="records", access=PUBLIC)

    @routes.get()
    async def list_records() -> Records:
        """List records."""
        raise NotImplementedError

    return described(routes)


def test_schema_is_not_called_as_its_property_or_as_a_type_of_typescript() -> None:
    schemas = shelf()["components"]["schemas"]
    assert {"RecordObject", "RecordsObject"} <= set(schemas)
    assert not {"Record", "Records"} & set(schemas)
    assert schemas["RecordsObject"]["properties"]["records"]["items"] == {"$ref": "#/components/schemas/RecordObject"}


def test_plain_type_stands_in_its_place() -> None:
    schemas = shelf()["components"]["schemas"]
    title = {"type": "string", "maxLength": 9}
    assert "Title" not in schemas
    assert schemas["RecordObject"]["properties"]["title"] == title
    assert schemas["RecordObject"]["properties"]["titles"] == {"type": "array", "default": [], "items": title}


def test_pattern_has_no_quotation_marks() -> None:
    color = house()["components"]["schemas"]["Lamp"]["properties"]["color"]
    assert color["pattern"] == r"^[^\x27\x22]+$"


def test_stream_names_the_schema_of_its_data_beside_it() -> None:
    routes = Routes("/live", tag="live", access=PUBLIC)
    stream = Operation(
        {200: {"text/event-stream": "edge.openapi.events:CloudEvent"}}, reads="Last-Event-ID", sends="ETag"
    )

    @routes.get(operation=stream)
    async def follow() -> Response:
        """Follow."""
        return Response()

    whole = described(routes)
    operation = whole["paths"]["/live"]["get"]
    assert operation["responses"]["200"]["content"] == {
        "text/event-stream": {"x-event-data": {"$ref": "#/components/schemas/CloudEvent"}}
    }
    assert operation["responses"]["200"]["headers"] == {"ETag": {"$ref": "#/components/headers/ETag"}}
    assert parameters(operation)["Last-Event-ID"]["required"] is False
    assert faults(whole) == []


def test_a_tuple_is_a_list_of_its_types(whole: dict[str, Any]) -> None:
    tags = whole["components"]["schemas"]["DriveInput"]["properties"]["tags"]
    assert tags["items"] == {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    assert (tags["minItems"], tags["maxItems"]) == (2, 2)


def test_a_free_object_says_so_without_a_boolean(whole: dict[str, Any]) -> None:
    extra = whole["components"]["schemas"]["Charge"]["properties"]["extra"]
    assert extra["additionalProperties"] == {}


def test_a_discriminator_maps_to_the_components(whole: dict[str, Any]) -> None:
    mapping = json_of(whole["paths"]["/event"]["post"]["requestBody"])["discriminator"]["mapping"]
    assert mapping == {"charge": "#/components/schemas/Charge", "drive": "#/components/schemas/DriveInput"}


def test_a_stated_operation_shows_its_media_types(whole: dict[str, Any]) -> None:
    responses = whole["paths"]["/report"]["get"]["responses"]
    assert list(responses["200"]["content"]) == ["application/json", "text/html"]
    assert responses["304"] == {"description": "Not Modified"}


def test_an_event_stream_has_no_schema(whole: dict[str, Any]) -> None:
    responses = whole["paths"]["/events"]["get"]["responses"]
    assert responses["200"]["content"] == {"text/event-stream": {}}


def test_raw_body_names_its_media_types(whole: dict[str, Any]) -> None:
    body = whole["paths"]["/picture"]["put"]["requestBody"]
    binary = {"type": "string", "format": "binary"}
    assert body == {
        "required": True,
        "content": {
            "image/png": {"schema": binary | {"contentMediaType": "image/png"}},
            "application/octet-stream": {"schema": binary},
        },
    }


def test_binary_response_says_of_what_type_it_is(whole: dict[str, Any]) -> None:
    content = whole["paths"]["/picture"]["put"]["responses"]["200"]["content"]
    schema = {"type": "string", "format": "binary", "contentMediaType": "image/png"}
    assert content == {"image/png": {"schema": schema}}


def test_raw_body_beside_json_keeps_both_schemas(whole: dict[str, Any]) -> None:
    content = whole["paths"]["/table"]["post"]["requestBody"]["content"]
    drive = {"$ref": "#/components/schemas/DriveInput"}
    assert content == {"application/json": {"schema": drive}, "text/csv": {"schema": {"type": "string"}}}


def test_raw_body_may_be_too_large(whole: dict[str, Any]) -> None:
    assert "413" in whole["paths"]["/picture"]["put"]["responses"]


def test_a_handler_that_returns_nothing_answers_204(whole: dict[str, Any]) -> None:
    assert whole["paths"]["/drives/{drive_id}"]["delete"]["responses"]["204"] == {"description": "No Content"}


STATUSES = [
    ("get", "/drives/{drive_id}", "200 400 401 403 404 429 500 503"),
    ("get", "/drives", "200 400 401 403 429 500 503"),
    ("post", "/drives", "201 400 401 403 413 415 422 429 500 503"),
    ("post", "/event", "200 400 413 415 422 429 500 503"),
    ("get", "/events", "200 429 500 503"),
    ("get", "/mirror/{path}", "200 400 429 500 503"),
    ("post", "/mirror/{path}", "200 400 413 429 500 503"),
]


@pytest.mark.parametrize(("method", "path", "statuses"), STATUSES)
def test_an_operation_names_every_status_that_it_can_answer(
    whole: dict[str, Any], method: str, path: str, statuses: str
) -> None:
    assert list(whole["paths"][path][method]["responses"]) == statuses.split()


def test_problems_of_one_status_share_a_response(whole: dict[str, Any]) -> None:
    refused = whole["paths"]["/drives"]["post"]["responses"]["400"]
    schema = {"$ref": "#/components/schemas/Problem"}
    assert refused == {"description": "Malformed JSON", "content": {"application/problem+json": {"schema": schema}}}


def test_public_operations_need_no_credential_and_others_take_either(whole: dict[str, Any]) -> None:
    assert whole["paths"]["/event"]["post"]["security"] == []
    assert whole["paths"]["/drives"]["get"]["security"] == [{"bearer": []}, {"apiKey": []}]


def test_a_route_of_every_method_leaves_out_other_routes_methods(whole: dict[str, Any]) -> None:
    names = {method: operation["operationId"] for method, operation in whole["paths"]["/mirror/{path}"].items()}
    assert names == {
        "get": "mirrorGet",
        "post": "mirrorPost",
        "put": "putMirror",
        "patch": "mirrorPatch",
        "delete": "mirrorDelete",
    }


def test_a_route_of_every_method_has_a_body_if_the_method_may(whole: dict[str, Any]) -> None:
    bodies = {method: "requestBody" in operation for method, operation in whole["paths"]["/mirror/{path}"].items()}
    assert bodies == {"get": False, "post": True, "put": False, "patch": True, "delete": False}


def test_of_a_handlers_routes_the_shortest_has_its_name(whole: dict[str, Any]) -> None:
    assert whole["paths"]["/drives"]["get"]["operationId"] == "listDrives"
    assert whole["paths"]["/drives/list"]["get"]["operationId"] == "listDrivesList"


def named_twice() -> Routes:
    routes = Routes("/again", tag="again", access=PUBLIC)

    @routes.get()
    async def get_drive() -> None:
        """Get it again."""

    return routes


def of_another_method() -> Routes:
    routes = Routes("/odd", tag="odd", access=PUBLIC)

    @routes.on("PROPFIND", "")
    async def find_properties() -> None:
        """Find properties."""

    return routes


def with_a_taken_schema() -> Routes:
    class Problem(BaseModel):
        """Another problem."""

    routes = Routes("/problem", tag="problem", access=PUBLIC)
    Problem.__module__ = __name__

    async def get_problem() -> Any:
        """Get it."""

    get_problem.__annotations__["return"] = Problem
    routes.get()(get_problem)
    return routes


@pytest.mark.parametrize("resource", [named_twice, of_another_method, with_a_taken_schema])
def test_an_undescribable_declaration_is_an_error(resource: Callable[[], Routes]) -> None:
    with pytest.raises(DocumentError):
        described(drives, resource())


def under(schema: dict[str, Any]) -> dict[str, Any]:
    return {"components": {"schemas": {"A": schema}}}


def at(operation: dict[str, Any]) -> dict[str, Any]:
    return {"paths": {"/a": {"get": operation}}}


BROKEN: dict[str, dict[str, Any]] = {
    "a discriminator has a mapping": under({"oneOf": [], "discriminator": {"propertyName": "kind"}}),
    "enum values differ by more than case": under({"enum": ["a", "A"]}),
    "no enum value begins with a minus": under({"enum": ["id", "-id"]}),
    "no schema is a boolean": under({"properties": {"a": True}}),
    "no closed tuple": under({"prefixItems": [{}], "items": False}),
    "nothing is null alone": under({"properties": {"a": {"type": "null"}}}),
    "no remote $id": under({"$id": "https://example.com/a"}),
    "null is a type, not `nullable`": under({"nullable": True}),
    "no Unicode class in a pattern": under({"pattern": r"\p{L}"}),
    "an array says of what": under({"type": "array"}),
    "any JSON is {}": under({"type": ["null", "string", "number", "boolean", "object"]}),
    "no schema is called as its property or as a type of TypeScript": under({"properties": {"a": {}}}),
    "no quotation mark in a pattern": under({"pattern": "^'$"}),
    "an enum is a component": under({"properties": {"b": {"enum": ["x", "y"]}}}),
    "no enum holds null": under({"enum": ["a", None]}),
    "allOf of one reference has no properties beside it": under({"allOf": [{}], "properties": {}}),
    "a const has a type": under({"const": 1}),
    "OpenAPI 3.1.0 or 3.1.1": {"openapi": "3.2.0"},
    "no itemSchema": at({"itemSchema": {}}),
    "no webhooks": {"webhooks": {}},
    "no components/pathItems": {"components": {"pathItems": {}}},
    "JSON or a form, not both": at(
        {"requestBody": {"content": {"application/json": {}, "multipart/form-data": {}}}},
    ),
    "an operationId is there once": {"paths": {"/a": {"get": {"operationId": "a"}, "put": {"operationId": "a"}}}},
    "a schema's name is letters, digits and _": {"components": {"schemas": {"Page[Drive]": {}}}},
    "a path parameter is {name}": {"paths": {"/a/{path:path}": {}}},
    "an event stream has no schema": at({"content": {"text/event-stream": {"schema": {}}}}),
    "a text closes no comment": at({"description": "ends */ here"}),
    "no media type that a generator drops": at({"content": {"*/*": {}}}),
    "no parameter is called body beside a body": at({"parameters": [{"name": "body"}], "requestBody": {"content": {}}}),
    "a raw body may be sent as octets": at({"requestBody": {"content": {"application/zip": {}}}}),
    "no reference into properties": under({"$ref": "#/components/schemas/B/properties/c"}),
    "an array in a query explodes": at({"parameters": [{"explode": False}]}),
}


@pytest.mark.parametrize("rule", [*SCHEMA, *PLACE])
def test_each_rule_finds_its_violation(rule: str) -> None:
    assert any(fault.endswith(f": {rule}") for fault in faults(BROKEN[rule]))


def test_a_public_route_may_take_a_key() -> None:
    routes = Routes("/notes", tag="notes", access=PUBLIC)

    @routes.post(operation=Operation(takes_key=True))
    async def add_note() -> None:
        """Add a note."""

    assert described(routes)["paths"]["/notes"]["post"]["security"] == [{"bearer": []}, {"apiKey": []}, {}]


type Tag = str | None


def test_header_of_an_alias_may_be_absent() -> None:
    routes = Routes("/tags", tag="tags", access=PUBLIC)

    @routes.get()
    async def get_tag(if_none_match: Header[Tag]) -> list[str | None]:
        """Get the tag."""
        return [if_none_match]

    [endpoint] = App("tags", version="1", settings=Settings, authenticate=nobody, resources=[routes]).endpoints
    assert [item.required for item in endpoint.inputs] == [False]
