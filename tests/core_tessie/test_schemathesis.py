"""schemathesis over the OpenAPI document, with all of its checks, against the server and against workerd."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests import documented
from tests.served import ROOT, Served, served_locally
from tests.workers.hosting import reading

from pyedge import Worker
from sims.cloudflare import AnalyticsSim
from sims.model import ModelSim
from sims.tessie import Fleet, Simulator

from .conftest import ENV, KEY

pytestmark = pytest.mark.slow

LIST = "/d1/{table}/list"
"""`list` may be a row's id, too: the path answers to that row's methods, which the document has elsewhere."""
SCOPES = "/tessieapi/auth/tesla_scopes"
"""Its other methods reach the mirror of a vehicle, which allows all of them."""
SHARED = ["--exclude-checks", "allow_header_conformance,unsupported_method"]
CHECKED = ["--checks", "all", "--exclude-path", LIST, "--exclude-path", SCOPES]
CHECKED_LIST = ["--checks", "all", *SHARED, "--include-path", LIST, "--include-path", SCOPES]
TYPED = ["--exclude-path-regex", "^/d1/(?!sync_runs(/|$))[a-z]"]
"""One code serves all tables: one of them stands for the others."""
ENDLESS = ["--exclude-path", "/ws", "--exclude-operation-id", "streamEvents"]


@contextmanager
def serving(runtime: str, folder: Path) -> Iterator[str]:
    """Run the app on a runtime with a synced fleet and a model, and yield its address."""
    with Simulator(Fleet(seed=7, until=datetime(2025, 11, 20, tzinfo=UTC))) as tessie, ModelSim() as model:
        env = ENV | {"TESSIE_BASE_URL": tessie.url, "TESSIE_DEADLINE_S": "2"}
        if runtime == "local":
            with served_locally(folder, env | {"LOCAL_AI_URL": model.openai_url, "LOCAL_AI_KEY": model.key}) as served:
                sync(served)
                yield served.url
            assert "Traceback" not in (folder / "server.txt").read_text()
            return
        variables = {name: value for name, value in env.items() if name != "RATE_LIMITER"}
        with AnalyticsSim() as analytics:
            variables |= reading(analytics, "core_tessie_api")
            options: dict[str, Any] = {"overrides": {"ratelimits": []}, "ai": model.url, "analytics": analytics.url}
            with Worker(ROOT / "wrangler.toml", variables=variables, **options) as worker:
                sync(Served(worker.url.rstrip("/"), "workers"))
                yield worker.url.rstrip("/")


def sync(served: Served) -> None:
    assert served.ask("POST", "/colbycommands/sync")[0] == 202
    for _ in range(200):
        if [run for run in served.ask("GET", "/d1/sync_runs")[1] if run["ended_at"]]:
            return
        time.sleep(0.1)
    raise AssertionError("the sync has not ended in 20 s")


def check(url: str, examples: int, *options: str) -> str:
    return documented.check(
        url, "openapi/openapi.json", f"Authorization: {KEY[0][1]}", examples, *ENDLESS, *TYPED, *options
    )


def test_sampled_requests_are_answered_as_documented(tmp_path: Path) -> None:
    with serving("local", tmp_path) as url:
        check(url, 2, *CHECKED, "--phases", "examples,fuzzing")


@pytest.mark.soak
@pytest.mark.parametrize("runtime", ["local", "workers"])
def test_ten_thousand_requests_are_answered_as_documented(runtime: str, tmp_path: Path) -> None:
    with serving(runtime, tmp_path) as url:
        output = check(url, 200, *CHECKED) + check(url, 200, *CHECKED_LIST)
    counted = [int(number) for number in re.findall(r"^ *(\d+) generated", output, re.MULTILINE)]
    assert sum(counted) >= 10_000, counted
