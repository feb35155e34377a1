"""Bodies and answers of the routes that execute."""

from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from devcapsules.cases import CLEAN, LONGEST_CODE, MOST_TESTS, Case, CodeLanguage, FunctionName
from edge.ports.executor import LEAST, MOST, STDIN_BYTES

LEAST_S = LEAST.time_ms / 1000
MOST_S = MOST.time_ms / 1000
DEFAULT_S = 5.0

type Source = Annotated[str, Field(min_length=1, max_length=LONGEST_CODE), CLEAN]
type Seconds = Annotated[float, Field(ge=LEAST_S, le=MOST_S, allow_inf_nan=False)]


class ExecutionRequest(BaseModel):
    """A program to run as a script; `time_limit` is in seconds of the wall clock."""

    model_config = ConfigDict(extra="forbid")

    source_code: Source
    language: CodeLanguage
    time_limit: Seconds = DEFAULT_S
    stdin: Annotated[str, Field(max_length=STDIN_BYTES // 4), CLEAN] = ""


class SuiteRequest(BaseModel):
    """A program to test: `functionName` is called once for each case, in a process of its own."""

    model_config = ConfigDict(extra="forbid")

    userCode: Source  # noqa: N815 - the name that clients of the specification send
    testCases: Annotated[list[Case], Field(min_length=1, max_length=MOST_TESTS)]  # noqa: N815
    language: CodeLanguage
    functionName: FunctionName  # noqa: N815
    time_limit: Annotated[Seconds, Field(description="seconds that each case has")] = 2.0


class Ran(TypedDict):
    """How a program ended. `status` is one of the list of /execute/limits, `message` says it in words.

    `time_ms` is by the wall clock, `cpu_ms` by the processor, `memory_kb` the peak; null where it is unknown.
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


class CaseRan(TypedDict):
    """The result of a case. Of a hidden one all but `name`, `hidden`, `status` and `message` is null."""

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


class SuiteRan(TypedDict):
    """One result for each case, in their order."""

    passed: bool
    passed_count: int
    total: int
    results: list[CaseRan]


class LanguageRun(TypedDict):
    """A language, its version, and who runs it now."""

    language: str
    version: str
    executor: str


class StatusMeaning(TypedDict):
    """A status and what it means."""

    status: str
    meaning: str


class ExecutionLimits(TypedDict):
    """The limits of the routes that execute, the languages that run now, and all statuses."""

    languages: list[LanguageRun]
    statuses: list[StatusMeaning]
    time_limit_s: dict[str, float]
    memory_mb: int
    output_bytes: int
    case_output_bytes: int
    source_characters: int
    stdin_characters: int
    cases: int
