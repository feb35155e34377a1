"""Rounds: the model writes a draft, the draft is checked and run, and its faults are returned to the model."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

from devcapsules.capsules.models import Content
from devcapsules.execution.suite import CaseResult
from devcapsules.generation.drafts import (
    DraftRefused,
    Order,
    RequestRefused,
    check_statically,
    content_of,
    conversation,
    read_draft,
)
from devcapsules.generation.models import PromptFiltered, Writer
from devcapsules.generation.mutants import mutants
from devcapsules.generation.quality import Parts, parts_of, score_of
from devcapsules.judging import BadValue, Judging
from edge import Clock
from edge.ports.model import Answer, ModelError, ModelRefused, ModelTimeout, Prompt

LEAST_KILLED = 0.5
"""The share of mutants that the tests must detect."""
FIRST_TOKENS, MOST_TOKENS = 4_000, 16_000
LONGEST_ANSWER_S = 120.0
MUTANT_TIME_MS = 1_000

type Report = Callable[[str, int, int], Awaitable[None]]
"""A callback with the step, the round and the tokens used so far."""


class JobFailed(Exception):
    """The job failed permanently; `reason` is a key of `REASONS`."""

    def __init__(self, reason: str, faults: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.faults = [*faults]


REASONS = {
    "prompt_filtered": "the model's content filter rejects this prompt",
    "request_refused": "the model declined: this does not ask for an exercise",
    "model_refused": "the model's server rejects the request",
    "answer_filtered": "the model's content filter stopped the answer",
    "invalid": "no draft passed all checks",
    "budget": "the job used up its tokens or its time",
}


class ExecutorAway(Exception):
    """No executor is available now."""


class Budget(NamedTuple):
    """The limits of rounds, tokens and seconds of a job; `spent` are the tokens of its earlier deliveries."""

    rounds: int
    tokens: int
    seconds: float
    spent: int = 0


class Generated(NamedTuple):
    """An exercise that passed all checks."""

    content: Content
    tags: Sequence[str]
    score: int
    parts: Parts
    rounds: int
    tokens: int


class Rounds:
    """Runs the rounds of one job."""

    def __init__(self, writer: Writer, model: str, judging: Judging, clock: Clock, budget: Budget) -> None:
        self._writer = writer
        self._model = model
        self._judging = judging
        self._clock = clock
        self._budget = budget
        self._deadline = clock.now().timestamp() + budget.seconds
        self._tokens = budget.spent
        self._most = FIRST_TOKENS

    async def run(self, order: Order, report: Report) -> Generated:
        """Return an exercise. Errors: `JobFailed`; `ModelError` and `ExecutorAway` if a retry may help."""
        past: list[tuple[str, Sequence[str]]] = []
        reason = "invalid"
        for number in range(1, self._budget.rounds + 1):
            await report("the model writes", number, self._tokens)
            answer = await self._ask(order, past)
            try:
                content, tags = self._read(answer)
                go_on = partial(report, "the draft is tested", number, self._tokens)
                killed, count = await self._check(order, content, go_on)
            except DraftRefused as refused:
                past.append((answer.text, refused.faults))
                reason = "answer_filtered" if answer.finish_reason == "content_filter" else "invalid"
                continue
            except RequestRefused as refused:
                raise JobFailed("request_refused", [str(refused)]) from None
            parts = parts_of(content, killed, count, number)
            return Generated(content, tags, score_of(parts), parts, number, self._tokens)
        raise JobFailed(reason, past[-1][1])

    async def _ask(self, order: Order, past: Sequence[tuple[str, Sequence[str]]]) -> Answer:
        left = self._deadline - self._clock.now().timestamp()
        if left <= 0 or self._tokens >= self._budget.tokens:
            raise JobFailed("budget", past[-1][1] if past else ())
        options = {"max_tokens": min(self._most, max(500, self._budget.tokens - self._tokens))}
        prompt = Prompt(self._model, conversation(order, past), options=options)
        try:
            answer = await self._writer.answer(prompt, timeout=min(left, LONGEST_ANSWER_S))
        except PromptFiltered as fault:
            raise JobFailed("prompt_filtered", [str(fault)]) from None
        except ModelTimeout as fault:
            if self._clock.now().timestamp() >= self._deadline:
                raise JobFailed("budget", [str(fault)]) from None
            raise
        except ModelRefused as fault:
            is_filter = "content_filter" in str(fault) or "content management" in str(fault)
            raise JobFailed("prompt_filtered" if is_filter else "model_refused", [str(fault)]) from None
        sent = sum(len(message["content"]) for message in prompt.messages) + len(answer.text)
        self._tokens += sum(answer.usage) if answer.usage else sent // 4
        return answer

    def _read(self, answer: Answer) -> tuple[Content, list[str]]:
        """Return the content and the tags of an answer; check first that it is complete."""
        if answer.finish_reason == "length":
            self._most = min(2 * self._most, MOST_TOKENS)
            raise DraftRefused("the answer was cut at its largest size: write a shorter exercise")
        if answer.finish_reason == "content_filter":
            raise DraftRefused("a filter stopped the answer: write about something harmless")
        draft = read_draft(answer.text)
        content = content_of(draft)
        check_statically(content)
        return content, [*dict.fromkeys(draft.tags)]

    async def _check(self, order: Order, content: Content, go_on: Callable[[], Awaitable[None]]) -> tuple[int, int]:
        """Run a draft; return the numbers of detected and of all mutants. Raises `DraftRefused` if it fails.

        `go_on` extends the delivery's lease.
        """
        await go_on()
        for tests in (content.tests, content.tests[::-1]):  # a second process has another hash seed and clock
            if faults := _faults(await self._judge(order, content.solution, content, tests)):
                raise DraftRefused(*faults)
        if await self._passes(order, content.starter, content):
            raise DraftRefused("the starter passes all tests already")
        changed = mutants(content.solution, order.language)
        alive = []
        for mutant in changed:
            await go_on()
            if await self._passes(order, mutant, content):
                alive.append(mutant)
        if len(alive) > (1 - LEAST_KILLED) * len(changed):
            raise DraftRefused(
                f"the tests notice {len(changed) - len(alive)} of {len(changed)} small faults in the solution; "
                f"they pass this one, among others:\n{alive[0][:400]}"
            )
        return len(changed) - len(alive), len(changed)

    async def _passes(self, order: Order, source: str, content: Content) -> bool:
        """Tell whether a program passes all tests; stop at the first failure."""
        for test in content.tests:
            (result,) = await self._judge(order, source, content, [test], MUTANT_TIME_MS)
            if not result.has_passed:
                return False
        return True

    async def _judge(
        self, order: Order, source: str, content: Content, tests: list[dict[str, object]], time_limit_ms: int = 2_000
    ) -> list[CaseResult]:
        if self._clock.now().timestamp() >= self._deadline:
            raise JobFailed("budget", ["the tests of a draft took the rest of the job's time"])
        open_tests = [{**test, "hidden": False} for test in tests]
        try:
            results = await self._judging.judge(
                order.language, source, content.function_name, open_tests, time_limit_ms
            )
        except BadValue as fault:
            raise DraftRefused(f"a test has an invalid value: {fault}") from None
        if any(result.status in {"unavailable", "not_run"} for result in results):
            raise ExecutorAway(
                next(result.message for result in results if result.status in {"unavailable", "not_run"})
            )
        return results


def _faults(results: Sequence[CaseResult]) -> list[str]:
    """Return the faults to report to the model: tests failed by its own solution."""
    return [
        f"the solution fails the test {result.name!r}: {result.arguments} gives {result.actual or result.status}, "
        f"expected {result.expected}; {result.message}"
        for result in results
        if not result.has_passed
    ][:5]


__all__ = ["REASONS", "Budget", "ExecutorAway", "Generated", "JobFailed", "ModelError", "Rounds"]
