"""Request and response models of the execution routes."""

from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from devcapsules.cases import LONGEST_CODE, MOST_TESTS, Case, CodeLanguage, FunctionName
from edge.ports.executor import LEAST, MOST, STDIN_BYTES
from edge.text import NO_NUL

LEAST_S = LEAST.time_ms / 1000
MOST_S = MOST.time_ms / 1000
DEFAULT_S = 5.0

type Source = Annotated[str, Field(min_length=1, max_length=LONGEST_CODE), NO_NUL]
type Seconds = Annotated[float, Field(ge=LEAST_S, le=MOST_S, allow_inf_nan=False)]


class ExecutionRequest(BaseModel):
    """A program to run as a script; `time_limit` is in seconds of the wall clock."""

    model_config = ConfigDict(extra="forbid")

    source_code: Source
    language: CodeLanguage
    time_limit: Seconds = DEFAULT_S
    stdin: Annotated[str, Field(max_length=STDIN_BYTES // 4), NO_NUL] = ""


class SuiteRequest(BaseModel):
    """A program to test: `functionName` is called once per case, each in its own process."""

    model_config = ConfigDict(extra="forbid")

    userCode: Source  # noqa: N815 - the name in the specification
    testCases: Annotated[list[Case], Field(min_length=1, max_length=MOST_TESTS)]  # noqa: N815
    language: CodeLanguage
    functionName: FunctionName  # noqa: N815
    time_limit: Annotated[Seconds, Field(description="seconds per case")] = 2.0


class ExecutionResult(TypedDict):
    """The result of a run. `status` is one of those listed by /execute/limits, `message` explains it.

    `time_ms` is wall-clock time, `cpu_ms` processor time, `memory_kb` the peak; null if unknown.
    """

    status: str
    message: str
    stdout: str
    stderr: str
    stdout_truncated: bool
    stderr_truncated: bool
    exit_code: int | None
    signal: str | None
    time_ms: float | None
    cpu_ms: float | None
    memory_kb: int | None
    executor: str


class SuiteCaseResult(TypedDict):
    """The result of a case. For a hidden case only `name`, `hidden`, `status`, `passed` and `message` are set."""

    name: str
    hidden: bool
    status: str
    passed: bool
    message: str
    arguments: str | None
    expected: str | None
    actual: str | None
    stdout: str | None
    stderr: str | None
    stdout_truncated: bool | None
    time_ms: float | None
    memory_kb: int | None


class SuiteResult(TypedDict):
    """The results of all cases, in order."""

    passed: bool
    passed_count: int
    total: int
    results: list[SuiteCaseResult]


class LanguageRun(TypedDict):
    """A language, its version, and its current executor."""

    language: str
    version: str
    executor: str


class StatusMeaning(TypedDict):
    """A status and its meaning."""

    status: str
    meaning: str


class ExecutionLimits(TypedDict):
    """The limits of the execution routes, the available languages, and all statuses."""

    languages: list[LanguageRun]
    statuses: list[StatusMeaning]
    time_limit_s: dict[str, float]
    memory_mb: int
    output_bytes: int
    case_output_bytes: int
    source_characters: int
    stdin_characters: int
    cases: int
