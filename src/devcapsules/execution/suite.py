"""Runs the tests of an exercise: one program for each case, so that none shares state with another."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import NamedTuple, Protocol

from devcapsules.execution.values import BadValue, Encoded, difference, encode, matches, read, show
from edge.ports.executor import Call, Execution, Language, Limits, Program, Status

BUDGET_S = 60.0
"""Seconds after which no further case of a request is begun."""
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
        """Return the case of an author's JSON; `BadValue` where that stands for no value."""
        return cls(name, [encode(part) for part in arguments], encode(expected), hidden, tolerance)


class Solution(NamedTuple):
    """A program that is tested, and the function of it that is called."""

    language: Language
    source: str
    function: str
    limits: Limits = Limits(2_000, 128, OUTPUT_BYTES)


class CaseResult(NamedTuple):
    """The result of a case. A hidden one has a status and nothing of its input, output or exception."""

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
        """Whether the returned value is the expected one."""
        return self.status == "ok"


class Runs(Protocol):
    """Something that runs programs: an executor, or several behind one."""

    @property
    def parallel(self) -> int:
        """Runs that make sense at the same time."""

    def run(self, program: Program) -> Awaitable[Execution]:
        """Run a program to its end."""


async def run_tests(executor: Runs, solution: Solution, cases: Sequence[CallCase]) -> list[CaseResult]:
    """Return a result for each case, in their order; a case that ends its process ends no other.

    No case is begun after the budget of the request, or once the executor was not there.
    """
    deadline = monotonic() + BUDGET_S
    free = asyncio.Semaphore(max(1, executor.parallel))
    is_away = False

    async def one(case: CallCase) -> CaseResult:
        nonlocal is_away
        async with free:
            if is_away or monotonic() > deadline:
                reason = "the executor is not there" if is_away else f"the request has used its {BUDGET_S:g} s"
                return CaseResult(case.name, case.hidden, "not_run", reason)
            result = await run_case(executor.run, solution, case)
            is_away = is_away or result.status == "unavailable"
            return result

    return list(await asyncio.gather(*(one(case) for case in cases)))


async def run_case(run: Callable[[Program], Awaitable[Execution]], solution: Solution, case: CallCase) -> CaseResult:
    """Run one case and compare what it returned."""
    call = Call(solution.function, json.dumps(case.arguments))
    ended = await run(Program(solution.language, solution.source, limits=solution.limits, call=call))
    return judge(case, ended)


def judge(case: CallCase, ended: Execution) -> CaseResult:
    """Return the result of a case whose program has ended; the comparison happens here and nowhere else."""
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
    """Return a result that tells of a hidden case whether it passes; another status would tell of its input."""
    if status in _BEGUN or status == "refused":
        return CaseResult(case.name, True, status, message)
    has_passed = status == "ok"
    return CaseResult(case.name, True, "ok" if has_passed else "wrong", "" if has_passed else _HIDDEN)
