"""Actions and the workflow survive a killed process, a restarted Worker and a failing window."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.core_tessie.conftest import ENV, KEY
from tests.served import ADMIN, Served, served_locally

from core_tessie.actions.routes import RELAY_CRON
from core_tessie.app import app
from edge.testing.host import Host
from pyedge import Worker
from sims.tessie import Fleet, Simulator

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 5, 20, tzinfo=UTC)
TABLES = ("vehicles", "drives", "charges", "idles", "battery_health")
STAMPS = {"created_at", "updated_at", "synced_at", "refreshed_at", "backfilled_at", "backfill"}


@pytest.fixture
def sim(tessie_port: int) -> Iterator[Simulator]:
    with Simulator(Fleet(seed=7, until=NOW, number=2), port=tessie_port) as simulator:
        yield simulator


def env(tessie_port: int) -> dict[str, str]:
    return ENV | {"TESSIE_BASE_URL": f"http://127.0.0.1:{tessie_port}", "AGENT_LEASE_S": "2"}


def until[T](look: Callable[[], T | None], seconds: float = 60) -> T:
    """Poll until a result comes, and return it; fail after a deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = look()
        if result:
            return result
        time.sleep(0.1)
    raise AssertionError("no result in time")


def ended(served: Served, action_id: str, seconds: float = 90) -> Any:
    def look() -> Any:
        action = served.ask("GET", f"/agent/actions/{action_id}")[1]
        return action if action["ended_at"] else None

    return until(look, seconds)


def synced(served: Served) -> str:
    """Sync the vehicles into the database, and return one's VIN."""
    status, run = served.ask("POST", "/colbycommands/sync")
    assert status == 202
    until(lambda: served.ask("GET", f"/colbycommands/sync/{run['id']}")[1]["ended_at"])
    return str(served.ask("GET", "/d1/vehicles?select=id&order=id.asc")[1][0]["id"])


def request_action(served: Served, kind: str, payload: object) -> str:
    status, action = served.ask("POST", "/agent/actions", {"kind": kind, "payload": payload})
    assert status == 202, action
    return str(action["id"])


def contents(served: Served) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the tables that a sync writes, without its own times."""
    tables = {}
    for table in TABLES:
        rows = served.ask("GET", f"/d1/{table}?order=id.asc&limit=1000")[1]
        tables[table] = [{name: value for name, value in row.items() if name not in STAMPS} for row in rows]
    return tables


def slowed(sim: Simulator, *rules: dict[str, object]) -> None:
    sim.ask("/_sim/faults", "PUT", list(rules))


def test_actions_of_a_killed_process_are_done_exactly_once(tmp_path: Path, sim: Simulator, tessie_port: int) -> None:
    with served_locally(tmp_path, env(tessie_port)) as served:
        vin = synced(served)
        slowed(sim, {"kind": "slow", "delay": 5, "path": "/(drives|wake)$"})
        syncing, waking = (
            request_action(served, "sync_vehicle", {"vin": vin}),
            request_action(served, "wake", {"vin": vin}),
        )
        until(lambda: served.ask("GET", f"/agent/actions/{waking}")[1]["status"] == "running")
        until(lambda: [call for call in sim.ask("/_sim/requests") if "/wake" in call["path"]] or None)
        assert served.process is not None
        served.process.kill()
    slowed(sim)
    with served_locally(tmp_path, env(tessie_port)) as served:
        assert ended(served, syncing)["status"] == "succeeded"
        woken = ended(served, waking)
        assert (woken["status"], "not repeated" in woken["error"]) == ("failed", True)
    assert len([call for call in sim.ask("/_sim/requests") if "/wake" in call["path"]]) == 1


@pytest.fixture
def worker(workers_host: Host, tessie_port: int) -> Callable[[bool], Worker]:
    """Return a factory of Workers with empty tables, with a workflow or without."""

    def started(workflow: bool = True) -> Worker:
        variables = env(tessie_port) | ({} if workflow else {"SYNC_WORKFLOW": "off"})
        asyncio.run(workers_host.client(app, variables, KEY))
        return workers_host.worker

    return started


def of(running: Worker) -> Served:
    assert KEY[0][1] == f"Bearer {ADMIN}"
    return Served(running.url.rstrip("/"), "workers")


@pytest.mark.usefixtures("sim")
def test_a_backfill_writes_the_same_rows_by_workflow_and_by_queue(
    worker: Callable[[bool], Worker], tessie_port: int, tmp_path: Path
) -> None:
    runs = []
    for workflow in (True, False):
        running = worker(workflow)
        served = of(running)
        synced(served)
        running.d1("DB", "DELETE FROM drives")
        running.d1("DB", "DELETE FROM charges")
        action = ended(served, request_action(served, "backfill", {}))
        assert action["status"] == "succeeded", action
        runs.append(contents(served))
    with served_locally(tmp_path, env(tessie_port)) as served:
        synced(served)
        runs.append(contents(served))
    assert runs[0] == runs[1] == runs[2]
    assert len(runs[0]["drives"]) > 100


def test_only_the_failed_window_is_retried(sim: Simulator, worker: Callable[[], Worker]) -> None:
    served = of(worker())
    vin = synced(served)
    before = len(sim.ask("/_sim/requests"))
    slowed(sim, {"kind": "malformed", "vin": vin, "path": "/charges$", "times": 1})
    action = ended(served, request_action(served, "backfill", {"vin": vin}))
    assert action["status"] == "succeeded", action
    paths = [call["path"] for call in sim.ask("/_sim/requests")[before:]]
    assert paths.count(f"/{vin}/state") == 1
    undisturbed = len(sim.ask("/_sim/requests"))
    action = ended(served, request_action(served, "backfill", {"vin": vin}))
    again = [call["path"] for call in sim.ask("/_sim/requests")[undisturbed:]]
    assert sorted(paths) == sorted([*again, f"/{vin}/charges"])


@pytest.mark.soak
def test_backfill_with_a_lost_workflow_is_cancelled_and_resumes(sim: Simulator, worker: Callable[[], Worker]) -> None:
    """Miniflare's engine does not resume its runs after a restart of its process."""
    running = worker()
    served = of(running)
    vin = synced(served)
    slowed(sim, {"kind": "slow", "delay": 1, "path": "/(drives|charges)$"})
    action_id = request_action(served, "backfill", {"vin": vin})
    until(lambda: [call for call in sim.ask("/_sim/requests")[-3:] if call["path"].endswith("/drives")] or None)
    running.restart()
    slowed(sim)
    served = of(running)
    assert served.ask("POST", f"/agent/actions/{action_id}/cancel")[0] == 200
    time.sleep(2)
    running.scheduled(RELAY_CRON)
    assert ended(served, action_id, 20)["status"] == "cancelled"
    assert served.ask("POST", f"/agent/actions/{action_id}/retry")[0] == 202
    action = ended(served, action_id)
    assert (action["status"], action["result"]["vehicles_done"]) == ("succeeded", 1), action
