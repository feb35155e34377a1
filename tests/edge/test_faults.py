"""Faults of input: in every list of them, their number and bytes are bounded, and so is the work of listing."""

import asyncio
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from edge.access import ADMIN, PUBLIC, READER, Actor
from edge.clients.upstream import UpstreamFailed, checked
from edge.endpoint import Body, Header, Query
from edge.errors import (
    LONGEST_DETAIL,
    LONGEST_POINTER,
    MOST_FAULT_BYTES,
    MOST_FAULTS,
    MOST_POINTERS,
    POINTERS,
    Fault,
    InvalidBody,
    InvalidParameter,
    bounded,
    list_faults,
    pointer_of,
)
from edge.events import Frame
from edge.json_body import MOST_VALUES
from edge.routes import Routes
from edge.testing import Answer, Client

pytestmark = pytest.mark.slow

type Serve = Callable[..., Client]

LARGEST = 3 * MOST_FAULT_BYTES // 2
"""Bytes of an answer with faults of the greatest size."""
JSON = [("content-type", "application/json")]


def repeat(text: str) -> str:
    """Return the sent text: a validator's own message can hold it."""
    raise ValueError(f"not {text}")


Echoed = Annotated[str, AfterValidator(repeat)]


class Item(BaseModel):
    size: int = Field(ge=10)


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Echoed | None = None
    items: list[Item] = []
    by_name: dict[str, list[int]] = {}
    kind: Literal["a", "b"] = "a"
    either: list[int | Item | list[str]] = []


class Page(BaseModel):
    model_config = ConfigDict(extra="forbid")

    years: list[int] = []
    name: Echoed | None = None


def shop() -> Routes:
    routes = Routes(tag="t", access=PUBLIC)

    @routes.post("/orders")
    async def add(order: Body[Order]) -> Order:
        """Add."""
        return order

    @routes.get("/orders")
    async def list_orders(page: Query[Page]) -> list[int]:
        """List."""
        return page.years

    @routes.get("/orders/{order_id}")
    async def get_order(order_id: Annotated[str, AfterValidator(repeat)], x_note: Header[Echoed | None]) -> str:
        """Get."""
        return f"{order_id}{x_note}"

    @routes.get("/notes")
    async def get_note(x_note: Header[Echoed]) -> str:
        """Get."""
        return x_note

    @routes.frame("order", access=READER)
    async def take_order(order: Body[Order]) -> dict[str, Any]:
        """Take."""
        return order.model_dump()

    @routes.frame("broken", access=READER)
    async def break_down(frame: Frame) -> None:
        """Fail as a bug does."""
        Item.model_validate({"size": frame.body["size"]})

    return routes


def members(count: int, item: str, name: str = "m%d") -> str:
    return "{" + ",".join(f'"{name % number}":{item}' for number in range(count)) + "}"


LONG = "x" * 300_000
BODIES: dict[str, str] = {
    "very many unknown members": members(40_000, "1"),
    "500 members with long names": members(MOST_FAULTS, "1", "n%d" + "n" * 1500),
    "members whose names are control characters": members(MOST_FAULTS, "1", "\\u0001" * 150 + "%d"),
    "a long name with faults below": json.dumps({"by_name": {LONG: ["x"] * 200}}),
    "a long text in a message": json.dumps({"name": LONG}),
    "very many items": json.dumps({"items": [{}] * 45_000}),
    "500 items": json.dumps({"items": [{"size": "x"}] * MOST_FAULTS}),
    "unions": json.dumps({"either": [{}] * 40_000}),
    "too many values": json.dumps({"either": [[]] * (MOST_VALUES + 1)}),
    "a long choice": json.dumps({"kind": LONG}),
}


def check(answer: Answer, status: int) -> list[dict[str, str]]:
    faults: list[dict[str, str]] = answer.json()["errors"]
    assert (answer.status, len(answer.body) < LARGEST) == (status, True)
    assert 1 <= len(faults) <= MOST_FAULTS + 1
    assert all(len(fault["pointer"]) <= LONGEST_POINTER for fault in faults)
    assert all(len(fault["detail"]) <= LONGEST_DETAIL for fault in faults)
    assert len(json.dumps(faults)) <= MOST_FAULT_BYTES * 1.1
    return faults


@pytest.mark.parametrize("what", BODIES)
def test_faults_of_a_body_are_bounded(serve: Serve, what: str) -> None:
    answer = asyncio.run(serve(shop()).request("POST", "/orders", headers=JSON, body=BODIES[what].encode()))
    check(answer, 422)


@pytest.mark.parametrize(
    "query",
    ["years=x&" * 2000, "&".join(f"q{n}=1" for n in range(1800)), "name=" + "x" * 16_000, "y" * 16_000 + "=1"],
)
def test_faults_of_a_query_are_bounded(serve: Serve, query: str) -> None:
    check(asyncio.run(serve(shop()).get(f"/orders?{query}")), 400)


def test_faults_of_a_path_and_a_header_are_bounded(serve: Serve) -> None:
    for target in ("/orders/" + "x" * 16_000, "/notes"):
        answer = asyncio.run(serve(shop()).get(target, headers=[("x-note", LONG)]))
        assert [fault["pointer"] for fault in check(answer, 400)] == ["order_id" if "orders" in target else "x-note"]


@pytest.mark.parametrize("what", BODIES)
def test_faults_of_a_frame_are_bounded(serve: Serve, what: str) -> None:
    client = serve(shop())
    frame = Frame({"type": "order"} | json.loads(BODIES[what]), Actor("a", ADMIN), "r")
    answer = asyncio.run(client.app.frame(frame, client.ports))
    assert len(json.dumps(answer)) < LARGEST
    assert answer["problem"]["status"] == 422


def test_invalid_data_of_ours_in_a_frame_is_an_error_of_ours(serve: Serve, log: Any) -> None:
    client = serve(shop())
    answer = asyncio.run(
        client.app.frame(Frame({"type": "broken", "size": "secret"}, Actor("a", ADMIN), "r"), client.ports)
    )
    assert answer["problem"]["status"] == 500
    assert "secret" not in json.dumps(answer)
    assert [line["message"] for line in log.lines] == ["frame failed"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"items": [{"size": 10.0}]}', 200),
        (b'{"items": [{"size": 1.0}]}', 422),
        (b'{"items": [{"size": 10.5}]}', 422),
        (b'{"items": [{"size": 10.0}, {"size": 3.0}], "name": null}', 422),
        (b'{"by_name": {"a": [1e300]}}', 422),
    ],
)
def test_whole_number_with_a_fraction_of_zero_is_an_integer_and_has_its_bounds(
    serve: Serve, body: bytes, status: int
) -> None:
    assert asyncio.run(serve(shop()).request("POST", "/orders", headers=JSON, body=body)).status == status


def test_text_full_of_commas_is_not_too_many_values(serve: Serve) -> None:
    body = json.dumps({"by_name": {}, "items": [], "kind": "a", "name": '",[{\\"' * 60_000})
    answer = asyncio.run(serve(shop()).request("POST", "/orders", headers=JSON, body=body.encode()))
    assert [fault["pointer"] for fault in check(answer, 422)] == ["/name"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"by_name": {"n" * 501: ["x"] * 9000}}, "a member's name has more than 500 characters"),
        ({"by_name": {'"\\' * 400: ["x"] * 9000}}, "a member's name has more than 500 characters"),
        ({"by_name": {"n" * 500: ["x"] * 9000}}, "9000 faults"),
        ({"by_name": {'"' * 250: ["x"] * 9000}}, "9000 faults"),
        ({"by_name": {}, "either": [["n" * 9000, ": ", ":" * 9000, '":']], "kind": "c"}, "Input should be 'a' or 'b'"),
    ],
)
def test_name_is_shortened_in_faults(serve: Serve, body: object, expected: str) -> None:
    sent: dict[str, Any] = {"headers": JSON, "body": json.dumps(body).encode()}
    assert check(asyncio.run(serve(shop()).request("POST", "/orders", **sent)), 422)[0]["detail"] == expected


@pytest.mark.parametrize("end", [b"", b'"', b'": ', b"}", b'"}\\'])
def test_long_body_that_is_no_json_is_malformed(serve: Serve, end: bytes) -> None:
    for begin in (b'{"name": "', b'{"', b'["a", '):
        sent: dict[str, Any] = {"headers": JSON, "body": begin + b"x" * 10_000 + end}
        answer = asyncio.run(serve(shop()).request("POST", "/orders", **sent))
        assert answer.status == (422 if (begin, end) == (b'{"name": "', b'"}') else 400), answer.text


def test_upstream_answer_full_of_faults_is_one_short_line() -> None:
    answers: tuple[object, ...] = ([{}] * 50_000, [{"size": "x"}] * 3, {LONG: 1})
    for answer in answers:
        with pytest.raises(UpstreamFailed) as refused:
            checked(list[Item], answer, "Tessie")
        assert len(refused.value.detail) < LONGEST_DETAIL + LONGEST_POINTER + 100
    with pytest.raises(UpstreamFailed, match="Tessie sent an unexpected answer: 0/size: Field required"):
        checked(list[Item], [{}], "Tessie")


def test_list_that_is_cut_says_how_much_is_left() -> None:
    faults = [Fault(pointer=f"/{number}", detail="d" * 400) for number in range(400)]
    listed = bounded(faults)
    assert listed[:-1] == faults[: len(listed) - 1]
    assert listed[-1] == {"pointer": "", "detail": f"{401 - len(listed)} more faults"}
    assert bounded(faults[:3]) == faults[:3]


def test_remembered_pointers_are_few_and_short() -> None:
    """A client chooses the names of members: neither their number nor their length may fill the memory."""
    for number in range(2 * MOST_POINTERS):
        assert pointer_of((f"a/b~{number}", number)) == f"/a~1b~0{number}/{number}"
    assert 0 < len(POINTERS) <= MOST_POINTERS
    long = "x" * 100_000
    assert pointer_of((long, 1)).startswith("/xxx")
    assert max(len(str(step)) for location in POINTERS for step in location) <= LONGEST_POINTER


def test_problem_bounds_its_list_of_faults() -> None:
    for kind in (InvalidBody, InvalidParameter):
        problem = kind([Fault(pointer="/" + LONG, detail=LONG)] * 5000)
        assert len(json.dumps(problem.document("/x", "1"))) < LARGEST


def test_invalid_text_is_replaced() -> None:
    assert bounded([Fault(pointer="/\ud800", detail="a\udfff")]) == [{"pointer": "/?", "detail": "a?"}]


def test_too_many_faults_are_counted_under_the_name_of_the_whole() -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(list[int]).validate_python(["x"] * (MOST_FAULTS + 1))
    assert list_faults(refused.value, lambda steps: f"payload{len(steps)}") == [
        {"pointer": "payload0", "detail": f"{MOST_FAULTS + 1} faults"}
    ]
