"""The contract cases, run in workerd against the Workers adapters."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.contracts import (
    bucket,
    clock,
    database,
    events,
    fetch,
    key_value,
    model,
    queue,
    quotas,
    rate_limiter,
    telemetry,
)
from tests.contracts.origin import origin
from tests.workers.hosting import ROOT, hosted

from cloudflare_sim import AnalyticsSim
from model_sim import ModelSim, Shape

pytestmark = pytest.mark.slow

CASES = {
    (module.__name__.rpartition(".")[2], case.__name__)
    for module in (database, key_value, bucket, queue, fetch, clock, telemetry, quotas, rate_limiter, events, model)
    for case in module.CASES
}
NOT_IN_WORKERD: dict[tuple[str, str], str] = {
    ("database", "a_made_value_has_at_most_2_mb"): "Miniflare's D1 bounds no value that SQLite itself makes",
    ("database", "one_statement_at_a_time"): "Miniflare's D1 runs every statement of a text",
}
"""What workerd does otherwise, and why; each must indeed fail there."""

type Run = Callable[[str, str], str]


@contextmanager
def served_origin() -> Iterator[str]:
    """Run the origin of the cases of `Fetch` in a thread, and give its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    context = origin()
    try:
        yield asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def models() -> Iterator[ModelSim]:
    with ModelSim() as sim:
        yield sim


@pytest.fixture(scope="module")
def run(models: ModelSim, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    trees = {"tests/contracts": ROOT / "tests" / "contracts"}
    with (
        served_origin() as url,
        AnalyticsSim() as analytics,
        hosted("contracts", tmp_path_factory.mktemp("contracts"), trees, analytics=analytics, ai=models.url) as worker,
    ):

        def case(port: str, name: str) -> str:
            status, _, body = worker.post(f"/run/{port}/{name}", url)
            return body.decode() if status == 200 else f"{status} {body.decode()}"

        yield case


def each() -> Iterator[Any]:
    for port, name in sorted(CASES):
        reason = NOT_IN_WORKERD.get((port, name))
        marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
        yield pytest.param(port, name, marks=marks, id=f"{port}-{name}")


@pytest.mark.parametrize(("port", "name"), [*each()])
def test_case(run: Run, port: str, name: str) -> None:
    assert run(port, name) == ""


STREAMED = ("a_streamed_answer_comes_in_parts", "a_cut_anywhere_changes_nothing")
WHOLE = ("a_whole_answer_has_text_usage_and_reason", "a_model_that_answers_nothing_answers")


@pytest.mark.parametrize("case", [*WHOLE, *STREAMED, "tool_calls_come_whole"])
@pytest.mark.parametrize("shape", ["openai", "azure", "mixed"])
def test_a_model_answers_in_every_shape(run: Run, models: ModelSim, shape: Shape, case: str) -> None:
    models.reset(shape)
    assert run("model", case) == ""
    models.reset()


def test_a_model_answers_in_the_form_of_responses(run: Run, models: ModelSim) -> None:
    models.reset("responses")
    assert run("model", WHOLE[0]) == ""
    models.reset()


def test_a_stream_that_is_left_is_left_at_the_models_server(run: Run, models: ModelSim) -> None:
    models.reset()
    assert run("model", "parts_come_as_they_are_sent") == ""
    deadline = time.monotonic() + 10
    while not models.left and time.monotonic() < deadline:
        time.sleep(0.05)
    assert models.left == 1


def test_a_quota_that_is_used_up_is_not_asked_again(run: Run, models: ModelSim) -> None:
    models.reset()
    assert run("model", "a_quota_that_is_used_up_is_told") == ""
    assert len(models.requests) == 1


def test_every_exception_is_a_case() -> None:
    assert NOT_IN_WORKERD.keys() <= CASES
