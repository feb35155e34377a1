"""What is deployed: an environment of wrangler.toml, built as its upload is, does the main job in workerd."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from pyedge import Worker
from tessie_sim import Fleet, Simulator

from .conftest import ENV, ROOT

HEADERS = {"authorization": f"Bearer {ENV['ADMIN_API_KEY']}"}


def ask(worker: Worker, method: str, path: str) -> Any:
    status, _, body = worker.request(method, path, headers=HEADERS)
    assert status < 300, body
    return json.loads(body)


def ended(worker: Worker, run_id: str) -> Any:
    for _ in range(300):
        run = ask(worker, "GET", f"/colbycommands/sync/{run_id}")
        if run["ended_at"]:
            return run
        time.sleep(0.1)
    raise AssertionError(f"not ended in 30 s: {run}")


@pytest.mark.slow
def test_a_deployed_environment_syncs_through_queues_of_its_own() -> None:
    with Simulator(Fleet(seed=7, until=datetime(2025, 11, 8, tzinfo=UTC))) as tessie:
        variables = {name: ENV[name] for name in ("ADMIN_API_KEY", "TESSIE_API_KEY")} | {"TESSIE_BASE_URL": tessie.url}
        with Worker(ROOT / "wrangler.toml", "staging", variables=variables) as worker:
            health = ask(worker, "GET", "/health")
            assert (health["status"], health["environment"]) == ("ok", "staging")
            run = ended(worker, ask(worker, "POST", "/colbycommands/sync")["id"])
            assert (run["status"], run["vehicles_done"]) == ("succeeded", len(tessie.vins))
