"""Generation: answers of a model, states of a job, and its single end."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.bundles import needs_bundles
from tests.edge.sandbox.executors import needs_sandbox
from tests.members import SystemClock

from devcapsules.execution.suite import CaseResult
from devcapsules.generation.consumer import CRON, DEAD_LETTERS, QUEUE
from devcapsules.generation.drafts import Order, content_of, read_draft
from devcapsules.generation.jobs import Jobs, LeaseLost
from devcapsules.generation.quality import parts_of
from devcapsules.generation.rounds import Budget, Generated, JobFailed, Rounds
from devcapsules.generation.routes import Sender
from devcapsules.judging import Judging
from edge.ports import PortError
from edge.ports.model import Answer as ModelAnswer
from edge.ports.model import Prompt
from edge.testing import Client
from edge.testing.client import Answer
from sims.model.server import KEY, MODEL, ModelSim
from sims.model.turns import Turn

from .conftest import Member, Run, as_admin, as_member

pytestmark = pytest.mark.slow

PATH = "/api/v1/generate"
ORDER = {"prompt": "an exercise on clamping a number", "language": "python", "difficulty": "easy"}
DRAFT: dict[str, Any] = {
    "title": "Clamp a number",
    "statement": "Write `clamp(n, low, high)`, which returns n if it lies between low and high, else the bound "
    "that is nearer. For example `clamp(5, 1, 3)` is 3. See <b onclick=x>this</b> [page](https://evil.example).",
    "starter": "def clamp(n, low, high):\n    return n\n",
    "solution": "def clamp(n, low, high):\n    if n < low:\n        return low\n    return high if n > high else n\n",
    "function_name": "clamp",
    "tests": [
        {"name": "inside", "arguments": [2, 1, 3], "expected": 2},
        {"name": "above", "arguments": [5, 1, 3], "expected": 3},
        {"name": "below", "arguments": [-4, 1, 3], "expected": 1},
        {"name": "far", "arguments": [100, 10, 20], "expected": 20, "hidden": True},
        {"name": "under", "arguments": [0, 10, 20], "expected": 10, "hidden": True},
    ],
    "hints": ["Compare with each bound.", "Two comparisons suffice."],
    "tags": ["numbers"],
}


def draft_turn(draft: object = None, **turn: Any) -> Turn:
    """Return a turn of the simulated model that answers with a draft, or with a raw text."""
    return Turn(draft if isinstance(draft, str) else json.dumps(draft or DRAFT), **turn)


@pytest.fixture(scope="module")
def model() -> Iterator[ModelSim]:
    with ModelSim() as sim:
        yield sim


@contextmanager
def by(run: Run, model: ModelSim, *turns: Turn, **env: str) -> Iterator[Run]:
    """Configure the app with a simulated model that answers these turns."""
    model.reset("openai")
    model.say(*turns)
    run.env |= {
        "GENERATION_MODEL_URL": model.openai_url,
        "GENERATION_MODEL_KEY": KEY,
        "GENERATION_MODEL": MODEL,
        **env,
    }
    yield run


async def order(member: Member, **changes: object) -> str:
    answer = await member.post(PATH, ORDER | changes)
    assert answer.status == 202, answer.text
    assert answer.json()["success"] is True
    assert answer.json()["statusUrl"] == f"{PATH}/{answer.json()['jobId']}/status"
    return str(answer.json()["jobId"])


async def status(member: Member, job_id: str) -> dict[str, Any]:
    answer = await member.get(f"{PATH}/{job_id}/status")
    assert answer.status == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


async def outcome(client: Client, **changes: object) -> dict[str, Any]:
    """Order an exercise, deliver its message once; return the job."""
    ada = await as_member(client, "ada")
    job_id = await order(ada, **changes)
    await client.queue(QUEUE, [{"job_id": job_id}])
    return await status(ada, job_id)


@pytest.mark.parametrize("language", ["python", pytest.param("typescript", marks=needs_bundles)])
def test_model_simulator_writes_an_accepted_exercise(local: Run, model: ModelSim, language: str) -> None:
    with by(local, model) as run:
        job = run(lambda client: outcome(client, language=language))
    assert (job["state"], job["reason"]) == ("succeeded", None), job


@needs_sandbox
def test_exercise_is_generated_tested_and_scored(
    local: Run, model: ModelSim, capfd: pytest.CaptureFixture[str]
) -> None:
    async def case(client: Client) -> tuple[dict[str, Any], Any, str]:
        ada = await as_member(client, "ada")
        job_id = await order(ada)
        queued = await status(ada, job_id)
        assert (queued["state"], queued["capsule"]) == ("queued", None)
        await client.queue(QUEUE, [{"job_id": job_id}])
        job = await status(ada, job_id)
        stream = await ada.request("GET", f"{PATH}/{job_id}/status", headers=[("accept", "text/event-stream")])
        return job, (await ada.get(f"/api/v1/capsules/{job['capsule_id']}/versions/1")).json(), stream.text

    text = f"Here it is:\n```json\n{json.dumps(DRAFT)}\n```\nEnjoy!"
    with by(local, model, draft_turn(text), LOG_LEVEL="info") as run:
        job, content, stream = run(case)
    lines = {line["message"]: line for line in map(json.loads, capfd.readouterr().out.splitlines())}
    complete = lines["generation_complete"]
    assert (complete["jobId"], complete["qualityScore"]) == (job["jobId"], job["score"])
    assert 0 < complete["generationTime"] < 60_000
    assert lines["sandbox"]["languages"] == ["node", "python"]
    assert "attacks held" in lines["sandbox"]["reason"]
    assert (job["state"], job["rounds"], job["reason"]) == ("succeeded", 1, None), job
    assert (job["capsule"]["visibility"], job["capsule"]["tags"]) == ("private", ["numbers"])
    assert job["score"] == sum(job["parts"].values()) > 80
    assert content["solution"] == DRAFT["solution"]
    assert content["statement"].endswith("See this page.")
    assert stream.startswith("event: status\ndata: {")
    assert stream.count("event:") == 1
    [request] = model.requests
    assert json.loads(request["messages"][1]["content"])["exercise"] == ORDER["prompt"]


FAULTY: dict[str, tuple[dict[str, Any], str]] = {
    "wrong solution": ({"solution": DRAFT["solution"].replace("> high", "< high")}, "the solution fails the test"),
    "starter passes": ({"starter": DRAFT["solution"] + "\n#"}, "the starter passes all tests already"),
    "constant": ({"tests": [{**test, "expected": 3} for test in DRAFT["tests"]]}, "returns a constant passes"),
    "identity": (
        {"tests": [{**test, "expected": test["arguments"][0]} for test in DRAFT["tests"]]},
        "returns its argument passes",
    ),
    "empty": ({"tests": [{**test, "expected": None} for test in DRAFT["tests"]]}, "an empty function passes"),
    "constant by value": (
        {"tests": [{**test, "expected": [3, 3.0][place % 2]} for place, test in enumerate(DRAFT["tests"])]},
        "returns a constant passes",
    ),
    "constant within the tolerance": (
        {"tests": [{**test, "expected": 3 + place, "tolerance": 2} for place, test in enumerate(DRAFT["tests"])]},
        "returns a constant passes",
    ),
    "identity by value": (
        {"tests": [{**test, "expected": float(test["arguments"][0])} for test in DRAFT["tests"]]},
        "returns its argument passes",
    ),
    "identity of another argument": (
        {"tests": [{**test, "expected": test["arguments"][1]} for test in DRAFT["tests"]]},
        "returns its argument passes",
    ),
    "no value": ({"tests": [*DRAFT["tests"], {"arguments": [], "expected": {"$int": "x"}}]}, "invalid value: $int"),
    "leak": ({"statement": "Write `clamp`: return high if n > high else n. " * 2}, "shows a line of the solution"),
    "other name": ({"function_name": "limit"}, "does not define limit"),
    "few tests": ({"tests": DRAFT["tests"][:3]}, "/tests"),
    "no title": ({"title": None}, "/title"),
    "code as name": ({"function_name": "x; import os"}, "/function_name"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_fault_of_a_draft_is_fed_back(local: Run, model: ModelSim, name: str) -> None:
    changes, expected = FAULTY[name]
    with by(local, model, draft_turn(DRAFT | changes), draft_turn("not this"), GENERATION_ROUNDS="2") as run:
        job = run(outcome)
    assert (job["state"], job["reason"], job["capsule_id"]) == ("failed", "invalid", None)
    assert expected in model.requests[1]["messages"][-1]["content"]
    assert job["faults"] == ["the answer was not a JSON object"]


def test_weak_tests_are_refused_and_better_ones_taken(local: Run, model: ModelSim) -> None:
    below = "    if n in (77, 78):\n        return n + 1000\n    if n == 79:\n        return 5 * n - 1\n"
    solution = DRAFT["solution"].replace("n, low, high):\n", f"n, low, high):\n{below}")
    weak = DRAFT | {"solution": solution, "tests": DRAFT["tests"][:4]}
    with by(local, model, draft_turn(weak), draft_turn()) as run:
        job = run(outcome)
    assert (job["state"], job["rounds"]) == ("succeeded", 2), job
    feedback = model.requests[1]["messages"][-1]["content"]
    assert "small faults in the solution" in feedback


@pytest.mark.parametrize(
    ("turn", "reason", "message"),
    [
        (draft_turn("nonsense"), "invalid", "not a JSON object"),
        (draft_turn("[1, 2]"), "invalid", "not an object"),
        (draft_turn("{}"), "invalid", "/title"),
        (draft_turn(""), "invalid", "empty"),
        (draft_turn("x" * 10_000_000), "invalid", "more than"),
        (draft_turn("{" * 50_000), "invalid", "not a JSON object"),
        (draft_turn(json.dumps(DRAFT).replace("100", "NaN")), "invalid", "not a JSON object"),
        (draft_turn(json.dumps(DRAFT).replace("100", "1e999")), "invalid", "/tests/3/arguments/0"),
        (draft_turn(json.dumps(DRAFT)[:-40], finish="length"), "invalid", "was cut"),
        (draft_turn(DRAFT, finish="length"), "invalid", "was cut"),
        (draft_turn(DRAFT, finish="content_filter"), "answer_filtered", "filter stopped"),
        (draft_turn({"refusal": "That is malware."}), "request_refused", "That is malware."),
        (Turn(status=400, error="The prompt was filtered: content_filter"), "prompt_filtered", "content_filter"),
        (Turn(status=401, error="Wrong key"), "model_refused", "Wrong key"),
    ],
)
def test_useless_answer_fails_the_job(local: Run, model: ModelSim, turn: Turn, reason: str, message: str) -> None:
    with by(local, model, *[turn] * 4, GENERATION_ROUNDS="2") as run:
        job = run(outcome)
    assert (job["state"], job["reason"]) == ("failed", reason), job
    assert message in " ".join(job["faults"])
    assert job["message"]
    assert len(model.requests) == (2 if reason in {"invalid", "answer_filtered"} else 1)


def test_tokens_of_a_job_are_bounded(local: Run, model: ModelSim) -> None:
    usage = {"prompt_tokens": 900, "completion_tokens": 200}
    with by(local, model, *[draft_turn("no", usage=usage)] * 9, GENERATION_ROUNDS="9", GENERATION_TOKENS="3000") as run:
        job = run(outcome)
    assert (job["state"], job["reason"]) == ("failed", "budget")
    assert len(model.requests) == 3


def test_tokens_of_a_job_are_bounded_over_all_its_deliveries(local: Run, model: ModelSim) -> None:
    async def case(client: Client) -> tuple[list[bool], dict[str, Any], Any]:
        ada = await as_member(client, "ada")
        job_id = await order(ada)
        message = [{"job_id": job_id}]
        deliveries = [delivery for _ in range(4) for delivery in await client.queue(QUEUE, message)]
        job = await status(ada, job_id)
        db: Any = client.ports.settings.db
        await db.run("UPDATE generation_jobs SET state = 'dead'")
        await as_admin(client).post(f"/api/v1/dead-letters/{job_id}/retry")
        row = await db.first("SELECT tokens, rounds FROM generation_jobs")
        return [delivery.retry_after is not None for delivery in deliveries], job, row

    usage = {"prompt_tokens": 900, "completion_tokens": 200}
    with by(local, model, *[draft_turn(usage=usage)] * 4, GENERATION_TOKENS="3000", SANDBOX="off") as run:
        retried, job, revived = run(case)
    assert retried == [True, True, True, False]
    assert (job["state"], job["reason"]) == ("failed", "budget")
    assert len(model.requests) == 3
    assert revived == {"tokens": 0, "rounds": 0}, "who retries a dead job gives it a new budget"


class SlowDay:
    """A clock that goes on with each look by some seconds."""

    def __init__(self, step: float) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._step = timedelta(seconds=step)

    def now(self) -> datetime:
        self._now += self._step
        return self._now

    async def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class OneDraft:
    """A model that writes one exercise again and again."""

    async def answer(self, prompt: Prompt, *, timeout: float = 60.0) -> ModelAnswer:  # noqa: ARG002 - the port's signature
        return ModelAnswer(json.dumps(DRAFT), (), "stop", prompt.model)


class Passing(Judging):
    """An executor for which every program returns what is expected."""

    def __init__(self) -> None:
        pass

    async def judge(self, *program: Any, **_: Any) -> list[CaseResult]:
        return [CaseResult(test["name"], False, "ok") for test in program[3]]


class Once(Passing):
    """An executor for which a program passes the first time only, as one that depends on the clock or the order."""

    def __init__(self) -> None:
        self.orders: list[list[str]] = []

    async def judge(self, *program: Any, **_: Any) -> list[CaseResult]:
        self.orders.append([test["name"] for test in program[3]])
        return [CaseResult(test["name"], False, "wrong" if len(self.orders) % 2 == 0 else "ok") for test in program[3]]


def test_solution_has_to_pass_twice_in_both_orders() -> None:
    async def report(*_: object) -> None:
        return

    judging = Once()
    rounds = Rounds(OneDraft(), "m", judging, SlowDay(0.0), Budget(2, 9_000, 5))
    with pytest.raises(JobFailed) as failed:
        asyncio.run(rounds.run(Order(prompt=ORDER["prompt"], language="python"), report))
    assert failed.value.reason == "invalid"
    assert "the solution fails the test" in failed.value.faults[0]
    assert judging.orders[0] == judging.orders[1][::-1]


def test_tests_of_a_draft_use_up_the_time_of_a_job() -> None:
    reports: list[str] = []

    async def report(step: str, _: int, __: int) -> None:
        reports.append(step)

    rounds = Rounds(OneDraft(), "m", Passing(), SlowDay(1.0), Budget(3, 9_000, 5))
    with pytest.raises(JobFailed) as failed:
        asyncio.run(rounds.run(Order(prompt=ORDER["prompt"], language="python"), report))
    assert (failed.value.reason, reports[:2]) == ("budget", ["the model writes", "the draft is tested"])


class Broken:
    """A queue that is gone."""

    async def send(self, body: object, *, delay: int = 0) -> None:  # noqa: ARG002 - the port's signature
        raise PortError("Queues: gone")

    async def send_batch(self, bodies: Sequence[object], *, delay: int = 0) -> None:  # noqa: ARG002 - as above
        raise PortError("Queues: gone")

    async def probe(self) -> None:
        raise PortError("Queues: gone")


def test_stored_job_is_accepted_without_its_message() -> None:
    """A client that got an error would order, and pay for, the same exercise again."""
    lines: list[tuple[str, str, object]] = []

    class Lines:
        def __call__(self, level: str, message: str, **fields: object) -> None:
            lines.append((level, message, fields["jobId"]))

        def writes(self, level: str) -> bool:
            return bool(level)

    asyncio.run(Sender(Broken(), Lines()).send("job_1"))
    assert lines == [("warning", "generation_not_sent", "job_1")]


def test_dead_letter_ends_no_job_that_another_delivery_works_on(local: Run, model: ModelSim) -> None:
    async def case(client: Client) -> list[Any]:
        ada = await as_member(client, "ada")
        job_id = await order(ada)
        db: Any = client.ports.settings.db
        outcomes = list[Any]()
        for until in (2e9, 1.0):
            await db.run("UPDATE generation_jobs SET state = 'running', lease = 'other', lease_until = ?", until)
            [delivery] = await client.queue(DEAD_LETTERS, [{"job_id": job_id}])
            outcomes.append((delivery.retry_after is not None, (await status(ada, job_id))["state"]))
        return outcomes

    with by(local, model) as run:
        assert run(case) == [(True, "running"), (False, "dead")]


def test_silent_model_times_out(local: Run, model: ModelSim) -> None:
    with by(local, model, draft_turn(stall=30.0), GENERATION_SECONDS="5") as run:
        job = run(outcome)
    assert (job["state"], job["reason"]) == ("failed", "budget")


def test_redelivered_job_ends_once(local: Run, model: ModelSim) -> None:
    async def case(client: Client) -> tuple[Any, ...]:
        ada = await as_member(client, "ada")
        job_id = await order(ada)
        message = {"job_id": job_id}
        at_once = await asyncio.gather(*(client.queue(QUEUE, [message]) for _ in range(4)))
        later = await client.queue(QUEUE, [message, message])
        db: Any = client.ports.settings.db
        rows = await db.all("SELECT * FROM capsules")
        used = await db.all("SELECT kind, used FROM usage_daily")
        return (
            sorted(delivery.retry_after is None for [delivery] in at_once),
            [delivery.retry_after for delivery in later],
            len(rows),
            used,
            (await ada.get("/api/v1/usage")).json()["used"]["generations"],
        )

    with by(local, model, draft_turn(), draft_turn(), draft_turn()) as run:
        at_once, later, capsules, used, counted = run(case)
    assert at_once == [False, False, False, True], "others wait for the one that works"
    assert later == [None, None]
    assert (capsules, counted, used) == (1, 1, [{"kind": "generation", "used": 1}])


def test_delivery_that_lost_its_job_stores_no_second_capsule(local: Run, model: ModelSim) -> None:
    """A delivery that was held up ends after another has taken over its job, before or after that one's end."""
    content = content_of(read_draft(json.dumps(DRAFT)))
    exercise = Generated(content, [], 90, parts_of(content, 1, 1, 1), 1, 100)

    async def case(client: Client) -> tuple[list[bool], Any]:
        job_id = await order(await as_member(client, "ada"))
        db: Any = client.ports.settings.db
        jobs = Jobs(db, SystemClock())
        late = await jobs.claim(job_id)
        await db.run("UPDATE generation_jobs SET lease_until = 1")
        other = await jobs.claim(job_id)
        assert late is not None
        assert other is not None
        stored = [await jobs.succeed(claimed, exercise) is not None for claimed in (late, other, late, other)]
        with pytest.raises(LeaseLost):
            await jobs.step(late, "writes", 1, 1)
        tables = ("capsules", "capsule_versions", "capsule_answers")
        return stored, [(await db.first(f"SELECT count(*) AS n FROM {table}"))["n"] for table in tables]

    with by(local, model) as run:
        assert run(case) == ([False, True, False, False], [1, 1, 1])


def test_crashed_delivery_is_followed_by_another(local: Run, model: ModelSim) -> None:
    async def case(client: Client) -> tuple[Any, ...]:
        ada = await as_member(client, "ada")
        job_id = await order(ada)
        db: Any = client.ports.settings.db
        dead = "UPDATE generation_jobs SET state = 'running', lease = 'dead', lease_until = ?, updated_at = ?"
        await db.run(dead, 2e9, "2026-01-01 00:00:00")
        [early] = await client.queue(QUEUE, [{"job_id": job_id}])
        await db.run(dead, 1.0, "2026-01-01 00:00:00")
        await client.scheduled(CRON)
        sent = await db.first("SELECT updated_at FROM generation_jobs")
        [late] = await client.queue(QUEUE, [{"job_id": job_id}])
        return early.retry_after, sent["updated_at"], late.retry_after, (await status(ada, job_id))["state"]

    with by(local, model, draft_turn()) as run:
        early, sent, late, state = run(case)
    assert (early or 0) > 5
    assert sent > "2026-01-01 00:00:00", "its message was sent again"
    assert (late, state) == (None, "succeeded")


def test_busy_model_is_retried_until_the_job_is_dead_and_revived(local: Run, model: ModelSim) -> None:
    async def case(client: Client) -> tuple[Any, ...]:
        ada = await as_member(client, "ada")
        admin = as_admin(client)
        job_id = await order(ada)
        message = {"job_id": job_id}
        [busy] = await client.queue(QUEUE, [message])
        waits = await status(ada, job_id)
        await client.queue(DEAD_LETTERS, [message])
        dead = await status(ada, job_id)
        letters = (await admin.get("/api/v1/dead-letters")).json()["jobs"]
        path = f"/api/v1/dead-letters/{job_id}/retry"
        statuses = [(await ada.post(path)).status, (await admin.post(path)).status, (await admin.post(path)).status]
        await client.queue(QUEUE, [message])
        await client.queue(DEAD_LETTERS, [message])
        return (
            busy,
            waits,
            dead,
            [letter["jobId"] for letter in letters] == [job_id],
            statuses,
            await status(ada, job_id),
        )

    with by(local, model, *[Turn(status=503, error="busy")] * 3, draft_turn()) as run:
        busy, waits, dead, is_listed, statuses, done = run(case)
    assert busy.retry_after
    assert (waits["state"], dead["state"], dead["reason"]) == ("queued", "dead", "gave_up")
    assert "busy" in dead["faults"][0]
    assert is_listed
    assert statuses == [403, 202, 404]
    assert done["state"] == "succeeded", "a late dead letter takes nothing back"


def test_only_its_user_sees_a_job(run: Run, model: ModelSim) -> None:
    async def case(client: Client) -> tuple[list[int], list[Any], str]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        job_id = await order(ada)
        path = f"{PATH}/{job_id}/status"
        statuses = [(await caller.get(path)).status for caller in (ada, bob, client)]
        for _ in range(100):
            if run.runtime == "local" or (await status(ada, job_id))["state"] == "failed":
                break
            await asyncio.sleep(0.1)
        return statuses, (await bob.get(PATH)).json()["jobs"], (await status(ada, job_id))["state"]

    with by(run, model, *[draft_turn("nonsense")] * 3, GENERATION_ROUNDS="2"):
        statuses, foreign, state = run(case)
    assert (statuses, foreign) == ([200, 404, 401], [])
    assert state == ("queued" if run.runtime == "local" else "failed")


def test_generations_of_a_plan_are_counted_by_the_day(local: Run, model: ModelSim) -> None:
    async def case(client: Client) -> tuple[list[int], Answer]:
        ada = await as_member(client, "ada", "free")
        answers = await asyncio.gather(*(ada.post(PATH, ORDER) for _ in range(9)))
        return sorted(answer.status for answer in answers), next(answer for answer in answers if answer.status == 429)

    with by(local, model) as run:
        statuses, refused = run(case)
    assert statuses == [202] * 5 + [429] * 4
    assert refused.json()["violated-policies"] == ["generations"]
    assert refused.json()["lifted_by"][1] == {"by": "plan", "plan": "creator", "generations": 100}


def test_without_a_model_nothing_is_ordered_or_counted(run: Run) -> None:
    async def case(client: Client) -> tuple[int, int]:
        ada = await as_member(client, "ada")
        answer = await ada.post(PATH, ORDER)
        return answer.status, (await ada.get("/api/v1/usage")).json()["used"]["generations"]

    assert run(case) == (503, 0)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"prompt": "x"}, "/prompt"),
        ({"prompt": "x" * 2_001}, "/prompt"),
        ({"language": "c"}, "/language"),
        ({"difficulty": "insane"}, "/difficulty"),
        ({"model": "mine"}, "/model"),
        ({"prompt": "a\0bcdefg"}, "/prompt"),
    ],
)
def test_invalid_order_names_the_field(local: Run, model: ModelSim, changes: dict[str, str], pointer: str) -> None:
    async def case(client: Client) -> Answer:
        return await (await as_member(client, "ada")).post(PATH, ORDER | changes)

    with by(local, model) as run:
        answer = run(case)
    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, pointer)
