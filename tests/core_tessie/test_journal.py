"""The `logs` rows: of known callers alone, sampled for busy ones, and with bounded cost for strangers."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from pydantic_core import from_json
from tests.patience import pauses

from core_tessie.app import app
from core_tessie.journal import Journal
from edge.ports import Row
from edge.testing import Client

from .conftest import Runner
from .test_auth import by, keyed
from .test_live_events import stream

pytestmark = pytest.mark.slow

STRANGERS = (
    ("GET", "/nowhere/at/all"),
    ("GET", "/d1/vehicles"),
    ("DELETE", "/health"),
    ("BREW", "/health"),
    ("GET", "/health"),
    ("GET", "/"),
    ("OPTIONS", "/d1/vehicles"),
    ("POST", "/auth/token"),
    ("GET", "/events?ticket=none"),
    ("GET", "/d1/vehicles?%zz=%"),
    ("GET", "/" + "a" * 17_000),
    ("GET", "/d1/%zz"),
)
WRONG_KEYS = ("", "wrong", "key_nobody-12345678.secret", "a.b.c")


async def rows(client: Client, where: str = "1") -> list[Row]:
    """Return the rows of `logs`, with parsed payloads."""
    stored = await client.ports.settings.db.all(f"SELECT * FROM logs WHERE {where} ORDER BY rowid")
    return [row | {"payload": from_json(row["payload"] or "{}")} for row in stored]


async def row_of(client: Client, request_id: str) -> Row:
    """Wait for the row of a request and return it."""
    async for _ in pauses():
        if matches := await rows(client, f"request_id = '{request_id}'"):
            return matches[0]
    raise AssertionError(f"{request_id} left no row in 10 s")


async def settled(client: Client, request_id: str) -> None:
    """Wait until earlier rows are written: a marker call of a separate key has its row after them."""
    caller = await keyed(client)
    await caller.get("/auth/me", headers=[("x-request-id", request_id)])
    await row_of(client, request_id)
    await asyncio.sleep(0.2)


def test_strangers_leave_no_rows(run: Runner) -> None:
    async def case(client: Client) -> list[Row]:
        for key in WRONG_KEYS:
            stranger = by(client, key) if key else client.anonymous()
            for method, target in STRANGERS:
                answer = await stranger.request(method, target, headers=[("x-request-id", "stranger")])
                assert answer.status < 500 or method == "BREW", (method, target, key)  # workerd knows no such method
        await settled(client, "known-1")
        return await rows(client, "actor IS NULL OR request_id = 'stranger'")

    assert run(case) == []


def test_strangers_are_counted_in_usage(run: Runner) -> None:
    async def case(client: Client) -> Any:
        for _ in range(3):
            await client.anonymous().get("/d1/software_updates")
        async for _ in pauses():
            answer = await client.get("/colbycommands/usage?by=name,outcome,actor")
            if answer.status == 503:
                return None  # the Worker of these tests reads no dataset
            matches = [
                total for total in answer.json()["totals"] if total["name"] == "/d1/{table}" and not total["actor"]
            ]
            if matches and matches[0]["count"] == 3:
                return matches[0]["outcome"]
        raise AssertionError(answer.text)

    assert run(case) in {"4xx", None}


def test_a_stranger_over_the_limit_leaves_no_row(tmp_path: Any) -> None:
    runner = Runner(tmp_path / "state", 9)
    del runner.env["RATE_LIMITER"]

    async def case(client: Client) -> tuple[set[int], list[Row]]:
        answers = [await client.anonymous().get("/d1/vehicles") for _ in range(1300)]
        await settled(client, "known-2")
        return {answer.status for answer in answers}, await rows(client, "actor IS NULL")

    statuses, left = runner(case)
    assert statuses == {401, 429}
    assert left == []


def test_row_of_a_known_caller_has_method_route_and_status(run: Runner) -> None:
    async def case(client: Client) -> list[Row]:
        caller = await keyed(client, role="operator")
        await caller.get("/auth/me", headers=[("x-request-id", "one")])
        await caller.get("/d1/logs", headers=[("x-request-id", "two")])
        await caller.post("/colbycommands/sync", {}, headers=[("x-request-id", "three")])
        return [await row_of(client, name) for name in ("one", "two", "three")]

    first, two, three = run(case)
    assert (first["message"], first["route"], first["level"]) == ("GET 200", "/auth/me", "info")
    assert first["payload"] == {"method": "GET", "status": 200}
    assert (two["message"], two["route"]) == ("GET 403", "/d1/{table}")
    assert three["message"] == "POST 202"
    assert first["actor"] == two["actor"] == three["actor"]


def test_busy_reads_are_sampled_and_their_rows_add_up(run: Runner) -> None:
    calls = 300

    async def case(client: Client) -> list[Row]:
        caller = await keyed(client)
        for _ in range(calls):
            assert (await caller.get("/auth/me")).status == 200
        await settled(client, "known-3")
        return await rows(client, "route = '/auth/me' AND request_id <> 'known-3'")

    stored = run(case)
    stand_for = [row["payload"].get("calls", 1) for row in stored]
    assert len(stored) < calls / 2, "all were kept"
    assert max(stand_for) == 10
    assert calls - 10 < sum(stand_for) <= calls


def test_errors_and_writes_of_a_busy_caller_are_stored(run: Runner) -> None:
    async def case(client: Client) -> list[Row]:
        caller = await keyed(client)
        for _ in range(150):
            assert (await caller.get("/d1/drives/none")).status == 404
        for _ in range(100):
            assert (await caller.post("/auth/token", {})).status == 201
        await settled(client, "known-4")
        return await rows(client, "actor LIKE 'test-%'")

    messages = [row["message"] for row in run(case)]
    assert messages.count("GET 404") == 150
    assert messages.count("POST 201") == 100


def test_errors_are_bounded_too(tmp_path: Any) -> None:
    async def case(client: Client) -> list[Row]:
        caller = await keyed(client)
        for _ in range(900):
            await caller.get("/d1/drives/none")
        await settled(client, "known-5")
        return await rows(client, "message = 'GET 404'")

    stored = Runner(tmp_path / "state", 9)(case)
    assert 300 <= len(stored) <= 700  # a minute may have begun in between
    assert 890 < sum(row["payload"].get("calls", 1) for row in stored) <= 900


def test_a_known_caller_over_its_limit_leaves_few_rows_that_name_it(tmp_path: Any) -> None:
    runner = Runner(tmp_path / "state", 9)
    del runner.env["RATE_LIMITER"]

    async def case(client: Client) -> tuple[int, list[Row]]:
        caller = await keyed(client)
        refused = [(await caller.get("/auth/me")).status for _ in range(1500)].count(429)
        await settled(client, "known-6")
        return refused, await rows(client, "message = 'GET 429'")

    refused, stored = runner(case)
    assert refused > 200
    assert 1 <= len(stored) <= 20
    assert all(row["actor"].startswith("test-") for row in stored)


def test_a_failing_stranger_leaves_few_rows_and_few_events(run: Runner) -> None:
    del run.env["JWT_SECRET_KEY"]  # what looks like a token is answered 503

    async def case(client: Client) -> tuple[set[int], list[Row], list[Any]]:
        stranger = by(client, "a.b.c")
        since = (await client.post("/events", {"type": "custom.test.mark"})).json()["sequence"]
        answers = [await stranger.get("/d1/vehicles") for _ in range(60)]
        await settled(client, "known-7")
        # In workerd a sync of an earlier test may end here.
        errors = await rows(client, "level = 'error' AND message != 'sync failed'")
        return {answer.status for answer in answers}, errors, await log_events(client, since)

    statuses, stored, events = run(case)
    assert statuses == {503}
    assert 1 <= len(stored) <= 20  # ten a minute, and a minute may have begun in between
    assert {(row["message"], row["actor"]) for row in stored} == {("GET 503", None)}
    assert 1 <= len(events) <= 20


async def log_events(client: Client, since: int) -> list[Any]:
    """Return the `log.*` events after a number, up to a marker event that is published now."""
    await client.post("/events", {"type": "custom.test.end"})
    events: list[Any] = []
    text = b""
    async with asyncio.timeout(20), aclosing(stream(client, since)) as parts:
        async for part in parts:
            text += part
            *blocks, text = text.split(b"\n\n")
            lines = [line for block in blocks for line in block.split(b"\n") if line.startswith(b"data:")]
            events += [from_json(line[5:]) for line in lines]
            if any(event["type"] == "custom.test.end" for event in events):
                break
    return [event for event in events if event["type"].startswith("log.")]


@pytest.mark.parametrize("level", ["warning", "error"])
def test_a_note_of_any_length_fits_a_row(tmp_path: Any, level: str) -> None:
    async def case(client: Client) -> list[Row]:
        journal = app.provide(Journal, client.ports)
        journal.note(level, "m" * 5_000_000, route="r", actor="a", request_id="long", error="x" * 5_000_000)
        await row_of(client, "long")
        return await rows(client, "request_id = 'long'")

    [row] = Runner(tmp_path / "state", 9)(case)
    assert len(row["message"]) + len(row["payload"]["error"]) < 10_000
