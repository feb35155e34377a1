"""The answer of every route when one of its services is down: the table of the README, row by row."""

import asyncio
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.patience import pauses
from tests.served import ROOT, Served, served_locally

from core_tessie.actions.routes import RELAY_CRON
from core_tessie.app import app
from core_tessie.sync.routes import CRON
from edge.ports import Clock, DatabaseAway, PortError
from edge.runtimes.local.database import Connection
from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Answer, Client

from .conftest import ENV, KEY
from .test_auth import by, create_key

pytestmark = pytest.mark.slow

VIN = "5YJ3E1EA1KF000001"
READS = [
    "/d1/drives",
    "/d1/vehicles",
    "/agent/actions",
    "/agent/conversations",
    "/colbycommands/energy-report",
    "/auth/keys",
]
WRITES: list[tuple[str, object]] = [
    ("/d1/vehicles", {"vin": VIN}),
    ("/colbycommands/energy-report", {"from": "2026-01-01"}),
    ("/colbycommands/sync", None),
    ("/agent/actions", {"kind": "energy_report", "payload": {"from": "2026-01-01"}}),
    ("/auth/keys", {"name": "x"}),
    ("/ws/ticket", None),
    ("/agent/chat", {"message": "Hi", "stream": False}),
]
ALIVE = ["/", "/auth/me", "/colbycommands", "/d1"]


class Away:
    """A database that fails as an unavailable D1 does."""

    def __init__(self, words: str) -> None:
        self.words = words

    async def probe(self, *_: object) -> Any:
        raise DatabaseAway(self.words)

    all = first = run = batch = probe


def with_runtime[T](state: Path, case: Callable[[Client, LocalRuntime], Any], **env: str) -> Any:
    async def run() -> Any:
        runtime = LocalRuntime.open(app, state, ENV | env, migrations=ROOT / "migrations")
        try:
            return await case(Client(app, runtime.ports(), KEY), runtime)
        finally:
            await runtime.stop()

    return asyncio.run(run())


def check_away(answer: Answer) -> None:
    problem = answer.json()
    assert (answer.status, problem["status"], answer.header("retry-after")) == (503, 503, "5"), answer.text
    assert problem["type"] == "urn:problem:service-away"
    assert "D1" not in answer.text
    assert "sqlite" not in answer.text.lower()
    assert answer.header("x-request-id")


def test_without_the_database_only_its_routes_answer_503(tmp_path: Path) -> None:
    async def case(client: Client, runtime: LocalRuntime) -> None:
        key = (await create_key(client))["key"]
        runtime.settings.db = Away("D1 DB is overloaded. Requests queued for too long.")  # type: ignore[attr-defined]
        runtime.ports().singletons.clear()
        for path in READS:
            check_away(await client.get(path))
        for path, body in WRITES:
            check_away(await client.post(path, body))
        check_away(await by(client, key).get("/auth/me"))
        for path in ALIVE:
            assert (await client.get(path)).status == 200, path
        health = (await client.get("/health")).json()
        assert (health["status"], health["probes"]["DB"]["status"]) == ("degraded", "error")
        with pytest.raises(ExceptionGroup):
            await client.scheduled(CRON)

    with_runtime(tmp_path / "state", case, LOCAL_AI_URL="http://127.0.0.1:9/v1")


def set_read_only(connection: Connection) -> None:
    connection.trusted = True
    connection.execute("PRAGMA query_only = ON")


def set_full(connection: Connection) -> None:
    connection.trusted = True
    connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
    while True:
        try:
            connection.execute(
                "INSERT INTO logs (id, level, message) VALUES (hex(randomblob(8)), 'info', hex(randomblob(50)))"
            )
        except sqlite3.OperationalError:
            return


@pytest.mark.parametrize("fault", [set_read_only, set_full])
def test_with_a_full_or_read_only_disk_reading_goes_on(tmp_path: Path, fault: Callable[[Connection], None]) -> None:
    async def case(client: Client, runtime: LocalRuntime) -> None:
        await runtime.settings.db.work(fault)
        for path in [*READS, *ALIVE]:
            assert (await client.get(path)).status == 200, path
        refused = [await client.post(path, body) for path, body in WRITES]
        # A row may find room in a page that is there; a refusal is always the same.
        assert {answer.status for answer in refused} - {201, 202, 422} == {503}
        for answer in refused:
            if answer.status == 503 and "model" not in answer.json()["type"]:
                check_away(answer)

    with_runtime(tmp_path / "state", case)


@pytest.mark.slow
def test_a_database_that_another_process_holds_is_read_and_not_written(tmp_path: Path) -> None:
    with served_locally(tmp_path, ENV) as served, closing(sqlite3.connect(served.state / "d1" / "DB.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert served.ask("GET", "/d1/drives")[0] == 200
        status, problem = served.ask("POST", "/d1/vehicles", {"vin": VIN})
        assert (status, problem["type"]) == (503, "urn:problem:service-away")
        other.rollback()
        assert served.ask("POST", "/d1/vehicles", {"vin": VIN})[0] == 201


def limit_files(served: Served, size: int) -> None:
    """Limit the size of the server's files, as on a full disk."""
    assert served.process is not None
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="another process can be limited on Linux alone")
def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with served_locally(tmp_path, ENV) as served:
        assert served.ask("POST", "/d1/vehicles", {"vin": VIN})[0] == 201
        limit_files(served, 1)
        statuses = []
        acknowledged = []
        for number in range(40):
            row = {"vin": VIN, "tessie_id": number, "started_at": "2026-01-01T00:00:00Z"}
            status, rows = served.ask("POST", "/d1/drives", row)
            statuses.append(status)
            acknowledged += [rows[0]["id"]] if status == 201 else []
        assert set(statuses) <= {201, 503}
        assert 503 in statuses
        assert served.ask("GET", "/d1/drives")[0] == 200
        limit_files(served, resource.RLIM_INFINITY)
        assert (
            served.ask("POST", "/d1/drives", {"vin": VIN, "tessie_id": 99, "started_at": "2026-01-01T00:00:00Z"})[0]
            == 201
        )
        ids = {row["id"] for row in served.ask("GET", "/d1/drives?limit=1000")[1]}
        assert {*acknowledged} <= ids
    with closing(sqlite3.connect(served.state / "d1" / "DB.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.slow
def test_unwritable_state_folder_is_one_line_at_the_start() -> None:
    command = [
        sys.executable,
        "-m",
        "edge.runtimes.local",
        "serve",
        "core_tessie.app:app",
        "--port",
        "0",
        "--state",
        "/proc/state",
    ]
    done = subprocess.run(command, cwd=ROOT / "src", capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the state folder /proc/state cannot be used")
    assert "Traceback" not in done.stderr


class Jumping:
    """A clock that can be set."""

    def __init__(self) -> None:
        self.off = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.off

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))


def test_a_clock_that_jumps_back_a_day_breaks_nothing(tmp_path: Path) -> None:
    async def case(client: Client, runtime: LocalRuntime) -> None:
        clock = Jumping()
        runtime.ports().runtime[Clock] = clock  # type: ignore[index]
        runtime.ports().singletons.clear()
        caller = by(client, (await create_key(client, daily_calls=3))["key"])
        for off in (timedelta(), timedelta(days=-1), timedelta()):
            clock.off = off
            assert (await caller.get("/auth/me")).status == 200
            assert (await client.post("/auth/keys", {"name": "x"})).status == 201
            assert (await client.post("/ws/ticket")).status == 201
            assert (await client.post("/colbycommands/energy-report", {"from": "2025-01-01"})).status == 201
            assert (await client.post("/events", {"type": "custom.x"})).status == 202
        assert (await caller.get("/auth/me")).status == 429, "the day that comes twice is counted once"

    with_runtime(tmp_path / "state", case)


def test_with_tessie_gone_all_but_the_mirror_goes_on(tmp_path: Path) -> None:
    async def case(client: Client, _: LocalRuntime) -> None:
        mirror = await client.get("/tessieapi/vehicles")
        assert (mirror.status, mirror.json()["status"]) == (502, 502)
        assert len(mirror.json()["attempts"]) > 1
        for path in [*READS, *ALIVE]:
            assert (await client.get(path)).status == 200, path
        assert (await client.post("/colbycommands/energy-report", {"from": "2025-01-01"})).status == 201

    with_runtime(tmp_path / "state", case, TESSIE_DEADLINE_S="1")


def test_with_the_model_gone_all_but_the_agent_goes_on(tmp_path: Path) -> None:
    async def case(client: Client, _: LocalRuntime) -> None:
        answer = await client.post("/agent/chat", {"message": "Hi", "stream": False})
        assert (answer.status, answer.json()["status"]) == (502, 502)
        report = await client.post("/colbycommands/energy-report", {"from": "2025-01-01"})
        assert (report.status, report.json()["summary"]) == (201, None)
        for path in [*READS, *ALIVE]:
            assert (await client.get(path)).status == 200, path

    with_runtime(tmp_path / "state", case, LOCAL_AI_URL="http://127.0.0.1:9/v1")


class Gone:
    """A queue or an event log that cannot be reached."""

    async def probe(self, *_: object, **__: object) -> Any:
        raise PortError("the service cannot be reached")

    send = send_batch = publish = read = stream = connect = forget = probe


def test_without_the_event_log_only_following_and_publishing_wait(tmp_path: Path) -> None:
    async def case(client: Client, runtime: LocalRuntime) -> None:
        runtime.settings.events = Gone()  # type: ignore[attr-defined]
        runtime.ports().singletons.clear()
        check_away(await client.get("/events"))
        check_away(await client.post("/events", {"type": "custom.x"}))
        for path in [*READS, *ALIVE]:
            assert (await client.get(path)).status == 200, path
        assert (await client.post("/colbycommands/energy-report", {"from": "2025-01-01"})).status == 201
        assert (await client.post("/colbycommands/sync")).status == 202

    with_runtime(tmp_path / "state", case)


def test_without_the_queue_an_action_waits_in_its_row(tmp_path: Path) -> None:
    async def case(client: Client, runtime: LocalRuntime) -> None:
        there, runtime.settings.core_tessie_queue = runtime.settings.core_tessie_queue, Gone()  # type: ignore[attr-defined]
        runtime.ports().singletons.clear()
        body = {"kind": "energy_report", "payload": {"from": "2026-01-01"}}
        answer = await client.post("/agent/actions", body)
        assert (answer.status, answer.json()["status"]) == (202, "queued")
        check_away(await client.post("/colbycommands/sync"))
        for path in [*READS, *ALIVE]:
            assert (await client.get(path)).status == 200, path
        runtime.settings.core_tessie_queue = there  # type: ignore[attr-defined]
        runtime.ports().singletons.clear()
        await runtime.background.drain(5)
        await runtime.settings.db.run("UPDATE agent_actions SET created_at = '2026-01-01 00:00:00'")
        await client.scheduled(RELAY_CRON)
        runtime.consumers.start()
        async for _ in pauses():
            action = (await client.get(answer.header("location") or "")).json()
            if action["ended_at"]:
                break
        assert action["status"] == "succeeded", action

    with_runtime(tmp_path / "state", case)
