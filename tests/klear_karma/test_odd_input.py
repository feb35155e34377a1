"""Odd input: unexpected paths, queries and bodies are answered with a 4xx problem and never with 500."""

from typing import Any
from urllib.parse import quote

import pytest
from tests.klear_karma.conftest import Run, as_admin, as_member
from tests.klear_karma.practices import booked, day_after_tomorrow, practice

from edge.testing import Client
from klear_karma.app import app

pytestmark = pytest.mark.slow

ODD = [
    "",
    " ",
    "\x00",
    "💛",
    "ﬁ",
    "\ud7ff",
    "a" * 5_000,
    "' OR 1=1 --",
    '"',
    "*",
    "C++",
    "%",
    "_",
    "../x",
    "null",
    "-1",
    "1e999",
    "10" * 400,
    "NaN",
    "{}",
    "2027-02-30T10:00:00Z",
    "2027-03-28T02:30:00+25:00",
    "Mars/Olympus",
    "\u202e",
]
VALUES: list[Any] = [*ODD, None, True, 0, -1, 10**15, 2**53, 2**63, 10**400, 1.5, 1e308, [], {}, [[]], {"a": {}}]
GOOD: dict[str, Any] = {
    "practitioner_id": "mira",
    "service_id": "mira-reiki",
    "action": "cancel",
    "body": "x",
    "number": 1,
    "rating": 5,
    "appointment_id": "x",
    "target_kind": "user",
    "target_id": "mira",
    "reason": "x",
    "decision": "upheld",
    "starts_at": "2027-01-01T10:00:00Z",
    "note": "",
    "conversation_id": "x",
    "ids": ["x"],
}
OURS = "appointments notifications messages conversations reviews blocks reports admin analytics".split()  # noqa: SIM905 - read as a line
ENDPOINTS = [endpoint for endpoint in app.endpoints if endpoint.path.startswith(tuple(f"/api/{name}" for name in OURS))]
BODIES = {"POST", "PUT", "PATCH"}


def path_of(path: str, value: str) -> str:
    """Return a path with a value for its parameter."""
    if "{" not in path:
        return path
    return f"{path[: path.index('{')]}{quote(value or '-', safe='')}{path[path.index('}') + 1 :]}"


def fields_of(endpoint: Any) -> set[str]:
    """Return the names of a body's fields."""
    return {name for part in endpoint.inputs if part.kind == "body" for name in part.hint.model_fields}


async def ask(client: Client, method: str, path: str, body: Any = None) -> None:
    answer = await client.request(method, path, json=body)
    assert answer.status < 500, (method, path[:200], str(body)[:200], answer.text[:500])
    if answer.status >= 400:
        assert answer.header("content-type") == "application/problem+json"


def test_odd_paths_and_queries_cause_no_server_error(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        ada = await as_member(client, "ada")
        admin = as_admin(client)
        for endpoint in ENDPOINTS:
            person = admin if endpoint.access.name == "ADMIN" else ada
            for value in ODD:
                await ask(person, endpoint.method, path_of(endpoint.path, value[:400]), {})
                for name in ("after", "from", "limit", "state", "side", "days", "before", "x"):
                    if endpoint.method == "GET":
                        path = path_of(endpoint.path, "x")
                        await ask(person, "GET", f"{path}?{name}={quote(value[:400], safe='')}")

    local(case)


def test_odd_bodies_cause_no_server_error(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        booking = await booked(ada, day_after_tomorrow())
        for endpoint in ENDPOINTS:
            if endpoint.method not in BODIES or "/blocks" in endpoint.path:
                continue
            person = as_admin(client) if endpoint.access.name == "ADMIN" else mira
            path = path_of(endpoint.path, booking["id"])
            names = fields_of(endpoint)
            for name in names:
                for value in VALUES:
                    others = {key: value for key, value in GOOD.items() if key in names and key != name}
                    await ask(person, endpoint.method, path, others | {name: value})
                    await ask(person, endpoint.method, path, {name: value})
            for body in VALUES:
                await ask(person, endpoint.method, path, body)

    local(case)


def test_odd_idempotency_key_is_refused(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        ada = await as_member(client, "ada")
        body = {"practitioner_id": "mira", "service_id": "mira-reiki", "starts_at": "2027-01-01T10:00:00Z"}
        for key in ("a b", "x" * 256, "ü", "\x7f"):
            answer = await ada.post("/api/appointments", body, headers=[("idempotency-key", key)])
            assert answer.status == 400, key

    local(case)
