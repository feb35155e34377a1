"""`make dev` and `make dev-workers` leave no process behind, however the first of them ends."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.ports import free_port

from apps import ROOT

pytestmark = pytest.mark.slow

PREREQUISITES = (
    ".venv/bin/python",
    ".venv/.local",
    ".venv/.dev",
    "node_modules/.installed",
    "build/.vendored",
    "assets",
)
TARGETS = ("dev", "dev-workers")
LIMIT = 15.0
"""Seconds after which nothing may be left."""
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]


def parents() -> dict[int, int]:
    """Return the parent of every process that is no zombie."""
    children = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with suppress(OSError):
                state, parent = (place / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    children[int(place.name)] = int(parent)
    return children


def family(pid: int) -> set[int]:
    """Return a process and all below it."""
    parents_ = parents()
    members = {pid}
    while more := {child for child, parent in parents_.items() if parent in members} - members:
        members |= more
    return members


def command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


@contextmanager
def running_target(target: str, state: Path) -> Iterator[tuple[int, set[int]]]:
    """Run a target of make as the first of a process group; yield its id, and those of all that it has started."""
    options = [word for name in PREREQUISITES for word in ("-o", name)]
    env = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    env |= {"PORT": str(free_port()), "STATE": str(state), "APP": "", "HOST": ""}
    process = subprocess.Popen(
        ["make", *options, target], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    members = {process.pid}
    try:
        assert process.stdout is not None
        line = ""
        while not line_is_ready(target, line):
            line = process.stdout.readline()
            assert line, "it has ended"
        members = family(process.pid)
        yield process.pid, members
    finally:
        for pid in members & parents().keys():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=10)


def line_is_ready(target: str, line: str) -> bool:
    return ", state in " in line if target == "dev" else line.startswith("ready in")


def left(members: set[int]) -> list[str]:
    """Wait for all of them to end; return the commands of those that go on."""
    end = time.monotonic() + LIMIT
    while (remaining := members & parents().keys()) and time.monotonic() < end:
        time.sleep(0.1)
    return [command_of(pid) for pid in sorted(remaining)]


def ways(*fast: tuple[str, signal.Signals, bool]) -> list[object]:
    """Return each target with each signal, to the first process or to its group; the slower rest is for `make soak`."""
    cases = [(target, number, group) for target in TARGETS for number in SIGNALS for group in (False, True)]
    return [pytest.param(*case, marks=() if case in fast else pytest.mark.soak) for case in cases]


@pytest.mark.parametrize(
    ("target", "number", "group"),
    ways(
        ("dev", signal.SIGTERM, True),
        ("dev", signal.SIGKILL, False),
        ("dev-workers", signal.SIGTERM, True),
        ("dev-workers", signal.SIGKILL, False),
    ),
)
def test_nothing_is_left_of_a_target(target: str, number: signal.Signals, group: bool, tmp_path: Path) -> None:
    with running_target(target, tmp_path / "state") as (first, members):
        names = " ".join(map(command_of, members))
        assert "sims.tessie" in names
        assert ("workerd" in names) is (target == "dev-workers")
        (os.killpg if group else os.kill)(first, number)
        assert left(members) == []


@pytest.mark.soak
@pytest.mark.parametrize("victim", ["serve.mjs", "guard.py", "pyedge serve"])
def test_workerd_ends_with_its_runner(victim: str, tmp_path: Path) -> None:
    with running_target("dev-workers", tmp_path / "state") as (_, members):
        chosen = [pid for pid in members if victim in command_of(pid) and "workerd serve" not in command_of(pid)]
        os.kill(min(chosen) if victim != "serve.mjs" else max(chosen), signal.SIGKILL)
        assert left(members) == []


@pytest.mark.soak
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_left_when_it_ends_before_it_is_ready(target: str, tmp_path: Path) -> None:
    env = os.environ | {"PORT": str(free_port()), "STATE": str(tmp_path), "APP": "", "HOST": "", "MAKEFLAGS": ""}
    options = [word for name in PREREQUISITES for word in ("-o", name)]
    for delay in (0.3, 1, 2, 3, 4):
        process = subprocess.Popen(["make", *options, target], cwd=ROOT, env=env, start_new_session=True)
        time.sleep(delay)
        members = family(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert left(members) == [], delay
