"""`POST /api/v1/capsules/{id}/attempts`: runs all tests of a capsule on a learner's code, including hidden ones."""

import secrets
from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from devcapsules.access.callers import account_of
from devcapsules.capsules.catalogue import CapsuleNotFound
from devcapsules.capsules.learning import Exercise, Learner, Learning
from devcapsules.cases import LONGEST_CODE
from devcapsules.events import Event, insert_events
from devcapsules.execution.routes import ExecutorAway
from devcapsules.execution.suite import CaseResult
from devcapsules.judging import BadValue, Judging
from edge import READER, Body, Clock, Request, Routes, Statement
from edge.errors import StorageConflict
from edge.instants import to_text
from edge.reach import CHECKED
from edge.text import NO_NUL

routes = Routes("/api/v1/capsules", tag="learning", access=READER, reach=CHECKED)
BODY_LIMIT = 256 * 1024
"""Room for the longest code with each character written as two escapes of six bytes."""

_PROGRESS = (
    "INSERT INTO progress (learner, capsule_id, user_id, attempts, passed, total, solved_at, updated_at) "
    "SELECT ?, c.id, ?, 1, ?, ?, ?, ? FROM capsules AS c WHERE c.id = ? "
    "ON CONFLICT (learner, capsule_id) DO UPDATE SET attempts = attempts + 1, passed = max(passed, excluded.passed), "
    "total = excluded.total, solved_at = coalesce(solved_at, excluded.solved_at), updated_at = excluded.updated_at "
    "RETURNING attempts, solved_at"
)
_EXECUTION = (
    "INSERT INTO executions (id, user_id, capsule_id, language, status, time_ms, memory_kb, created_at) "
    "SELECT ?, u.id, c.id, ?, ?, ?, ?, ? FROM users AS u LEFT JOIN capsules AS c ON c.id = ? WHERE u.id = ?"
)
_USAGE = (
    "INSERT INTO usage_daily (user_id, day, kind, used) SELECT u.id, ?, 'execution', 1 FROM users AS u WHERE u.id = ? "
    "ON CONFLICT (user_id, day, kind) DO UPDATE SET used = used + 1"
)


class NoTests(StorageConflict):
    """This capsule has no tests."""

    title = "This capsule has no tests"


class NewAttempt(BaseModel):
    """An attempt at a capsule; a caller with a widget key names the `learner`."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(min_length=1, max_length=LONGEST_CODE), NO_NUL]
    learner: Annotated[str, Field(max_length=64), NO_NUL] = ""


class TestResult(TypedDict):
    """The result of a test; for a hidden test only its status."""

    name: str
    hidden: bool
    status: str
    message: str
    arguments: str | None
    expected: str | None
    actual: str | None
    stdout: str
    stderr: str
    stdout_truncated: bool
    time_ms: float | None


class Attempt(TypedDict):
    """The result of an attempt; `tries_left` until the solution becomes visible, then 0."""

    passed: int
    total: int
    is_solved: bool
    outcome: str
    results: list[TestResult]
    attempts: int
    tries_left: int


class Attempts:
    """Judges attempts, and stores progress, run, usage and events of each in one batch."""

    def __init__(self, learning: Learning, judging: Judging, clock: Clock) -> None:
        self.learning = learning
        self._judging = judging
        self._clock = clock

    async def judge(self, exercise: Exercise, code: str) -> list[CaseResult]:
        """Return the results of the tests. Errors: `NoTests`, `ExecutorAway`."""
        row, content = exercise
        if not content.tests:
            raise NoTests("its author has not written any tests")
        try:
            results = await self._judging.judge(
                row["language"], code, content.function_name, content.tests, row["time_limit_ms"]
            )
        except BadValue as fault:
            raise NoTests(f"one of its tests cannot be run: {fault}") from None
        away = next((result.message for result in results if result.status == "unavailable"), None)
        if away is not None:
            raise ExecutorAway(f"not all tests could be run, so the attempt does not count: {away}", wait=5)
        return results

    async def store(
        self, exercise: Exercise, learner: Learner, account: str, results: list[CaseResult]
    ) -> tuple[int, bool]:
        """Store an attempt; return the number of attempts so far, and whether one of them solved the capsule."""
        now = self._clock.now()
        capsule_id = exercise.row["id"]
        passed = sum(result.has_passed for result in results)
        outcome = outcome_of(results)
        is_solved = passed == len(results)
        at = to_text(now)
        solved_at = at if is_solved else None
        progress = (learner.mark, learner.user_id, passed, len(results), solved_at, at, capsule_id)
        attempt_id = secrets.token_hex(12)
        times = [result.execution.time_ms or 0.0 for result in results if result.execution]
        peaks = [result.execution.memory_kb or 0 for result in results if result.execution]
        run = (attempt_id, exercise.row["language"], outcome, sum(times), max(peaks, default=0), at, capsule_id)
        events = [Event(f"try-{attempt_id}", capsule_id, "attempt", outcome)]
        if is_solved:
            events.append(Event(f"solved-{attempt_id}", capsule_id, "completion", "ok"))
        (progress_rows, *_) = await self.learning.system.batch(
            [
                Statement(_PROGRESS, progress),
                Statement(_EXECUTION, (*run, account)),
                Statement(_USAGE, (now.strftime("%Y-%m-%d"), account)),
                *insert_events(events, self._clock),
            ]
        )
        if not progress_rows.rows:
            raise CapsuleNotFound("it has just been deleted")
        return progress_rows.rows[0]["attempts"], progress_rows.rows[0]["solved_at"] is not None


@routes.post("/{capsule_id}/attempts", CapsuleNotFound, NoTests, ExecutorAway, body_limit=BODY_LIMIT)
async def add_attempt(capsule_id: str, body: Body[NewAttempt], request: Request, attempts: Attempts) -> Attempt:
    """Run all tests of a capsule on your code, each in its own process."""
    learning = attempts.learning
    exercise = await learning.exercise(capsule_id)
    results = await attempts.judge(exercise, body.code)
    assert request.actor is not None
    account = account_of(request.actor)
    number, has_solved = await attempts.store(exercise, learning.learner(request, body.learner), account, results)
    passed = sum(result.has_passed for result in results)
    return Attempt(
        passed=passed,
        total=len(results),
        is_solved=passed == len(results),
        outcome=outcome_of(results),
        results=[_test_result(result, place) for place, result in enumerate(results, 1)],
        attempts=number,
        tries_left=0 if has_solved else max(0, exercise.row["solution_after"] - number),
    )


def outcome_of(results: list[CaseResult]) -> str:
    """Return the outcome of an attempt: the status of the first failed test, or ok."""
    return next((result.status for result in results if not result.has_passed), "ok")


def _test_result(result: CaseResult, place: int) -> TestResult:
    ended = None if result.hidden else result.execution
    return TestResult(
        name=result.name or f"Test {place}",
        hidden=result.hidden,
        status=result.status,
        message=result.message,
        arguments=result.arguments,
        expected=result.expected,
        actual=result.actual,
        stdout=ended.stdout if ended else "",
        stderr=ended.stderr if ended else "",
        stdout_truncated=ended.stdout_truncated if ended else False,
        time_ms=ended.time_ms if ended else None,
    )
