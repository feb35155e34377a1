"""The contract cases, run in workerd against the Workers adapters."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.contracts import (
    bucket,
    clock,
    crypto,
    database,
    embeddings,
    events,
    fetch,
    key_value,
    mailer,
    model,
    queue,
    quotas,
    rate_limiter,
    scoped,
    telemetry,
    throttle,
)
from tests.contracts.origin import origin
from tests.contracts.world import WRITABLE
from tests.edge.data.random_calls import local_answers, random_calls
from tests.workers.hosting import ROOT, hosted

from edge.access import READER, Actor
from pyedge import Worker
from sims.cloudflare import AnalyticsSim
from sims.model import ModelSim, Shape

pytestmark = pytest.mark.slow

PORTS = (
    bucket,
    clock,
    crypto,
    database,
    embeddings,
    events,
    fetch,
    key_value,
    mailer,
    model,
    queue,
    quotas,
    rate_limiter,
    scoped,
    telemetry,
    throttle,
)
CASES = {(module.__name__.rpartition(".")[2], case.__name__) for module in PORTS for case in module.CASES}
NOT_IN_WORKERD: dict[tuple[str, str], str] = {
    ("database", "a_made_value_has_at_most_2_mb"): "Miniflare's D1 bounds no value that SQLite itself makes",
}
"""Differences of workerd, with reasons; each case must indeed fail there."""

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
def host(models: ModelSim, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    trees = {"tests/contracts": ROOT / "tests" / "contracts", "benchmarks": ROOT / "benchmarks"}
    folder = tmp_path_factory.mktemp("contracts")
    with AnalyticsSim() as analytics, hosted("contracts", folder, trees, analytics=analytics, ai=models.url) as worker:
        yield worker


@pytest.fixture(scope="module")
def run(host: Worker) -> Iterator[Run]:
    with served_origin() as url:

        def case(port: str, name: str) -> str:
            status, _, body = host.post(f"/run/{port}/{name}", url)
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


def test_an_old_log_is_brought_up_to_date_when_its_object_wakes(host: Worker) -> None:
    assert host.post("/old-log", "")[2].decode() == ""


OLD_ACTOR = {"name": "phone", "role": 1, "subjects": ["car-1"]}
OLD_ATTACHMENT = {"id": "a", "actor": OLD_ACTOR, "types": ["a.*"], "sent": None, "request_id": "r"}
MORE = {"daily_calls": 7, "is_token": True, "expires_at": 1795948443.5, "fingerprint": "f1", "is_member": False}
NONE = {"daily_calls": None, "is_token": False, "expires_at": None, "fingerprint": None, "is_member": False}


def test_an_attachment_of_an_earlier_version_is_read(host: Worker) -> None:
    read = json.loads(host.request("POST", "/attachment", json.dumps(OLD_ATTACHMENT).encode())[2])
    assert read["actor"] == repr(Actor("phone", READER, frozenset({"car-1"})))
    assert read["check_s"] == 30
    assert read["kept"]["actor"] == OLD_ACTOR | NONE


def test_an_attachment_keeps_the_whole_actor(host: Worker) -> None:
    attachment = OLD_ATTACHMENT | {"actor": OLD_ACTOR | MORE, "check_s": 2.5, "ticket": "mark"}
    read = json.loads(host.request("POST", "/attachment", json.dumps(attachment).encode())[2])
    assert read["actor"] == repr(
        Actor("phone", READER, frozenset({"car-1"}), 7, is_token=True, expires_at=1795948443.5, fingerprint="f1")
    )
    assert read["kept"] == attachment


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


def test_an_exhausted_quota_is_not_queried_again(run: Run, models: ModelSim) -> None:
    models.reset()
    assert run("model", "an_exhausted_quota_is_reported") == ""
    assert len(models.requests) == 1


WHOLE_BODY = ["arrayBuffer", "a call", "a call", "a call", "to_bytes"]
"""One promise with its two outcomes, and the bytes."""
READ, ANSWERED = "a call", "a call"
CROSSINGS = {
    "get": [READ, ANSWERED],
    "list": [READ, ANSWERED],
    "post ok": [READ, *WHOLE_BODY, ANSWERED],
    "post 422": [READ, *WHOLE_BODY, ANSWERED],
    "wildcard": [READ, ANSWERED],
    "404": [READ, ANSWERED],
}


def test_a_request_crosses_into_javascript_no_more_than_needed(host: Worker) -> None:
    assert json.loads(host.get("/crossings")[2]) == CROSSINGS


def test_every_exception_is_a_case() -> None:
    assert NOT_IN_WORKERD.keys() <= CASES


@pytest.mark.parametrize("seed", range(6))
def test_a_callers_statements_give_the_same_rows_on_d1_and_locally(host: Worker, seed: int) -> None:
    """At home the same statements are compared with a database that physically holds the caller's rows."""
    questions = random_calls(seed, reads=80, writes=20)
    status, _, body = host.request("POST", "/scoped", json.dumps(questions).encode())
    assert status == 200, body
    remote = json.loads(body)
    home = local_answers(questions)
    assert len(remote) == len(home)
    answers = zip(named(questions), home, remote, strict=True)
    differing = [(statement, at_home, there) for statement, at_home, there in answers if at_home != there]
    assert differing == []
    assert sum(isinstance(answer, list) and answer != [] for answer in home) > 20


def named(questions: dict[str, Any]) -> list[Any]:
    """Return the statement or write of each answer."""
    return [*questions["reads"], *questions["writes"], *WRITABLE]


D1_SAYS = {
    "D1_ERROR: no such table: x: SQLITE_ERROR": "DatabaseError",
    "D1_ERROR: UNIQUE constraint failed: t.id: SQLITE_CONSTRAINT": "UniqueViolation",
    "D1_ERROR: UNIQUE constraint failed: t.a, t.b: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)": (
        "UniqueViolation"
    ),
    "D1_ERROR: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT": "ForeignKeyViolation",
    "D1_ERROR: FOREIGN KEY constraint failed": "ForeignKeyViolation",
    "D1_ERROR: NOT NULL constraint failed: t.a: SQLITE_CONSTRAINT": "NotNullViolation",
    "D1_ERROR: CHECK constraint failed: a IN ('b: c'): SQLITE_CONSTRAINT": "CheckViolation",
    "D1_ERROR: datatype mismatch: SQLITE_MISMATCH": "CheckViolation",
    "D1_ERROR: cannot store TEXT value in INTEGER column t.a: SQLITE_CONSTRAINT": "CheckViolation",
    'D1_ERROR: near "UNIQUE constraint failed: t.a": syntax error at offset 7: SQLITE_ERROR': "DatabaseError",
    "D1_ERROR: no such column: reset: SQLITE_ERROR": "DatabaseError",
    "D1_TYPE_ERROR: Type 'undefined' not supported for value 'undefined'": "DatabaseError",
    "D1_ERROR: too many SQL variables at offset 5: SQLITE_ERROR": "LimitExceeded",
    "D1_ERROR: string or blob too big: SQLITE_TOOBIG": "LimitExceeded",
    "D1_ERROR: D1 DB is overloaded. Requests queued for too long.": "DatabaseAway",
    "D1_ERROR: D1 DB is overloaded. Too many requests queued.": "DatabaseAway",
    "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.": "DatabaseAway",
    "D1_ERROR: D1 DB exceeded its CPU time limit and was reset.": "DatabaseAway",
    "D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.": "DatabaseAway",
    "D1_ERROR: Exceeded maximum DB size.": "DatabaseAway",
    "D1_ERROR: Network connection lost.": "DatabaseAway",
    "D1_ERROR: database is locked: SQLITE_BUSY": "DatabaseAway",
    "D1_ERROR: disk I/O error: SQLITE_IOERR": "DatabaseAway",
}
"""D1's documented errors, and the exception that a caller gets for each."""


@pytest.mark.parametrize("words", D1_SAYS)
def test_an_error_of_d1_is_distinguished_from_ours(host: Worker, words: str) -> None:
    assert json.loads(host.request("POST", "/d1-error", words.encode())[2]) == D1_SAYS[words]
