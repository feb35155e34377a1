"""The `Executor` port by Piston's API, version 2: one request for each run, answered with its end.

The public server takes registered keys alone, and none for commercial use: run one of your own (docs/execution.md).
"""

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
from edge.ports.executor import Execution, Language, Limits, Program, Status

_NAMES: Mapping[str, Language] = {"python": "python", "javascript": "javascript"}
_OTHERS = frozenset({"deno", "bun", "pypy"})
_CEILING = re.compile(r"(\w+) cannot exceed the configured limit of (\d+)")
_LIMITS: Mapping[str, Status] = {"TO": "time", "OL": "output", "EL": "output"}
_FULL = 0.9
"""The part of its memory from which a killed program counts as out of memory."""


class Piston(RemoteExecutor):
    """Runs programs on a Piston server."""

    name = "piston"

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._ceilings: dict[str, int] = {}

    async def _run(self, program: Program, listed: Listed) -> Execution:
        script = compose(program, secrets.token_hex(8))
        for _ in range(3):
            limits = self._bounded(program.limits)
            answer = await self._server.send("POST", "/execute", _seconds(limits), _request(script, listed, limits))
            if answer.status != 400:
                value = self._server.value(answer, "/execute")
                program = program._replace(limits=limits)
                return judge(_raw(value, with_room(program)), program, script.mark, self.name)
            self._read_ceiling(answer.body.decode(errors="replace"))
        raise Refused(f"{self._server.host} takes no such limits")

    def _bounded(self, limits: Limits) -> Limits:
        """Return the limits, capped by the server's own; a smaller one is reported with its own number."""
        most = self._ceilings.get("run_timeout", limits.time_ms)
        memory = self._ceilings.get("run_memory_limit", limits.memory_mb << 20) >> 20
        return limits._replace(time_ms=min(limits.time_ms, most), memory_mb=min(limits.memory_mb, memory))

    def _read_ceiling(self, text: str) -> None:
        """Read a ceiling from a refusal; `Refused` if the refusal has another reason."""
        ceiling = _CEILING.search(text)
        if ceiling is None:
            raise Refused(f"{self._server.host} refuses the program: {text[:300]}")
        self._ceilings[ceiling[1].replace("cpu_time", "timeout")] = int(ceiling[2])

    async def _ask_languages(self) -> dict[Language, Listed]:
        languages: dict[Language, Listed] = {}
        for entry in _list(await self._server.get("/runtimes")):
            language = _NAMES.get(str(entry.get("language")))
            version = str(entry.get("version", ""))
            if language and entry.get("runtime") not in _OTHERS:
                present = languages.get(language)
                if present is None or number_of(version) > number_of(present.version):
                    languages[language] = Listed(str(entry["language"]), version, version)
        return languages


def _list(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _seconds(limits: Limits) -> float:
    return limits.time_ms / 1000 + CALL_S


def _request(script: Script, listed: Listed, limits: Limits) -> dict[str, Any]:
    name = "main.py" if script.kind == "python" else "main.cjs"
    return {
        "language": listed.name,
        "version": listed.key,
        "files": [{"name": name, "content": script.text}],
        "stdin": script.stdin,
        "run_timeout": limits.time_ms,
        "run_cpu_time": limits.time_ms,
        "run_memory_limit": limits.memory_mb << 20,
    }


def _raw(value: Any, limits: Limits) -> Raw:
    stages = value if isinstance(value, dict) else {}
    compiled = stages.get("compile") or {}
    run = stages.get("run") or {}
    if compiled.get("code"):
        return Raw("", str(compiled.get("stderr") or compiled.get("output") or ""), exit_code=compiled["code"])
    status = run.get("status")
    if status == "XX" or not isinstance(run, dict) or not ({"code", "signal"} & run.keys()):
        raise Unavailable(f"the executor failed: {str(run.get('message') or 'no result')[:200]}")
    stdout, is_cut = cut(str(run.get("stdout") or ""), limits)
    stderr, is_err_cut = cut(str(run.get("stderr") or ""), limits)
    return Raw(
        stdout=stdout,
        stderr=stderr,
        stdout_truncated=is_cut or status == "OL",
        stderr_truncated=is_err_cut or status == "EL",
        exit_code=run["code"] if isinstance(run.get("code"), int) else None,
        signal=run.get("signal"),
        limit="output" if is_cut or is_err_cut else _limit(run, limits),
        time_ms=_number(run.get("wall_time")),
        cpu_ms=_number(run.get("cpu_time")),
        memory_kb=None if (memory := _number(run.get("memory"))) is None else int(memory) // 1024,
    )


def _limit(run: Mapping[str, Any], limits: Limits) -> Status | None:
    """Return the limit that a run hit. Older servers report a signal alone, and none reports a lack of memory."""
    if run.get("status") in _LIMITS:
        return _LIMITS[run["status"]]
    if run.get("signal") != "SIGKILL":
        return None
    if (_number(run.get("memory")) or 0) >= _FULL * (limits.memory_mb << 20):
        return "memory"
    return "time" if (_number(run.get("wall_time")) or 0) >= limits.time_ms else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
