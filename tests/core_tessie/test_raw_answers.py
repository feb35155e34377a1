"""The `tessie_raw` rows: an answer equal to the last one is counted, and not stored again."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.patience import pauses

from core_tessie.app import app
from core_tessie.journal import Journal
from core_tessie.tessie.raw_answers import A_MINUTE, BODY_LIMIT, CLOCK_FIELDS, COMPARED, Call, statements_of
from edge.ports import Fetched, Row, Statement
from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.migrations import migrate
from edge.testing import Answer, Client
from sims.tessie import Fleet
from sims.tessie.state import state

from .conftest import ROOT, Runner

pytestmark = pytest.mark.slow

VIN = "5YJ3E1EA1KF000001"
MINE = "raw-answers-1"
"""The id of this file's requests."""
STATE = {
    "vin": VIN,
    "tokens": ["secret-a", "secret-b"],
    "charge_state": {"battery_level": 70, "timestamp": 1_701_139_037_461},
    "drive_state": {"gps_as_of": 1_701_139_036, "speed": None, "timestamp": 1_701_139_037_461},
    "vehicle_state": {"odometer": 14_096.485641, "tpms_last_seen_pressure_time_fl": 1_701_138_000, "timestamp": 5},
}


def later(seconds: int, **changes: Any) -> Any:
    """Return the same state with clocks some seconds later."""
    text = json.dumps(STATE | changes)
    for name, unit in (("timestamp", 1000), ("gps_as_of", 1), ("tpms_last_seen_pressure_time_fl", 1)):
        for value in {STATE[part].get(name) for part in STATE if part.endswith("_state")} - {None}:  # type: ignore[attr-defined]
            text = text.replace(f'"{name}": {value}', f'"{name}": {value + unit * seconds}')
    return json.loads(text)


class Answering:
    """A Tessie with answers set by the test."""

    def __init__(self, port: int) -> None:
        self.status = 200
        self.body = b"{}"
        self.media_type = "application/json"
        sim = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                self.send_response(sim.status)
                self.send_header("content-type", sim.media_type)
                self.send_header("content-length", str(len(sim.body)))
                self.end_headers()
                self.wfile.write(sim.body)

            do_GET = do_POST = answer  # noqa: N815 - as http.server names them

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def say(self, value: Any, *, status: int = 200) -> None:
        self.status = status
        self.body = json.dumps(value).encode()


@pytest.fixture
def tessie(run: Runner) -> Iterator[Answering]:
    answering = Answering(run.tessie_port)
    yield answering
    answering.server.shutdown()
    answering.server.server_close()


async def stored(client: Client, seen: int) -> list[Row]:
    """Wait until a number of answers are stored or counted, and return the rows; fail if more are counted."""
    sql = "SELECT * FROM tessie_raw WHERE request_id = ? ORDER BY rowid"  # a sync of another test may go on still
    async for _ in pauses():
        rows: list[Row] = await client.ports.settings.db.all(sql, MINE)
        if sum(row["seen"] for row in rows) >= seen:
            await asyncio.sleep(0.2)
            rows = await client.ports.settings.db.all(sql, MINE)
            assert sum(row["seen"] for row in rows) == seen
            return rows
    raise AssertionError(f"{[row['path'] for row in rows]}")


async def ask(client: Client, target: str, method: str = "GET") -> Answer:
    return await client.request(method, f"/tessieapi/{target}", headers=[("x-request-id", MINE)])


def test_an_answer_that_differs_in_its_clocks_alone_is_stored_once(run: Runner, tessie: Answering) -> None:
    async def case(client: Client) -> list[Row]:
        for seconds in (0, 10, 20, 30):
            tessie.say(later(seconds))
            assert (await ask(client, f"{VIN}/state")).json() == later(seconds), "the caller gets what came"
        return await stored(client, 4)

    [row] = run(case)
    assert row["seen"] == 4
    assert row["last_seen_at"] >= row["created_at"]
    assert json.loads(row["body"]) == later(0) | {"tokens": None}
    assert row["stored_bytes"] == len(row["body"])


def test_every_other_difference_is_stored_even_a_repeated_one(run: Runner, tessie: Answering) -> None:
    moved = {"vehicle_state": {**STATE["vehicle_state"], "odometer": 14_097.0}}  # type: ignore[dict-item]
    documents = [later(0), later(10, **moved), later(20), later(30)]

    async def case(client: Client) -> list[Row]:
        for value in documents:
            tessie.say(value)
            await ask(client, f"{VIN}/state")
        return await stored(client, 4)

    rows = run(case)
    assert [row["seen"] for row in rows] == [1, 1, 2]
    bodies = [json.loads(row["body"]) for row in rows]
    assert [body["vehicle_state"]["odometer"] for body in bodies] == [14_096.485641, 14_097.0, 14_096.485641]


def test_answer_is_compared_with_the_last_one_to_the_same_request(run: Runner, tessie: Answering) -> None:
    targets = (
        f"{VIN}/state",
        f"{VIN}/state?use_cache=true",
        "vehicles?only_active=true",
        f"{VIN}/battery",
        f"{VIN}/state",
    )

    async def case(client: Client) -> list[Row]:
        tessie.say(later(0))
        for target in targets:
            await ask(client, target)
        tessie.say(later(0), status=404)
        await ask(client, f"{VIN}/state")
        return await stored(client, 6)

    rows = run(case)
    assert [(row["path"], row["query"], row["status"], row["seen"]) for row in rows] == [
        (f"/{VIN}/state", "", 200, 2),
        (f"/{VIN}/state", "use_cache=true", 200, 1),
        ("/vehicles", "only_active=true", 200, 1),
        (f"/{VIN}/battery", "", 200, 1),
        (f"/{VIN}/state", "", 404, 1),
    ]


def test_times_in_answers_about_the_past_are_compared(run: Runner, tessie: Answering) -> None:
    async def case(client: Client) -> list[Row]:
        for second in (1, 2, 2):
            tessie.say({"results": [{"timestamp": second, "latitude": 1.5}]})
            await ask(client, f"{VIN}/path?details=true")
        return await stored(client, 3)

    assert [row["seen"] for row in run(case)] == [1, 2]


@pytest.mark.parametrize("target", [f"{VIN}/command/honk", f"{VIN}/wake"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_each_answer_to_a_command_is_stored(run: Runner, tessie: Answering, target: str, method: str) -> None:
    async def case(client: Client) -> list[Row]:
        tessie.say({"result": True})
        for _ in range(3):
            assert (await ask(client, target, method)).status == 200
        return await stored(client, 3)

    assert [(row["seen"], row["digest"]) for row in run(case)] == [(1, None)] * 3


@pytest.mark.parametrize("deadline", ["0.1", "0.001"])
def test_repeated_connection_failures_are_one_row(run: Runner, deadline: str) -> None:
    """Calls end by a refused connection or by a timeout."""
    run.env |= {"TESSIE_BASE_URL": "http://127.0.0.1:9", "TESSIE_DEADLINE_S": deadline}

    async def case(client: Client) -> list[Row]:
        for _ in range(3):
            assert (await ask(client, f"{VIN}/state")).status in {502, 504}
        return await stored(client, 3)

    [row] = run(case)
    assert row["seen"] == 3
    assert row["error"]
    assert row["status"] is None


def test_calls_without_an_answer_are_one_row_with_the_latest_reason() -> None:
    away = Call("GET", f"{VIN}/state", "", VIN, "1", 1, 1.0, error="connection refused")
    late = away._replace(error="no whole response in 0.004 s")
    digests = {statements_of(call)[1].params[-1] for call in (away, late)}
    assert len(digests) == 1
    assert statements_of(late)[0].params[0] == late.error


def test_bodies_that_are_stored_in_a_minute_are_bounded(tmp_path: Path, tessie_port: int) -> None:
    body = b'{"a": "' + b"x" * 1_000_000 + b'"}'
    calls = A_MINUTE // len(body) + 40

    async def case(client: Client) -> list[Row]:
        journal = app.provide(Journal, client.ports)
        for number in range(calls):
            journal.record(Call("GET", f"/{VIN}/drives", f"to={number}", VIN, MINE, 1, 1.0, Fetched(200, [], body)))
            await idle(journal)
        return await stored(client, calls)

    rows = Runner(tmp_path / "state", tessie_port)(case)
    assert {row["body_bytes"] for row in rows} == {len(body)}, "each call has its row"
    assert {(row["is_cut"], row["stored_bytes"]) for row in rows} == {(0, len(body)), (1, 0)}
    assert sum(row["stored_bytes"] for row in rows) <= 2 * A_MINUTE


async def idle(journal: Journal) -> None:
    """Wait until all rows are written."""
    async for _ in pauses():
        if journal._writer is None or not journal._writer._waiting:
            return
    raise AssertionError("not written in 10 s")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[LocalDatabase]:
    migrate(tmp_path / "DB.sqlite", ROOT / "migrations")
    database = LocalDatabase(tmp_path / "DB.sqlite")
    yield database
    database.close()


def call(body: bytes, media_type: str = "application/json", path: str = f"/{VIN}/state") -> Call:
    return Call("GET", path, "", VIN, "r", 1, 1.0, Fetched(200, [("content-type", media_type)], body))


async def record(db: LocalDatabase, *calls: Call) -> list[Row]:
    for call in calls:
        await db.batch(statements_of(call))
    return await db.all("SELECT * FROM tessie_raw ORDER BY rowid")


def test_isolates_that_have_the_same_answer_leave_one_row(db: LocalDatabase, tmp_path: Path) -> None:
    other = LocalDatabase(tmp_path / "DB.sqlite")

    async def case() -> list[Row]:
        same = [statements_of(call(json.dumps(later(n)).encode())) for n in range(40)]
        batches = [(db, other)[n % 2].batch(statements) for n, statements in enumerate(same)]
        loose: list[Any] = []
        for n, statements in enumerate(same):  # also where a batch ends between the two
            loose += [(db, other)[n % 2].batch([part]) for part in statements]
        await asyncio.gather(*batches, *loose)
        return await db.all("SELECT * FROM tessie_raw")

    try:
        rows = asyncio.run(case())
    finally:
        other.close()
    assert len(rows) == 1
    assert rows[0]["seen"] >= 78


def test_a_row_from_before_the_digests_is_no_last_answer(db: LocalDatabase) -> None:
    async def case() -> list[Row]:
        await db.run("INSERT INTO tessie_raw (id, method, path) VALUES ('old', 'GET', ?)", f"/{VIN}/state")
        return await record(db, call(b"{}"), call(b"{}"))

    rows = asyncio.run(case())
    assert [row["seen"] for row in rows] == [1, 2]


def test_large_body_is_cut_and_compared_by_its_beginning_and_size(db: LocalDatabase) -> None:
    large = b'{"a": "' + b"x" * (BODY_LIMIT + 5000)
    rows = asyncio.run(record(db, *map(call, (large, large, large + b"y", b"z" + large))))
    assert [row["seen"] for row in rows] == [2, 1, 1]
    assert {(len(row["body"]), row["is_cut"], row["stored_bytes"]) for row in rows} == {(BODY_LIMIT, 1, BODY_LIMIT)}
    assert rows[0]["body_bytes"] == len(large)


def test_tokens_at_the_place_of_the_cut_are_not_stored() -> None:
    for before in range(BODY_LIMIT - 60, BODY_LIMIT + 20, 7):
        body = b" " * before + b'"tokens":["secret-canary-1","secret-canary-2"]' + b" " * 9000
        text = str(statements_of(call(body)))
        assert "canary" not in text, before


def test_images_are_compared_by_size_only(db: LocalDatabase) -> None:
    images = [call(body, "image/png", f"/{VIN}/map") for body in (b"\x89PNG1", b"\x89PNG2", b"\x89PNG333")]
    rows = asyncio.run(record(db, *images))
    assert [(row["seen"], row["body"], row["stored_bytes"]) for row in rows] == [(2, "", 0), (1, "", 0)]


def test_clock_fields_match_by_whole_name() -> None:
    def digest(**members: Any) -> Any:
        *_, (_, params) = statements_of(call(json.dumps(members).encode()))
        return params[-1]

    for name in CLOCK_FIELDS:
        assert digest(a=1, **{name: 1}) == digest(a=1, **{name: 1.5e9})
        assert digest(a=1, **{name: 1}) != digest(a=1, **{name: None})
        assert digest(a=1, **{f"x{name}": 1}) != digest(a=1, **{f"x{name}": 2})
        assert digest(a=f'"{name}": 1') != digest(a=f'"{name}": 2'), "what a text says is no member"


def test_a_body_that_is_very_large_is_compared_byte_by_byte() -> None:
    many = json.dumps([{"timestamp": 1}] * (COMPARED // 10)).encode()
    assert statements_of(call(many))[0].params[-1] != statements_of(call(many.replace(b"1", b"2", 1)))[0].params[-1]


def day_of_polling(every: int) -> list[tuple[int, bytes]]:
    """Return a car's answers of a day, one for its state at every interval of some seconds."""
    begin = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
    now = [begin]
    fleet = Fleet(seed=7, start=datetime(2025, 12, 1, tzinfo=UTC), until=lambda: now[0])
    car = fleet[fleet.vins[0]]
    answers = []
    for at in range(begin, begin + 86_400, every):
        now[0] = at
        answers.append((at, json.dumps(state(car), separators=(",", ":")).encode()))
    return answers


@pytest.mark.slow
@pytest.mark.parametrize("every", [30, pytest.param(10, marks=pytest.mark.soak)])
def test_a_day_of_polling_stores_what_has_changed(db: LocalDatabase, record_property: Any, every: int) -> None:
    answers = day_of_polling(every)

    async def case() -> list[Row]:
        statements: list[Statement] = []
        for _, body in answers:
            statements += statements_of(call(body))
        for start in range(0, len(statements), 100):
            await db.batch(statements[start : start + 100])
        return await db.all("SELECT seen, stored_bytes FROM tessie_raw")

    rows = asyncio.run(case())
    sizes = {"answers": len(answers), "bytes": sum(len(body) for _, body in answers)}
    sizes |= {"rows": len(rows), "stored": sum(row["stored_bytes"] for row in rows)}
    for name, value in sizes.items():
        record_property(name, value)
    assert sum(row["seen"] for row in rows) == len(answers) == 86_400 // every
    bodies = [without_clocks(body) for _, body in answers]
    changes = sum(before != after for before, after in pairwise(bodies))
    assert len(set(bodies)) <= len(rows) <= changes + 1, "a row for each change, and none for a clock"
    assert sizes["stored"] < sizes["bytes"] / 2, sizes


def without_clocks(body: bytes) -> str:
    """Return a state without its clocks, by parsing its JSON."""

    def stripped(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: stripped(member) for name, member in value.items() if name not in CLOCK_FIELDS}
        return [stripped(entry) for entry in value] if isinstance(value, list) else value

    return json.dumps(stripped(json.loads(body)), sort_keys=True)
