"""`/api/v1/execute`: runs a program, or the tests of an exercise, and lists limits and languages."""

from collections.abc import Sequence

from devcapsules.access.callers import account_of
from devcapsules.cases import LONGEST_CODE, MOST_TESTS, Case
from devcapsules.execution import exercism
from devcapsules.execution.executors import Executors
from devcapsules.execution.ledger import Ledger
from devcapsules.execution.models import (
    DEFAULT_S,
    LEAST_S,
    MOST_S,
    ExecutionLimits,
    ExecutionRequest,
    ExecutionResult,
    LanguageRun,
    StatusMeaning,
    SuiteCaseResult,
    SuiteRequest,
    SuiteResult,
)
from devcapsules.execution.suite import OUTPUT_BYTES, CallCase, CaseResult, Solution, run_tests
from devcapsules.execution.values import BadValue
from edge import READER, Actor, Body, Routes
from edge.errors import Fault, InvalidBody, Overloaded
from edge.ports.executor import STATUSES, STDIN_BYTES, Execution, Limits, Program
from edge.reach import OPEN, SELF

routes = Routes("/api/v1/execute", tag="execution", access=READER, reach=SELF)
BODY_LIMIT = 512 * 1024
MEMORY_MB = 128
_NOT_RUN = frozenset({"unavailable", "not_run"})


class ExecutorAway(Overloaded):
    """No executor is available now."""

    title = "No executor is available now"


@routes.post("", ExecutorAway, body_limit=BODY_LIMIT)
async def execute(body: Body[ExecutionRequest], actor: Actor, executors: Executors, ledger: Ledger) -> ExecutionResult:
    """Run a program in isolation. Its result is in `status`; a failure of the program is not an HTTP error."""
    limits = Limits(round(body.time_limit * 1000), MEMORY_MB)
    ended = await executors.run(Program(body.language, body.source_code, body.stdin, limits))
    if ended.status == "unavailable":
        raise ExecutorAway(ended.message, wait=5)
    await ledger.record(account_of(actor), body.language, ended)
    return _execution_result(ended)


@routes.post("/tests", ExecutorAway, body_limit=BODY_LIMIT)
async def execute_tests(body: Body[SuiteRequest], actor: Actor, executors: Executors, ledger: Ledger) -> SuiteResult:
    """Test a function: it is called once per case. Results are compared outside of the program's process."""
    results = await _run_suite(body, actor, executors, ledger)
    passed = sum(result.has_passed for result in results)
    return SuiteResult(
        passed=passed == len(results),
        passed_count=passed,
        total=len(results),
        results=[_case(result) for result in results],
    )


@routes.post("/tests/results.json", ExecutorAway, body_limit=BODY_LIMIT)
async def execute_tests_for_exercism(
    body: Body[SuiteRequest], actor: Actor, executors: Executors, ledger: Ledger
) -> exercism.Results:
    """Test a function, and answer in the format of Exercism's test runners: `results.json`, version 3."""
    return exercism.results(await _run_suite(body, actor, executors, ledger), body.functionName)


@routes.get("/limits", reach=OPEN)
async def get_execution_limits(executors: Executors) -> ExecutionLimits:
    """Get the limits of a run, the available languages, and the meaning of each status."""
    languages = await executors.languages()
    return ExecutionLimits(
        languages=[
            LanguageRun(language=name, version=version, executor=executor)
            for name, (version, executor) in sorted(languages.items())
        ],
        statuses=[StatusMeaning(status=name, meaning=meaning) for name, meaning in STATUSES.items()],
        time_limit_s={"least": LEAST_S, "most": MOST_S, "default": DEFAULT_S},
        memory_mb=MEMORY_MB,
        output_bytes=Limits().output_bytes,
        case_output_bytes=OUTPUT_BYTES,
        source_characters=LONGEST_CODE,
        stdin_characters=STDIN_BYTES // 4,
        cases=MOST_TESTS,
    )


def call_cases(cases: Sequence[Case]) -> list[CallCase]:
    """Encode the values of cases; raises `InvalidBody` for an invalid value."""
    calls = []
    for place, case in enumerate(cases):
        try:
            calls.append(
                CallCase.of(case.arguments, case.expected, name=case.name, hidden=case.hidden, tolerance=case.tolerance)
            )
        except BadValue as fault:
            raise InvalidBody([Fault(pointer=f"/testCases/{place}", detail=str(fault))]) from None
    return calls


async def _run_suite(body: SuiteRequest, actor: Actor, executors: Executors, ledger: Ledger) -> list[CaseResult]:
    limits = Limits(round(body.time_limit * 1000), MEMORY_MB, OUTPUT_BYTES)
    solution = Solution(body.language, body.userCode, body.functionName, limits)
    results = await run_tests(executors, solution, call_cases(body.testCases))
    if all(result.status in _NOT_RUN for result in results):
        raise ExecutorAway(results[0].message, wait=5)
    worst = next((result for result in results if not result.has_passed), results[0])
    ended = worst.execution or Execution(worst.status)
    await ledger.record(account_of(actor), body.language, ended._replace(status=worst.status))
    return results


def _execution_result(ended: Execution) -> ExecutionResult:
    return ExecutionResult(
        status=ended.status,
        message=ended.message,
        stdout=ended.stdout,
        stderr=ended.stderr,
        stdout_truncated=ended.stdout_truncated,
        stderr_truncated=ended.stderr_truncated,
        exit_code=ended.exit_code,
        signal=ended.signal,
        time_ms=ended.time_ms,
        cpu_ms=ended.cpu_ms,
        memory_kb=ended.memory_kb,
        executor=ended.executor,
    )


def _case(result: CaseResult) -> SuiteCaseResult:
    ended = result.execution
    return SuiteCaseResult(
        name=result.name,
        hidden=result.hidden,
        status=result.status,
        passed=result.has_passed,
        message=result.message,
        arguments=result.arguments,
        expected=result.expected,
        actual=result.actual,
        stdout=None if ended is None else ended.stdout,
        stderr=None if ended is None else ended.stderr,
        stdout_truncated=None if ended is None else ended.stdout_truncated,
        time_ms=None if ended is None else ended.time_ms,
        memory_kb=None if ended is None else ended.memory_kb,
    )
