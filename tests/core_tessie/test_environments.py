"""Each environment of wrangler.toml, built as its upload is, does its main job in workerd."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from core_tessie.console.commands import Command, list_commands
from edge.errors import InvalidBody, MethodNotAllowed, NotFound, Problem, UnsupportedMediaType
from pyedge import Worker
from sims.tessie import Fleet, Simulator

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


@pytest.fixture(scope="module")
def tessie() -> Iterator[Simulator]:
    with Simulator(Fleet(seed=7, until=datetime(2025, 11, 8, tzinfo=UTC))) as running:
        yield running


@pytest.fixture(scope="module")
def worker(tessie: Simulator) -> Iterator[Worker]:
    variables = {name: ENV[name] for name in ("ADMIN_API_KEY", "JWT_SECRET_KEY", "TESSIE_API_KEY")} | {
        "TESSIE_BASE_URL": tessie.url
    }
    with Worker(ROOT / "wrangler.toml", "staging", variables=variables) as running:
        yield running


@pytest.mark.slow
def test_a_deployed_environment_syncs_through_queues_of_its_own(worker: Worker, tessie: Simulator) -> None:
    health = ask(worker, "GET", "/health")
    assert (health["status"], health["environment"]) == ("ok", "staging")
    run = ended(worker, ask(worker, "POST", "/colbycommands/sync")["id"])
    assert (run["status"], run["vehicles_done"]) == ("succeeded", len(tessie.vins))


@pytest.mark.slow
def test_commands_are_described_as_in_the_sources(worker: Worker) -> None:
    async def listed() -> list[Command]:
        commands: list[Command] = await list_commands()
        return commands

    assert ask(worker, "GET", "/colbycommands") == asyncio.run(listed())


REFUSALS: list[tuple[str, str, str | None, type[Problem]]] = [
    ("GET", "/nothing", None, NotFound),
    ("POST", "/health", None, MethodNotAllowed),
    ("POST", "/colbycommands/energy-report", "application/json", InvalidBody),
    ("POST", "/colbycommands/energy-report", "text/plain", UnsupportedMediaType),
]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path", "media_type", "problem"), REFUSALS)
def test_problems_have_the_titles_of_the_sources(
    worker: Worker, method: str, path: str, media_type: str | None, problem: type[Problem]
) -> None:
    body, headers = ('{"from": 1}', {"content-type": media_type}) if media_type else (None, {})
    status, _, answer = worker.request(method, path, body, HEADERS | headers)
    assert (status, json.loads(answer)["title"]) == (problem.status, problem.title)
