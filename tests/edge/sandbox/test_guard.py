"""A keeper or its guard that is killed while a run begins leaves no process."""

import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
from tests.edge.sandbox.executors import can_hold
from tests.edge.sandbox.test_holding import children, is_alive

from edge.ports.executor import Limits
from edge.runtimes.local.sandbox.command import Cage, Way
from edge.runtimes.local.sandbox.interpreters import python_at, python_here, tools
from edge.runtimes.local.sandbox.keepers import Keeper, SandboxFailed
from edge.runtimes.local.sandbox.run import Bounds, Job
from edge.runtimes.local.sandbox.seccomp import filter_here

pytestmark = pytest.mark.slow

SLEEP = b"import time\ntime.sleep(600)"
LIMITS = Limits(10_000, 128, 1000)


def with_mark(mark: str) -> set[int]:
    """Return the live processes with a text in their command or environment."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            texts = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
            if mark.encode() in texts and is_alive(int(path.name)):
                found.add(int(path.name))
    return found


def wait_until_empty(mark: str) -> set[int]:
    deadline = time.monotonic() + 5
    while (left := with_mark(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def kill_while_it_begins(way: Way, seconds: float, victim: Literal["keeper", "guard"]) -> set[int]:
    """Start a run, kill a process of its keeper some moments later, and return the processes that are left."""
    interpreter = python_here() if way == "root" else python_at("/usr/bin/python3")
    assert interpreter is not None
    keeper = Keeper(9)
    mark = secrets.token_hex(8)
    command = Cage(way, tools(), interpreter).command(LIMITS, keeper.user)
    place = command.index("--clearenv") + 1
    command[place:place] = ["--setenv", "MARK", mark]
    bounds = Bounds(LIMITS.time_ms, LIMITS.memory_mb * 1024, LIMITS.output_bytes)
    job = Job(command, "/main.py", bounds, SLEEP, b"", filter_here() or b"")

    def work() -> None:
        with suppress(SandboxFailed):
            keeper.run(job)

    guard = keeper._started().pid
    while not (pids := children(guard)):
        time.sleep(0.01)
    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(seconds)
    os.kill(pids[0] if victim == "keeper" else guard, signal.SIGKILL)
    if victim == "guard":
        keeper.stop(job)
    thread.join(20)
    keeper.close()
    left = wait_until_empty(mark)
    for process in left:
        os.kill(process, signal.SIGKILL)
    return left


def needs(way: Way) -> None:
    if not can_hold(way):
        pytest.skip(f"bubblewrap makes no namespaces in the way of {way} here")


@pytest.mark.parametrize("way", ["root", "user"])
def test_keeper_that_is_killed_while_a_run_begins_leaves_nothing(way: Way) -> None:
    needs(way)
    for seconds in (0.004, 0.012, 0.03):
        assert not kill_while_it_begins(way, seconds, "keeper")


@pytest.mark.parametrize("way", ["root", "user"])
def test_guard_that_is_killed_leaves_nothing(way: Way) -> None:
    needs(way)
    assert not kill_while_it_begins(way, 0.03, "guard")


@pytest.mark.soak
@pytest.mark.parametrize("way", ["root", "user"])
def test_keepers_that_are_killed_at_any_moment_leave_nothing(way: Way) -> None:
    needs(way)
    moments = random.Random(17)
    for _ in range(60):
        assert not kill_while_it_begins(way, moments.random() * 0.08, "keeper")


ELSEWHERE = """
import asyncio, fcntl, os, platform
for module, start in ((fcntl, "F_SEAL"), (os, "pidfd_"), (os, "memfd_"), (os, "MFD_")):
    for name in [name for name in dir(module) if name.startswith(start)]:
        delattr(module, name)
platform.system = lambda: "Darwin"
from edge.runtimes.local.sandbox.sandbox import LocalSandbox
box = LocalSandbox(slots=1, with_deno=True)
assert asyncio.run(box.languages()) == {}
print(box._result.reason)
"""


def test_system_without_linux_calls_runs_nothing_and_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        env={"PYTHONPATH": str(Path(__file__).parents[3] / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "bubblewrap needs Linux, this is Darwin" in done.stdout
