"""The `Executor` port by Judge0's API: a submission for each run, polled until it has ended."""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping
from typing import Any

from edge.clients.execution.compose import Script, compose, with_room
from edge.clients.execution.remote import (
    CALL_S,
    Listed,
    Refused,
    RemoteExecutor,
    Server,
    Unavailable,
    number_of,
)
from edge.clients.execution.verdicts import Raw, cut, judge
from edge.ports import Clock
from edge.ports.executor import Execution, Language, Limits, Program, Status

FIELDS = "stdout,stderr,compile_output,message,status,time,wall_time,memory,exit_code,exit_signal,token"
FIRST_POLL_S = 0.1
LAST_POLL_S = 1.0
QUEUED_S = 20.0
"""Seconds that a submission may wait in the server's queue, beside its own time."""

_NAMES: Mapping[Language, re.Pattern[str]] = {
    "python": re.compile(r"Python(?: for ML)? \((?:Python )?(3[.\d]*)\)"),
    "javascript": re.compile(r"JavaScript \(Node\.js ([.\d]+)\)"),
}
_WAITING = 2
_ACCEPTED = frozenset({3, 4})
_TIME, _COMPILATION, _FILE_SIZE, _NO_ZERO = 5, 6, 8, 11
_SIGNALS: Mapping[int, str] = {7: "SIGSEGV", 9: "SIGFPE", 10: "SIGABRT"}
_FULL = 0.9


class Judge0(RemoteExecutor):
    """Runs programs on a Judge0 server."""

    name = "judge0"

    def __init__(self, server: Server, clock: Clock) -> None:
        super().__init__(server)
        self._clock = clock
        self._most: dict[str, Any] | None = None

    async def _run(self, program: Program, listed: Listed) -> Execution:
        limits = await self._bounded(program.limits)
        script = compose(program, secrets.token_hex(8))
        ended = await self._wait(await self._submit(script, listed, limits), limits)
        program = program._replace(limits=limits)
        return judge(_raw(ended, with_room(program)), program, script.mark, self.name)

    async def _submit(self, script: Script, listed: Listed, limits: Limits) -> str:
        body = _request(script, listed, limits)
        answer = await self._server.send("POST", "/submissions?base64_encoded=true&wait=false", CALL_S, body)
        if answer.status in {400, 422}:
            raise Refused(f"{self._server.host} refuses the program: {answer.body[:300].decode(errors='replace')}")
        token = self._server.value(answer, "/submissions")
        if not isinstance(token, dict) or not re.fullmatch(r"[A-Za-z0-9-]{1,100}", str(token.get("token", ""))):
            raise Unavailable(f"{self._server.host} gave no token for the submission")
        return str(token["token"])

    async def _wait(self, token: str, limits: Limits) -> dict[str, Any]:
        pause = FIRST_POLL_S
        spent = 0.0
        while spent < QUEUED_S + 2 * limits.time_ms / 1000:
            await self._clock.sleep(pause)
            spent += pause
            submission = await self._server.get(f"/submissions/{token}?base64_encoded=true&fields={FIELDS}")
            if _status(submission) > _WAITING:
                ended: dict[str, Any] = submission
                return ended
            pause = min(LAST_POLL_S, pause * 1.5)
        raise Unavailable(f"{self._server.host} did not run the program within {spent:.0f} s")

    async def _bounded(self, limits: Limits) -> Limits:
        """Return the limits, capped by the server's own."""
        if self._most is None:
            config = await self._server.get("/config_info")
            self._most = config if isinstance(config, dict) else {}
        seconds = min(_number(self._most.get(name)) or 15.0 for name in ("max_cpu_time_limit", "max_wall_time_limit"))
        memory = _number(self._most.get("max_memory_limit")) or 512_000.0
        return limits._replace(
            time_ms=min(limits.time_ms, int(seconds * 1000)), memory_mb=min(limits.memory_mb, int(memory) // 1024)
        )

    async def _ask_languages(self) -> dict[Language, Listed]:
        languages: dict[Language, Listed] = {}
        value = await self._server.get("/languages")
        for entry in value if isinstance(value, list) else []:
            for language, pattern in _NAMES.items():
                name = pattern.fullmatch(str(entry.get("name", "")) if isinstance(entry, dict) else "")
                newest = languages.get(language)
                if name and (newest is None or number_of(name[1]) > number_of(newest.version)):
                    languages[language] = Listed(str(entry["name"]), name[1], entry["id"])
        return languages


def _request(script: Script, listed: Listed, limits: Limits) -> dict[str, Any]:
    return {
        "source_code": base64.b64encode(script.text.encode()).decode(),
        "language_id": listed.key,
        "stdin": base64.b64encode(script.stdin.encode()).decode(),
        "cpu_time_limit": limits.time_ms / 1000,
        "wall_time_limit": limits.time_ms / 1000,
        "memory_limit": limits.memory_mb * 1024,
        "enable_network": False,
    }


def _status(submission: Any) -> int:
    status = submission.get("status") if isinstance(submission, dict) else None
    number = status.get("id") if isinstance(status, dict) else None
    if not isinstance(number, int):
        raise Unavailable("the executor reported no status of the submission")
    return number


def _raw(ended: Mapping[str, Any], limits: Limits) -> Raw:
    number = _status(ended)
    if number in {13, 14}:
        raise Unavailable(f"the executor failed: {_text(ended.get('message'))[:200] or 'internal error'}")
    stdout, is_cut = cut(_text(ended.get("stdout")), limits)
    stderr, is_err_cut = cut(_text(ended.get("stderr")) or _text(ended.get("compile_output")), limits)
    memory, seconds, wall = (_number(ended.get(name)) for name in ("memory", "time", "wall_time"))
    signal = _SIGNALS.get(number) or (f"signal {ended['exit_signal']}" if ended.get("exit_signal") else None)
    has_exited = number in _ACCEPTED or number in {_COMPILATION, _NO_ZERO}
    code = ended.get("exit_code")
    return Raw(
        stdout=stdout,
        stderr=stderr,
        stdout_truncated=is_cut,
        stderr_truncated=is_err_cut,
        exit_code=(code if isinstance(code, int) else int(number not in _ACCEPTED)) if has_exited else None,
        signal=None if has_exited else signal,
        limit="output" if is_cut or is_err_cut else _limit(number, memory, limits),
        time_ms=None if wall is None else wall * 1000,
        cpu_ms=None if seconds is None else seconds * 1000,
        memory_kb=None if memory is None else int(memory),
    )


def _limit(number: int, memory: float | None, limits: Limits) -> Status | None:
    if number == _TIME:
        return "time"
    if number == _FILE_SIZE:
        return "output"
    is_full = memory is not None and memory >= _FULL * limits.memory_mb * 1024
    return "memory" if is_full and number not in _ACCEPTED and number != _COMPILATION else None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    try:
        return base64.b64decode(value).decode(errors="replace")
    except binascii.Error:
        return ""


def _number(value: Any) -> float | None:
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
