"""Runs the tests of an exercise: one process per case, so that cases share no state."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import NamedTuple, Protocol

from devcapsules.execution.values import BadValue, Encoded, difference, encode, matches, read, show
from edge.ports.executor import Call, Execution, Language, Limits, Program, Status

BUDGET_S = 60.0
"""Seconds after which no further case of a request is started."""
OUTPUT_BYTES = 16 * 1024
_HIDDEN = "a hidden test does not pass"
_BEGUN: frozenset[Status] = frozenset({"unavailable", "not_run"})


class CallCase(NamedTuple):
    """A call with its expected value, both encoded."""

    name: str
    arguments: Sequence[Encoded]
    expected: Encoded
    hidden: bool = False
    tolerance: float | None = None

    @classmethod
    def of(
        cls,
        arguments: Sequence[object],
        expected: object,
        *,
        name: str = "",
        hidden: bool = False,
        tolerance: float | None = None,
    ) -> "CallCase":
        """Encode an author's JSON as a case; raises `BadValue` for an invalid value."""
        return cls(name, [encode(part) for part in arguments], encode(expected), hidden, tolerance)


class Solution(NamedTuple):
    """A program to test, and the name of its function."""

    language: Language
    source: str
    function: str
    limits: Limits = Limits(2_000, 128, OUTPUT_BYTES)


class CaseResult(NamedTuple):
    """The result of a case. A hidden one has only a status, without input, output or exception."""

    name: str
    hidden: bool
    status: Status
    message: str = ""
    arguments: str | None = None
    expected: str | None = None
    actual: str | None = None
    execution: Execution | None = None

    @property
    def has_passed(self) -> bool:
        """True if the function returned the expected value."""
        return self.status == "ok"


class Runs(Protocol):
    """Runs programs: an executor, or several combined."""

    @property
    def parallel(self) -> int:
        """Useful number of concurrent runs."""

    def run(self, program: Program) -> Awaitable[Execution]:
        """Run a program to its end."""


async def run_tests(
    executor: Runs, solution: Solution, cases: Sequence[CallCase], budget_s: float = BUDGET_S
) -> list[CaseResult]:
    """Return the results of all cases, in order; a crash of one case does not affect the others.

    No case is started after the request's time budget, or once the executor was unavailable.
    """
    deadline = monotonic() + budget_s
    free = asyncio.Semaphore(max(1, executor.parallel))
    is_away = False

    async def run_one(case: CallCase) -> CaseResult:
        nonlocal is_away
        async with free:
            if is_away or monotonic() > deadline:
                reason = "the executor is not available" if is_away else f"the request has used its {budget_s:g} s"
                return CaseResult(case.name, case.hidden, "not_run", reason)
            result = await run_case(executor.run, solution, case)
            is_away = is_away or result.status == "unavailable"
            return result

    return list(await asyncio.gather(*(run_one(case) for case in cases)))


async def run_case(run: Callable[[Program], Awaitable[Execution]], solution: Solution, case: CallCase) -> CaseResult:
    """Run one case and check its return value."""
    call = Call(solution.function, json.dumps(case.arguments))
    ended = await run(Program(solution.language, solution.source, limits=solution.limits, call=call))
    return judge(case, ended)


def judge(case: CallCase, ended: Execution) -> CaseResult:
    """Return the result of a case after its run; only this function compares values."""
    status, message, actual = _compare(case, ended)
    if case.hidden:
        return _hide(case, status, message)
    return CaseResult(
        name=case.name,
        hidden=False,
        status=status,
        message=message,
        arguments=", ".join(show(part) for part in case.arguments),
        expected=show(case.expected),
        actual=actual,
        execution=ended,
    )


def _compare(case: CallCase, ended: Execution) -> tuple[Status, str, str | None]:
    if ended.status != "ok":
        return ended.status, ended.message, None
    if ended.value is None:
        return "crashed", "ended before it returned a value", None
    try:
        value = read(ended.value)
    except BadValue as fault:
        return "wrong", str(fault), None
    if matches(case.expected, value, case.tolerance):
        return "ok", "", show(value)
    return "wrong", difference(case.expected, value), show(value)


def _hide(case: CallCase, status: Status, message: str) -> CaseResult:
    """Return the result of a hidden case: only passed or not, as another status would reveal its input."""
    if status in _BEGUN or status == "refused":
        return CaseResult(case.name, True, status, message)
    has_passed = status == "ok"
    return CaseResult(case.name, True, "ok" if has_passed else "wrong", "" if has_passed else _HIDDEN)
