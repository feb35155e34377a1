"""Executors on this machine: the sandbox, and the dialects of remote ones over stand-ins."""

import asyncio
import os
import subprocess
from collections.abc import Coroutine
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, Self

import pytest

from edge.clients.execution.judge0 import Judge0
from edge.clients.execution.piston import Piston
from edge.clients.execution.remote import Server
from edge.ports.executor import Execution, Executor, Program
from edge.runtimes.local.fetch import LocalFetch
from edge.runtimes.local.sandbox.command import Way
from edge.runtimes.local.sandbox.probe import ways
from edge.runtimes.local.sandbox.sandbox import LocalSandbox
from sims.judge0 import Judge0Sim
from sims.piston import PistonSim

KEY = "an-executor-key"


def can_hold(way: Way) -> bool:
    """Tell whether bubblewrap is here and may make namespaces, by the plainest command."""
    if way not in ways():
        return False
    become = (
        ["setpriv", "--reuid=61000", "--regid=61000", "--clear-groups"] if way == "user" and not os.getuid() else []
    )
    spaces = ["--unshare-user", "--disable-userns"] if way == "user" else []
    plain = ["bwrap", "--unshare-pid", *spaces, "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    return subprocess.run([*become, *plain], capture_output=True, timeout=20, check=False).returncode == 0


needs_sandbox = pytest.mark.skipif(
    not any(can_hold(way) for way in ways()), reason="bubblewrap is not installed, or may make no namespaces here"
)


class QuickClock:
    """A clock that sleeps a tenth of the requested time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 10)


class Remote:
    """An executor behind HTTP, with its stand-in."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.kind = kind
        self.sim: Any = PistonSim(key=KEY, **options) if kind == "piston" else Judge0Sim(key=KEY, **options)
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        self._opened.enter_context(self.sim)
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def run(self, program: Program, key: str = KEY) -> Execution:
        ended: Execution = self.use(lambda executor: executor.run(program), key)
        return ended

    def use(self, work: Any, key: str = KEY) -> Any:
        async def all_of_it() -> Any:
            fetch = LocalFetch()
            try:
                return await work(self.executor(fetch, key))
            finally:
                await fetch.close()

        return asyncio.run(all_of_it())

    def executor(self, fetch: LocalFetch, key: str = KEY) -> Executor:
        if self.kind == "piston":
            return Piston(Server(fetch, self.sim.api, {"authorization": key}))
        return Judge0(Server(fetch, self.sim.url, {"x-auth-token": key}), QuickClock())


class Here:
    """The sandbox of this machine."""

    kind = "sandbox"

    def __init__(self) -> None:
        self.box = LocalSandbox(slots=2)

    def run(self, program: Program) -> Execution:
        ended: Execution = self.use(lambda executor: executor.run(program))
        return ended

    def use(self, work: Any) -> Any:
        async def all_of_it() -> Any:
            return await work(self.box)

        return _run(all_of_it())


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)
