"""Problems of the kernel below `/d1`: PostgREST's members beside RFC 9457's, allowed methods and locations."""

from collections.abc import Sequence
from typing import Any

import pytest

from edge.testing import Answer, Client

from .conftest import Runner
from .test_auth import keyed
from .test_d1 import VIN, drive, fill

TEXT = [("content-type", "text/plain")]
CASES: list[tuple[str, str, str, object, Sequence[tuple[str, str]], int, str]] = [
    ("stranger", "GET", "/d1/vehicles", None, [], 401, "PGRST302"),
    ("reader", "POST", "/d1/vehicles", {"vin": VIN}, [], 403, "42501"),
    ("admin", "POST", "/d1", {}, [], 405, "PGRST117"),
    ("admin", "DELETE", "/d1/vehicles/list", None, [], 405, "PGRST117"),
    ("admin", "GET", "/d1/vehicles/x/y", None, [], 404, "PGRST125"),
    ("admin", "POST", "/d1/vehicles", {"vin": VIN}, TEXT, 415, "PGRST102"),
    ("admin", "POST", "/d1/vehicles", {"vin": VIN}, [("content-encoding", "gzip")], 415, "PGRST102"),
    ("admin", "PATCH", "/d1/vehicles?vin=eq.x", {}, [("if-match", '"1"')], 412, "PT412"),
    ("admin", "PATCH", "/d1/vehicles?vin=eq.x", [], [], 422, "PGRST102"),
    ("admin", "GET", "/d1/none", None, [], 404, "PGRST205"),
    ("admin", "GET", "/d1/vehicles?none=eq.1", None, [], 400, "42703"),
]


@pytest.mark.parametrize(("who", "method", "target", "body", "headers", "status", "code"), CASES)
def test_problem_has_the_members_that_postgrests_clients_read(  # noqa: PLR0913, PLR0917 - a table's columns
    run: Runner, who: str, method: str, target: str, body: Any, headers: list[tuple[str, str]], status: int, code: str
) -> None:
    async def case(client: Client) -> Answer:
        caller = {"stranger": client.anonymous(), "admin": client}.get(who) or await keyed(client, role="reader")
        return await caller.request(method, target, json=body, headers=headers)

    answer = run(case)
    problem = answer.json()
    assert (answer.status, problem["code"], answer.header("content-type")) == (status, code, "application/problem+json")
    assert {"details", "hint"} <= problem.keys()
    assert problem["message"] == problem.get("detail", problem["title"])
    assert (problem["status"], problem["request_id"]) == (status, answer.header("x-request-id"))


@pytest.mark.local_only("a table is broken, of which the Worker's tests have but one")
def test_fault_of_ours_has_the_members_and_says_nothing(run: Runner) -> None:
    async def case(client: Client) -> Answer:
        db: Any = client.ports.settings.db
        await db.run("ALTER TABLE software_updates RENAME TO gone")
        return await client.get("/d1/software_updates")

    answer = run(case)
    assert (answer.status, answer.json()["code"]) == (500, "XX000")
    assert "gone" not in answer.text


def test_other_paths_have_no_such_members(run: Runner) -> None:
    async def case(client: Client) -> list[dict[str, Any]]:
        return [(await client.get(path)).json() for path in ("/d1x", "/agent/v1x", "/nowhere")]

    assert [problem.keys() & {"code", "hint", "error"} for problem in run(case)] == [set(), set(), set()]


def test_list_is_no_row(run: Runner) -> None:
    async def case(client: Client) -> tuple[list[Answer], Answer]:
        await fill(client, 1)
        refused = [await client.request(method, "/d1/drives/list", json={}) for method in ("DELETE", "PATCH", "PUT")]
        return refused, await client.request("OPTIONS", "/d1/drives/list")

    refused, options = run(case)
    assert [answer.status for answer in refused] == [405] * 3
    assert {answer.header("allow") for answer in [*refused, options]} == {"GET, HEAD, OPTIONS"}


def test_new_rows_and_keys_say_where_they_are(run: Runner) -> None:
    async def case(client: Client) -> list[tuple[int, int]]:
        await fill(client, 0)
        answers = [
            await client.post("/d1/drives", drive(1)),
            await client.request("PUT", "/d1/logs/odd%20id", json={"level": "info", "message": "x"}),
            await client.post("/auth/keys", {"name": "phone"}),
        ]
        return [
            (answer.status, (await client.get(answer.header("location") or "/nowhere")).status) for answer in answers
        ]

    assert run(case) == [(201, 200)] * 3
