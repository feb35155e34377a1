"""Problems (RFC 9457): the members, the same look of every fault, and nothing in them that is not meant for callers."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from edge.access import PUBLIC, READER, Actor
from edge.errors import Forbidden, NotFound, Problem, Unauthorized, faults_of
from edge.events import Frame
from edge.http import Response
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.ports import (
    CheckViolation,
    DatabaseError,
    ForeignKeyViolation,
    NotNullViolation,
    OutOfScope,
    UniqueViolation,
)
from edge.request import Request
from edge.routes import Routes
from edge.testing import Answer, Client

type Serve = Callable[..., Client]

PASSWORD = "hunter2"


class CarAsleep(Problem):
    """The car is asleep.

    More about it.
    """

    title = "The car is asleep"
    status = 408


def broken() -> Routes:
    routes = Routes(tag="t", access=PUBLIC)

    @routes.get("/bug")
    async def bug() -> None:
        raise RuntimeError(f"cannot log in with {PASSWORD}")

    @routes.get("/asleep", CarAsleep)
    async def asleep() -> None:
        raise CarAsleep(
            "wake it", headers=[("retry-after", "60")], vin="5YJ", status=200, type="x", request_id="forged"
        )

    @routes.get("/odd")
    async def odd() -> None:
        raise CarAsleep("odd", member=object(), text="\ud800")

    @routes.get("/locked", access=READER)
    async def locked() -> None: ...

    return routes


def ask(serve: Serve, method: str, target: str, headers: list[tuple[str, str]] | None = None) -> Answer:
    client = serve(broken(), middleware=[request_id, cors])
    return asyncio.run(client.request(method, target, headers=headers or []))


@pytest.mark.parametrize(
    ("method", "target", "status", "kind", "title"),
    [
        ("GET", "/nowhere", 404, "urn:problem:not-found", "Not found"),
        ("GET", "/bug", 500, "urn:problem:internal-error", "Internal server error"),
        ("POST", "/bug", 405, "urn:problem:method-not-allowed", "Method not allowed"),
        ("GET", "/locked", 401, "urn:problem:unauthorized", "Authentication required"),
        ("GET", "/%zz", 400, "urn:problem:bad-encoding", "Bad percent-encoding"),
        ("GET", "/asleep", 408, "urn:problem:car-asleep", "The car is asleep"),
    ],
)
def test_every_fault_looks_the_same(  # noqa: PLR0913, PLR0917 - the columns of the table
    serve: Serve, method: str, target: str, status: int, kind: str, title: str
) -> None:
    answer = ask(serve, method, target)
    document = answer.json()
    assert (answer.status, answer.header("content-type")) == (status, "application/problem+json")
    assert (document["status"], document["type"], document["title"]) == (status, kind, title)
    assert document["instance"] == target
    assert document["request_id"] == answer.header("x-request-id")
    assert answer.header("access-control-allow-origin") == "http://localhost:3000"
    assert set(document) - {"detail", "allowed", "vin"} == {"type", "title", "status", "instance", "request_id"}


def test_a_bug_is_logged_once_with_the_request_id_and_answered_without_detail(serve: Serve, log: Any) -> None:
    answer = ask(serve, "GET", "/bug", [("x-request-id", "abc")])
    assert "detail" not in answer.json()
    assert PASSWORD not in answer.text
    (line,) = log.lines
    assert (line["level"], line["request_id"], line["route"]) == ("error", "abc", "/bug")
    assert "RuntimeError" in line["error"]


def test_further_members_and_headers_come_beside_the_standard_ones_and_never_replace_them(serve: Serve) -> None:
    answer = ask(serve, "GET", "/asleep")
    document = answer.json()
    assert (document["vin"], document["detail"], answer.header("retry-after")) == ("5YJ", "wake it", "60")
    assert (document["status"], document["type"]) == (408, "urn:problem:car-asleep")
    assert document["request_id"] == answer.header("x-request-id")
    assert list(document)[:3] == ["type", "title", "status"]


def test_a_member_that_is_no_json_does_not_lose_the_answer(serve: Serve) -> None:
    answer = ask(serve, "GET", "/odd")
    assert (answer.status, answer.json()["title"]) == (408, "The car is asleep")


def test_the_query_is_in_no_problem(serve: Serve) -> None:
    assert PASSWORD not in ask(serve, "GET", f"/nowhere?key={PASSWORD}").text


def test_problem_without_a_title_of_its_own_is_an_error_at_import() -> None:
    with pytest.raises(TypeError, match="Untitled has no title: set `title`"):
        type("Untitled", (CarAsleep,), {"__doc__": "The car is fast asleep."})
    with pytest.raises(TypeError, match="Empty has no title"):
        type("Empty", (Problem,), {"title": ""})

    class Named(CarAsleep):
        title = "The car is away"

    assert (Named.title, CarAsleep.title) == ("The car is away", "The car is asleep")


@pytest.mark.parametrize(
    ("location", "pointer"),
    [((), ""), (("a", 0, "b"), "/a/0/b"), (("a/b", "c~d"), "/a~1b/c~0d"), (("",), "/"), (("~1",), "/~01")],
)
def test_a_pointer_is_escaped_as_rfc_6901_says(location: tuple[int | str, ...], pointer: str) -> None:
    (fault,) = faults_of([{"type": "missing", "loc": location, "msg": "Field required", "input": PASSWORD}])
    assert fault == {"pointer": pointer, "detail": "Field required"}


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/nowhere%0d%0ax-evil:%201", []),
        ("GET", "/nowhere\r\nx-evil: 1", []),
        ("X\r\nx-evil: 1", "/bug", []),
        ("GET", "/bug", [("x-request-id", "a\r\nx-evil: 1")]),
        ("GET", "/bug", [("x-request-id", "a\n")]),
        ("GET", "/bug", [("traceparent", "00-" + "a" * 32 + "-" + "b" * 16 + "-01\r\nx-evil: 1")]),
        ("GET", "/bug", [("origin", "https://a\r\nx-evil: 1")]),
        (
            "OPTIONS",
            "/bug",
            [
                ("origin", "https://a\r\nx-evil: 1"),
                ("access-control-request-method", "GET\r\nx-evil: 1"),
                ("access-control-request-headers", "x-a, x-b\r\nx-evil: 1, \r\n, é"),
            ],
        ),
        ("GET", "/locked", [("authorization", "Bearer a\r\nx-evil: 1")]),
    ],
)
def test_nothing_that_was_sent_becomes_a_header(
    serve: Serve, method: str, target: str, headers: list[tuple[str, str]]
) -> None:
    for name, value in ask(serve, method, target, headers).headers:
        assert (name + value).isascii()
        assert (name + value).isprintable()
        assert "evil" not in value


def test_a_middleware_that_raises_a_problem_is_answered_with_it(serve: Serve) -> None:
    async def closed(_request: Request, call_next: Any) -> Response:  # noqa: ARG001 - it never calls on
        raise Forbidden("closed")

    answer = asyncio.run(serve(broken(), middleware=[request_id, cors, closed]).get("/bug"))
    assert (answer.status, answer.json()["detail"]) == (403, "closed")
    assert answer.header("access-control-allow-origin") == "http://localhost:3000"
    assert answer.header("x-request-id") == answer.json()["request_id"]


def test_a_401_says_how_to_authenticate() -> None:
    assert list(Unauthorized("x").headers) == [("www-authenticate", 'Bearer realm="api"')]
    assert NotFound().document("/x", "1") == {
        "type": "urn:problem:not-found",
        "title": "Not found",
        "status": 404,
        "instance": "/x",
        "request_id": "1",
    }


REFUSED_ROWS: dict[str, tuple[DatabaseError, int, str, str]] = {
    "pair": (
        UniqueViolation("UNIQUE constraint failed: cars.vin, cars.n", "cars", ("vin", "n")),
        409,
        "storage-conflict",
        "a row with this vin, n exists",
    ),
    "index": (
        UniqueViolation("UNIQUE constraint failed: index 'lower_x'", constraint="lower_x"),
        409,
        "storage-conflict",
        "a row with this key exists",
    ),
    "parent": (
        ForeignKeyViolation("FOREIGN KEY constraint failed"),
        409,
        "storage-conflict",
        "a referenced row does not exist, or other rows refer to this one",
    ),
    "missing": (
        NotNullViolation("NOT NULL constraint failed: cars.vin", "cars", ("vin",)),
        422,
        "unstorable-value",
        "vin needs a value",
    ),
    "named": (
        CheckViolation("CHECK constraint failed: short_name", constraint="short_name"),
        422,
        "unstorable-value",
        "short_name does not take this value",
    ),
    "unnamed": (
        CheckViolation("CHECK constraint failed: a <> 'hunter2'", constraint="a <> 'hunter2'"),
        422,
        "unstorable-value",
        "a column does not take this value",
    ),
    "scope": (OutOfScope("cars"), 403, "forbidden", "a row is outside what this caller may write"),
}


def refusing() -> Routes:
    routes = Routes(tag="t", access=PUBLIC)

    @routes.post("/rows/{name}")
    async def write(name: str) -> None:
        raise REFUSED_ROWS[name][0]

    @routes.post("/broken")
    async def broken_statement() -> None:
        raise DatabaseError("no such table: cars")

    @routes.frame("write", access=PUBLIC)
    async def write_frame(frame: Frame) -> None:
        raise REFUSED_ROWS[frame.body["name"]][0]

    return routes


@pytest.mark.parametrize("name", REFUSED_ROWS)
def test_refused_row_is_a_problem_without_its_value(serve: Serve, log: Any, name: str) -> None:
    fault, status, kind, detail = REFUSED_ROWS[name]
    client = serve(refusing())
    answer = asyncio.run(client.post(f"/rows/{name}"))
    document = answer.json()
    assert (answer.status, document["type"], document["detail"]) == (status, f"urn:problem:{kind}", detail)
    assert PASSWORD not in answer.text
    assert [(line["level"], line["error"]) for line in log.lines] == [("warning", str(fault))]


@pytest.mark.parametrize("name", REFUSED_ROWS)
def test_refused_row_of_a_frame_is_the_same_problem(serve: Serve, name: str) -> None:
    client = serve(refusing())
    frame = Frame({"type": "write", "name": name}, Actor("a", READER), "r")
    problem = asyncio.run(client.app.frame(frame, client.ports))["problem"]
    assert (problem["status"], problem["detail"]) == (REFUSED_ROWS[name][1], REFUSED_ROWS[name][3])


def test_statement_that_cannot_run_is_our_fault(serve: Serve) -> None:
    answer = asyncio.run(serve(refusing()).post("/broken"))
    assert (answer.status, answer.json()["title"]) == (500, "Internal server error")
    assert "cars" not in answer.text
