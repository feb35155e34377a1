"""Describes the end of a run, in the same words for every executor."""

import re
from typing import NamedTuple

from edge.clients.execution.compose import VALUE_BYTES, split
from edge.ports.executor import Execution, Language, Limits, Program, Status

SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    14: "SIGALRM",
    15: "SIGTERM",
    24: "SIGXCPU",
    25: "SIGXFSZ",
    31: "SIGSYS",
}
"""Names of the signals that end programs; the numbers are Linux's."""
_NO_MEMORY = re.compile(
    r"^MemoryError\b|JavaScript heap out of memory|Array buffer allocation failed|\bError: ENOMEM|Reached heap limit"
    r"|WebAssembly\.\w+\(\): (?:Out of memory|could not allocate)|Fatal process out of memory",
    re.MULTILINE,
)


_GROUP = re.compile(r"^ +\| (\w*ExceptionGroup: .*)$", re.MULTILINE)
_MARKED = re.compile(r"^[ \t]*\^+[ \t]*\n", re.MULTILINE)
"""Node's line of marks below the line of a program that threw."""
_NAMED = re.compile(r"(?:error: )?(?:Uncaught\b|\[?[\w$.]*(?:Error|Exception|Rejection)\b)")
_UNCAUGHT = 1
"""The exit code after an exception that nobody caught, of Python and of JavaScript."""


class Raw(NamedTuple):
    """A run as an executor saw it: `limit` is the one that ended it, perhaps in `words` of its own.

    `exit_code` is None after a signal.
    """

    stdout: str
    stderr: str
    stdout_truncated: bool = False
    stderr_truncated: bool = False
    exit_code: int | None = None
    signal: str | None = None
    limit: Status | None = None
    time_ms: float | None = None
    cpu_ms: float | None = None
    memory_kb: int | None = None
    words: str = ""


def judge(raw: Raw, program: Program, mark: str, executor: str) -> Execution:
    """Return the execution of a run."""
    parts = split(raw.stdout, mark)
    stdout, is_cut = cut(parts.stdout, program.limits)
    stderr, is_err_cut = cut(raw.stderr, program.limits)
    if is_cut or is_err_cut:
        raw = raw._replace(limit=raw.limit or "output")
    value = None if raw.limit or raw.exit_code != 0 else parts.value
    status, message = _verdict(raw, program, is_missing=bool(mark) and value is None)
    if parts.is_too_long and status in {"ok", "crashed"}:
        status = "output"
        message = f"the returned value has more than {VALUE_BYTES} bytes when it is encoded"
    return Execution(
        status=status,
        message=message,
        stdout=stdout,
        stderr=stderr,
        stdout_truncated=raw.stdout_truncated or is_cut,
        stderr_truncated=raw.stderr_truncated or is_err_cut,
        exit_code=raw.exit_code,
        signal=raw.signal,
        time_ms=None if raw.time_ms is None else round(raw.time_ms, 1),
        cpu_ms=None if raw.cpu_ms is None else round(raw.cpu_ms, 1),
        memory_kb=raw.memory_kb,
        value=value if status == "ok" else None,
        executor=executor,
    )


def cut(text: str, limits: Limits) -> tuple[str, bool]:
    """Return a text cut to the bytes that a program may write, and whether it was longer."""
    data = text.encode(errors="replace")
    if len(data) <= limits.output_bytes:
        return text, False
    return data[: limits.output_bytes].decode(errors="ignore"), True


def limit_message(status: Status, limits: Limits) -> str:
    """Return the message for a limit that was hit."""
    return {
        "time": f"ran longer than its limit of {limits.time_ms} ms",
        "memory": f"needed more than its limit of {limits.memory_mb} MB of memory",
        "output": f"wrote more than its limit of {limits.output_bytes} bytes",
        "unavailable": "was stopped before its end, or could not begin in time",
    }.get(status, status)


def exception_line(stderr: str, language: Language) -> str:
    """Return the line of a program's last words that names the exception which ended it; empty if there is none."""
    line = _python_exception(stderr) if language == "python" else _javascript_exception(stderr)
    return line.strip()[:500]


def _verdict(raw: Raw, program: Program, *, is_missing: bool) -> tuple[Status, str]:
    limits = program.limits
    if raw.limit is not None:
        return raw.limit, raw.words or limit_message(raw.limit, limits)
    if raw.signal == "SIGXCPU":
        return "time", limit_message("time", limits)
    if raw.exit_code != 0 and _NO_MEMORY.search(raw.stderr):
        return "memory", limit_message("memory", limits)
    if raw.signal is not None or raw.exit_code is None:
        return "crashed", f"ended by {raw.signal or 'an unknown signal'}"
    if raw.exit_code:
        line = exception_line(raw.stderr, program.language) if raw.exit_code == _UNCAUGHT else ""
        return "exception", line or f"ended with exit code {raw.exit_code}"
    return ("crashed", "ended before it returned a value") if is_missing else ("ok", "")


def _python_exception(text: str) -> str:
    """Return the first line after the last traceback, whose own lines are indented; without one, the last line."""
    if group := _GROUP.search(text):
        return group[1]
    _, header, after = text.rpartition("Traceback (most recent call last):\n")
    lines = _unindented(after)
    return lines[0 if header else -1] if lines else ""


def _javascript_exception(text: str) -> str:
    """Return the first line after the mark below the program's line; without one, the last line of an error."""
    *before, tail = _MARKED.split(text)
    lines = [line for line in _unindented(tail) if not line.startswith(("Node.js v", "(Use `node", "}"))]
    if not lines:
        return ""
    if before:
        is_error = _NAMED.match(lines[0]) is not None or "\n    at " in tail
        return lines[0] if is_error else f"Uncaught {lines[0]}"
    return ([line for line in lines if _NAMED.match(line)] or lines)[-1]


def _unindented(text: str) -> list[str]:
    return [line for line in text.splitlines() if line[:1].strip()]
