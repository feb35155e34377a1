"""The `results.json` format of Exercism's test runners, version 3."""

from collections.abc import Sequence
from typing import Literal, TypedDict

from devcapsules.execution.suite import CaseResult

MOST_OUTPUT = 500
"""Most characters of a test's output; Exercism has the same limit."""
MOST_MESSAGE = 65_535
_ERRORS = frozenset({"refused", "unavailable", "not_run"})
_CUT = "\n… output was truncated"

type Outcome = Literal["pass", "fail", "error"]


class ExercismTest(TypedDict):
    """A test in the document."""

    name: str
    status: Outcome
    message: str | None
    output: str | None
    test_code: str


class Results(TypedDict):
    """The document; its status is `error` if no test of the program could be run."""

    version: Literal[3]
    status: Outcome
    message: str | None
    tests: list[ExercismTest]


def results(cases: Sequence[CaseResult], function: str) -> Results:
    """Return the document for the results of a test suite."""
    message = _common_fault(cases)
    if message is not None:
        return Results(version=3, status="error", message=message[:MOST_MESSAGE], tests=[])
    has_passed = all(case.has_passed for case in cases)
    tests = [_test(place, case, function) for place, case in enumerate(cases, 1)]
    return Results(version=3, status="pass" if has_passed else "fail", message=None, tests=tests)


def _common_fault(cases: Sequence[CaseResult]) -> str | None:
    """Return the fault that prevented all cases: one of the executor, or a syntax error of the program."""
    if not cases or any(case.has_passed for case in cases):
        return None
    if all(case.status in _ERRORS for case in cases):
        return cases[0].message or cases[0].status
    first = cases[0]
    is_syntax = all(case.status == "exception" and "SyntaxError" in case.message for case in cases if not case.hidden)
    return first.message if is_syntax and not first.hidden else None


def _test(place: int, case: CaseResult, function: str) -> ExercismTest:
    return ExercismTest(
        name=case.name or f"Test {place}",
        status=_outcome(case),
        message=None if case.has_passed else _message(case)[:MOST_MESSAGE],
        output=_output(case),
        test_code="" if case.hidden else f"{function}({case.arguments or ''})",
    )


def _outcome(case: CaseResult) -> Outcome:
    if case.has_passed:
        return "pass"
    return "fail" if case.status == "wrong" else "error"


def _message(case: CaseResult) -> str:
    if case.status == "wrong" and case.actual is not None:
        return f"expected {case.expected}, got {case.actual}"
    return case.message or case.status


def _output(case: CaseResult) -> str | None:
    text = case.execution.stdout if case.execution is not None else ""
    if not text:
        return None
    return text if len(text) <= MOST_OUTPUT else text[: MOST_OUTPUT - len(_CUT)] + _CUT
