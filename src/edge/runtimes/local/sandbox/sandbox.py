"""The `Executor` port under bubblewrap: Python and Node on the server's own machine."""

import asyncio
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from edge.clients.execution.compose import Script, compose, refusal, with_room
from edge.clients.execution.verdicts import SIGNALS, Raw, judge
from edge.ports import Log, PortError
from edge.ports.executor import LEAST, MOST, Execution, Language, Limits, Program, Status
from edge.runtimes.local.sandbox.command import Way
from edge.runtimes.local.sandbox.keepers import Keepers, Report, SandboxFailed
from edge.runtimes.local.sandbox.probe import Confinement, ProbeResult, find
from edge.runtimes.local.sandbox.run import MOST_FILES, Job
from edge.runtimes.local.sandbox.seccomp import filter_here

SLOTS = 4
QUEUED = 64
"""Programs that may wait for a slot; further ones are refused at once."""
_LIMITS: Mapping[str, Status] = {
    "time": "time",
    "cpu": "time",
    "memory": "memory",
    "files": "memory",
    "stdout": "output",
    "stderr": "output",
    "stopped": "unavailable",
}


_RESULTS: dict[tuple[Way | None, bool], ProbeResult] = {}
"""Results of the probe in this process: the machine does not change meanwhile."""
_FINDING = threading.Lock()


class LocalSandbox:
    """Runs programs in namespaces of their own. The way is chosen by attacks, at the first use or by `start`.

    `with_deno` allows Deno without permissions where no namespaces can be made.
    """

    name = "sandbox"

    def __init__(
        self,
        log: Callable[[], Log] | None = None,
        slots: int | None = None,
        way: Way | None = None,
        *,
        with_deno: bool = False,
    ) -> None:
        self._choice = (way, with_deno)
        self.parallel = slots or max(1, min(SLOTS, os.cpu_count() or 1))
        self._log = log
        self._keepers = Keepers(self.parallel)
        self._threads = ThreadPoolExecutor(self.parallel, thread_name_prefix="sandbox")
        self._result: ProbeResult | None = None
        self._seccomp = filter_here() or b""
        self._waiting = 0

    async def languages(self) -> Mapping[Language, str]:
        """Return the languages that it runs now, each with its version; none if it does not work."""
        cages = (await self._ready()).cages
        versions = {kind: _version(cage) for kind, cage in cages.items()}
        supported: dict[Language, str] = {}
        if "python" in versions:
            supported["python"] = versions["python"]
        if "node" in versions:
            supported["javascript"] = supported["typescript"] = versions["node"]
        return supported

    async def run(self, program: Program) -> Execution:
        """Run a program to its end, which its limits bound."""
        if (reason := refusal(program) or _limits_refusal(program.limits)) is not None:
            return Execution("refused", reason, executor=self.name)
        if self._waiting >= QUEUED + self.parallel:
            return Execution(
                "unavailable", "too many programs wait already; try again in a few seconds", executor=self.name
            )
        self._waiting += 1
        try:
            return await self._run(program)
        finally:
            self._waiting -= 1

    async def probe(self) -> str:
        """Return the way and the reason for it; raise `PortError` if no program can run."""
        result = await self._ready()
        if not result.cages:
            raise SandboxFailed(result.reason)
        return result.reason

    async def begin(self) -> None:
        """Find the way before the first program needs it."""
        await self._ready()

    def close(self) -> None:
        """End all runs, and their processes."""
        self._keepers.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, program: Program) -> Execution:
        result = await self._ready()
        if ("python" if program.language == "python" else "node") not in result.cages:
            status: Status = "refused" if result.cages else "unavailable"
            return Execution(status, f"{program.language} cannot be run here: {result.reason}", executor=self.name)
        script = compose(program, secrets.token_hex(8))
        try:
            raw = await self.run_script(script, with_room(program))
        except PortError as fault:
            return Execution("unavailable", str(fault), executor=self.name)
        return judge(raw, program, script.mark, self.name)

    async def run_script(self, script: Script, limits: Limits) -> Raw:
        """Run a script unchanged, to its end; `SandboxFailed` if it cannot begin."""
        result = await self._ready()
        cage = result.cages.get("python" if script.kind == "python" else "node")
        if cage is None:
            raise SandboxFailed(result.reason)
        return _raw(await self._do(cage, script, limits))

    async def _do(self, cage: Confinement, script: Script, limits: Limits) -> Report:
        done = threading.Event()
        jobs: list[Job] = []

        def work() -> Report:
            keeper = self._keepers.take()
            try:
                job = cage.job(script, limits, keeper.user, self._seccomp)
                jobs.append(job)
                if done.is_set():
                    raise SandboxFailed("stopped")
                return keeper.run(job)
            finally:
                self._keepers.give_back(keeper)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except asyncio.CancelledError:
            done.set()
            for job in jobs:
                self._keepers.stop(job)
            raise

    async def _ready(self) -> ProbeResult:
        if self._result is not None:
            return self._result
        return await asyncio.get_running_loop().run_in_executor(None, self._find)

    def _find(self) -> ProbeResult:
        with _FINDING:
            if self._choice not in _RESULTS:
                way, with_deno = self._choice
                keeper = self._keepers.take()
                try:
                    _RESULTS[self._choice] = find(
                        lambda cage, script, limits: keeper.run(cage.job(script, limits, keeper.user, self._seccomp)),
                        way,
                        with_deno=with_deno,
                    )
                finally:
                    self._keepers.give_back(keeper)
            self._result = result = _RESULTS[self._choice]
        if self._log is not None:
            level = "info" if result.cages else "warning"
            self._log()(level, "sandbox", reason=result.reason, languages=sorted(result.cages))
        return result


def _version(cage: Confinement) -> str:
    return f"Deno {cage.interpreter.version}" if cage.way == "deno" else cage.interpreter.version


def _limits_refusal(limits: Limits) -> str | None:
    for name, value, least, most in zip(Limits._fields, limits, LEAST, MOST, strict=True):
        if not least <= value <= most:
            return f"{name} is {value}; it may be {least} to {most}"
    return None


def _raw(report: Report) -> Raw:
    head: dict[str, Any] = report.head
    code = head["exit_code"]
    reason = head["reason"]
    signal = code - 128 if code > 128 else -code if code < 0 else None
    name = None if signal is None else SIGNALS.get(signal, f"signal {signal}")
    return Raw(
        stdout=report.stdout.decode(errors="replace"),
        stderr=report.stderr.decode(errors="replace"),
        stdout_truncated=head["truncated"][0],
        stderr_truncated=head["truncated"][1],
        exit_code=None if name is not None or reason else code,
        signal=name,
        limit=None if reason is None else _LIMITS[reason],
        time_ms=head["time_ms"],
        cpu_ms=head["cpu_ms"],
        memory_kb=head["memory_kb"],
        words=f"made more than its limit of {MOST_FILES} files" if reason == "files" else "",
    )
