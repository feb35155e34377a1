"""Judging: runs a capsule's tests on the available executors."""

from collections.abc import Mapping, Sequence
from typing import Any

from devcapsules.execution.executors import Executors
from devcapsules.execution.suite import CallCase, CaseResult, Solution, run_tests
from devcapsules.execution.values import BadValue
from edge.ports.executor import Limits

MEMORY_MB = 128
OUTPUT_BYTES = 16 * 1024


class Judging:
    """Runs the tests of capsules."""

    def __init__(self, executors: Executors) -> None:
        self._executors = executors

    async def judge(
        self, language: Any, source: str, function: str, tests: Sequence[Mapping[str, Any]], time_limit_ms: int = 2_000
    ) -> list[CaseResult]:
        """Return the results of the tests, in order. Errors: `BadValue`."""
        solution = Solution(language, source, function, Limits(time_limit_ms, MEMORY_MB, OUTPUT_BYTES))
        return await run_tests(self._executors, solution, [case_of(test) for test in tests])


def case_of(test: Mapping[str, Any]) -> CallCase:
    """Encode a stored test as a case; raises `BadValue` for an invalid value."""
    names = {name: test[name] for name in ("name", "hidden", "tolerance")}
    return CallCase.of(test["arguments"], test["expected"], **names)


__all__ = ["BadValue", "Judging", "case_of"]
