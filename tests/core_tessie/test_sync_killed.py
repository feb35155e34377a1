"""A server that is killed at random moments of a sync resumes after each start, and leaves the same rows."""

import json
import os
import signal
import sqlite3
import time
import urllib.error
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.served import Forks, Served

from core_tessie.sync.work import QUEUE
from sims.tessie import Fleet, Simulator

from .conftest import ENV
from .test_sync import fail

pytestmark = pytest.mark.slow

KILLS = 10
"""Kills in each of the two halves of a test: in a first sync, and in one of the later changes."""
FAULTS = ("server_error", "malformed", "cut_off", "offline", "bad_gateway", "html_error", "rate_limited")
PARTS = ("state", "drives", "charges", "idles", "battery_health")
LOGS = {"sync_runs", "tessie_raw", "logs"}
"""Tables that record each start and each repeated call: they differ after a kill, as they should."""
WRITTEN = {"created_at", "updated_at", "synced_at", "refreshed_at", "backfilled_at", "first_seen_at", "removed_at"}
"""Columns with a row's time of writing, which is later if a process was killed in between."""


@pytest.fixture
def sim(tessie_port: int) -> Iterator[Simulator]:
    """A Tessie of nine weeks that ended yesterday; `go_on` brings it up to now."""
    until = datetime.now(UTC) - timedelta(days=1)
    with Simulator(Fleet(seed=7, start=until - timedelta(days=63), until=until), port=tessie_port) as simulator:
        yield simulator


def go_on(sim: Simulator) -> None:
    """Advance Tessie by a day: new records, two merged charges, a removed drive and a corrected one."""
    drives = {vin: sim.ask(f"/{vin}/drives")["results"] for vin in sim.vins}
    sim.fleet.pin(datetime.now(UTC))
    for vin in sim.vins:
        gone = drives[vin][0]
        old = drives[vin][-3]
        sim.ask(f"/_sim/drives/{vin}/{gone['id']}", "DELETE")
        sim.ask(f"/_sim/drives/{vin}/{old['id']}", "PATCH", {"tag": "Business"})
        newer, older = sim.ask(f"/{vin}/charges?limit=2")["results"]
        both = {name: older[name] + newer[name] for name in ("energy_added", "miles_added")}
        sim.ask(f"/_sim/charges/{vin}/{older['id']}", "PATCH", {"ended_at": newer["ended_at"], **both})
        sim.ask(f"/_sim/charges/{vin}/{newer['id']}", "DELETE")


@pytest.fixture
def forks(sim: Simulator) -> Iterator[Forks]:
    """The servers' common parent."""
    forks = Forks(env(sim))
    yield forks
    forks.stop()


def env(sim: Simulator) -> dict[str, str]:
    return ENV | {"TESSIE_BASE_URL": sim.url, "LOG_LEVEL": "error"}


def begin(served: Served) -> str:
    status, run = served.ask("POST", "/colbycommands/sync")
    assert status == 202, run
    return str(run["id"])


def wait(served: Served, run_id: str) -> Any:
    """Return a run that has ended."""
    for _ in range(1200):
        run = served.ask("GET", f"/colbycommands/sync/{run_id}")[1]
        if run["ended_at"]:
            return run
        time.sleep(0.05)
    raise AssertionError(run)


@contextmanager
def serving(forks: Forks, folder: Path, end: signal.Signals) -> Iterator[Served]:
    """Run a server, and end it by a signal."""
    served, pid = forks.start(folder)
    try:
        yield served
    finally:
        os.kill(pid, end)
        while is_alive(pid):
            time.sleep(0.005)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def kill_somewhere(forks: Forks, folder: Path, sim: Simulator, draw: Random, runs: list[str]) -> None:
    """Start the server, let it do its messages and one or two more runs, and kill it at a random moment."""
    sim.journal.entries.clear()
    calls = draw.randrange(1, 25)
    with serving(forks, folder, signal.SIGKILL) as served:
        with suppress(urllib.error.URLError, ConnectionError):
            runs += [begin(served) for _ in range(draw.choice((0, 1, 1, 2)) if runs else 1)]
        deadline = time.monotonic() + draw.uniform(0.3, 1)
        while len(sim.journal.entries) < calls and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.03))


def repeat_messages(folder: Path, draw: Random) -> None:
    """Duplicate waiting messages of the queue, before or behind the others."""
    with closing(sqlite3.connect(folder / "state" / "queues.sqlite")) as queues:
        columns = "queue, body, attempts, sent_at, due_at"
        for (id_,) in queues.execute("SELECT id FROM messages WHERE queue = ?", (QUEUE,)).fetchall():
            if draw.random() < 0.3:
                again = f"SELECT id || '-{draw.random()}', {columns.replace('due_at', 'due_at + ?')} FROM messages"
                queues.execute(f"INSERT INTO messages (id, {columns}) {again} WHERE id = ?", (draw.uniform(-9, 0), id_))
        queues.commit()


def kill_many(forks: Forks, folder: Path, sim: Simulator, draw: Random, kills: int) -> list[str]:
    runs: list[str] = []
    at_work = 0
    for _ in range(kills):
        rule: dict[str, object] = {"kind": draw.choice(FAULTS), "path": f"/{draw.choice(PARTS)}$", "times": 2}
        fail(sim, rule | ({"retry_after": 0} if rule["kind"] == "rate_limited" else {}))
        kill_somewhere(forks, folder, sim, draw, runs)
        at_work += was_at_work(folder)
        repeat_messages(folder, draw)
    fail(sim)
    assert at_work > kills / 2, "most kills must hit a sync"
    return runs


def settle(forks: Forks, folder: Path, runs: list[str]) -> None:
    """Let all runs end, and make a last one without failures."""
    with serving(forks, folder, signal.SIGTERM) as served:
        for run_id in runs:
            wait(served, run_id)
        last = wait(served, begin(served))
        assert last["status"] == "succeeded", last


def rows(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of all tables of data, without the columns that tell when they were written."""
    contents = {}
    with closing(sqlite3.connect(folder / "state" / "d1" / "DB.sqlite")) as db:
        db.row_factory = sqlite3.Row
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            if table not in LOGS and not table.startswith(("d1_", "sqlite_")):
                contents[table] = [without_times(dict(row)) for row in db.execute(f"SELECT * FROM {table} ORDER BY id")]
    return contents


def without_times(row: dict[str, Any]) -> dict[str, Any]:
    if "payload" in row:  # a removed record, as it was
        row["payload"] = without_times(json.loads(row["payload"]))
    return {name: row[name] for name in row if name not in WRITTEN}


def was_at_work(folder: Path) -> bool:
    """Tell whether a killed process had leased messages."""
    with closing(sqlite3.connect(folder / "state" / "queues.sqlite")) as queues:
        return bool(queues.execute("SELECT 1 FROM messages WHERE leased = 1").fetchone())


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 11))])
def test_killed_server_leaves_the_rows_of_an_undisturbed_one(
    seed: int, tmp_path: Path, sim: Simulator, forks: Forks
) -> None:
    draw = Random(seed)
    folders = [tmp_path / "killed", tmp_path / "quiet"]
    for folder in folders:
        folder.mkdir()
    runs = kill_many(forks, folders[0], sim, draw, KILLS)
    for folder in folders:
        settle(forks, folder, runs if folder == folders[0] else [])
    go_on(sim)
    runs = kill_many(forks, folders[0], sim, draw, KILLS)
    for folder in folders:
        settle(forks, folder, runs if folder == folders[0] else [])
    killed, quiet = map(rows, folders)
    assert {table: len(rows) for table, rows in killed.items()} == {table: len(f) for table, f in quiet.items()}
    assert killed == quiet
    assert {row["kind"] for row in quiet["removed_records"]} == {"drives", "charges"}
