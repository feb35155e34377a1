"""Executor: runs untrusted programs in isolation, and reports how each ended."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

type Language = Literal["python", "javascript", "typescript"]
type Status = Literal[
    "ok", "wrong", "exception", "time", "memory", "output", "crashed", "refused", "not_run", "unavailable"
]

LANGUAGES: tuple[Language, ...] = ("python", "javascript", "typescript")
STATUSES: Mapping[Status, str] = {
    "ok": "It ended by itself, and returned a value if one was expected.",
    "wrong": "It returned another value than the expected one; only a host that compares says so.",
    "exception": "It raised an exception, does not compile, or ended with an exit code other than 0.",
    "time": "It ran longer than its limit and was ended.",
    "memory": "It needed more memory, processes or files than its limit and was ended.",
    "output": "It wrote more than its limit and was ended.",
    "crashed": "It was ended by a signal or ended before it returned a value.",
    "refused": "The executor does not accept the program's language, size or limits.",
    "not_run": "It was not run, as an earlier case used up what the request may take.",
    "unavailable": "The executor is missing, full, or failed; the same program may work later.",
}
"""The closed list of a program's outcomes. An executor never returns `wrong` or `not_run`."""

SOURCE_BYTES = 80 * 1024
"""Most bytes of a program's source, as UTF-8."""
STDIN_BYTES = 64 * 1024
"""Most bytes of standard input, and of a call's arguments."""


class Limits(NamedTuple):
    """Bounds of one run: time by the wall clock; memory of all its processes; bytes of stdout and stderr, each."""

    time_ms: int = 5_000
    memory_mb: int = 128
    output_bytes: int = 64 * 1024


MOST = Limits(15_000, 512, 1024 * 1024)
"""The largest limits that a caller may set."""
LEAST = Limits(50, 32, 256)


class Call(NamedTuple):
    """A function of the program to call once; `arguments` is the JSON text of a list of encoded values."""

    function: str
    arguments: str


class Program(NamedTuple):
    """A program to run: as a script with `stdin`, or with a `call` that has an encoded result."""

    language: Language
    source: str
    stdin: str = ""
    limits: Limits = Limits()
    call: Call | None = None


class Execution(NamedTuple):
    """The end of a run: `message` describes it, with the limit that was hit.

    `time_ms` is by the wall clock, `memory_kb` the peak; each is None if unknown. `stdout` and `stderr` hold the output
    before the end, also of a run that was cut off. `value` is untrusted text: the encoded result of the call.
    """

    status: Status
    message: str = ""
    stdout: str = ""
    stderr: str = ""
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    exit_code: int | None = None
    signal: str | None = None
    time_ms: float | None = None
    cpu_ms: float | None = None
    memory_kb: int | None = None
    value: str | None = None
    executor: str = ""


class Executor(Protocol):
    """Runs programs, each in a fresh place of its own without network, secrets or other programs' files.

    No fault of a program or of the executor is raised: the latter is the status `unavailable`.
    """

    name: str
    parallel: int
    """Runs that it does at the same time; further ones wait."""

    async def languages(self) -> Mapping[Language, str]:
        """Return the languages that it runs now, each with its version; none if it does not work."""

    async def run(self, program: Program) -> Execution:
        """Run a program to its end, which its limits bound."""

    async def probe(self) -> str:
        """Return the way in which it runs programs and the reason; raise `PortError` if it cannot run any."""
