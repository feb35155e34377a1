"""The command line of one run under bubblewrap, in its two ways: as root, and as an ordinary user."""

import os
from collections.abc import Mapping, Sequence
from typing import Literal

from edge.clients.execution.compose import Script
from edge.ports.executor import Limits
from edge.runtimes.local.sandbox.interpreters import Interpreter, layout
from edge.runtimes.local.sandbox.run import FILTER_FD, SCRIPT_FD, STATUS_FD, Bounds, Job

type Way = Literal["root", "user", "deno"]

PROCESSES = 40
"""Processes and threads of a run; Node has eleven threads of its own."""
FILES = 64
SCRATCH_BYTES = 16 * 1024 * 1024
"""Bytes that fit into /tmp, and into /dev/shm."""
_WAIT = 'exec 3>&2 2>/dev/null; "$@" 2>&3 3>&-; exit $?'
"""The first process: it waits for the program and reaps its orphans, silently."""

_NAMESPACES = ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
_WAYS: Mapping[Way, tuple[str, ...]] = {
    # The capabilities are for `setpriv`, which drops them all with its change to another user.
    "root": (
        *_NAMESPACES,
        "--cap-drop",
        "ALL",
        "--cap-add",
        "CAP_SETUID",
        "--cap-add",
        "CAP_SETGID",
        "--cap-add",
        "CAP_SETPCAP",
    ),
    "user": (
        *_NAMESPACES,
        "--unshare-user",
        "--disable-userns",
        "--uid",
        "65534",
        "--gid",
        "65534",
        "--cap-drop",
        "ALL",
    ),
}


class Cage:
    """A way of running an interpreter: its whole command line except the parts that differ between two runs."""

    def __init__(self, way: Way, tools: Mapping[str, str], interpreter: Interpreter) -> None:
        self.way = way
        self.interpreter = interpreter
        self._tools = tools
        inner = [tools[name] for name in ("sh", "prlimit", *(["setpriv"] if way == "root" else []))]
        self._tree = _tree([*inner, *interpreter.binds], interpreter.hidden)

    def job(self, script: Script, limits: Limits, user: int, seccomp: bytes) -> Job:
        """Return the run of a script."""
        bounds = Bounds(limits.time_ms, limits.memory_mb * 1024, limits.output_bytes)
        text, stdin = script.text.encode(), script.stdin.encode()
        return Job(self.command(limits, user), self.interpreter.script, bounds, text, stdin, seccomp)

    def command(self, limits: Limits, user: int) -> list[str]:
        """Return the command; `user` is the host's id of the run, which no other run has, in the way of root."""
        tools = self._tools
        script = self.interpreter.script
        outer = [
            tools["bwrap"],
            *_WAYS[self.way],
            "--die-with-parent",
            "--as-pid-1",
            "--new-session",
            "--json-status-fd",
            str(STATUS_FD),
            "--seccomp",
            str(FILTER_FD),
            *self._tree,
            "--perms",
            "0444",
            "--ro-bind-data",
            str(SCRIPT_FD),
            script,
            "--remount-ro",
            "/dev",
            "--remount-ro",
            "/",
            "--chdir",
            "/tmp",
            "--hostname",
            "sandbox",
            "--clearenv",
            *_environment(),
            "--",
        ]
        change = _change(tools["setpriv"], user) if self.way == "root" else []
        if self.way == "user" and os.geteuid() == 0:  # root is not counted, and a namespace of its own changes nothing
            outer = [tools["setpriv"], f"--reuid={user}", f"--regid={user}", "--clear-groups", *outer]
        bounds = [tools["prlimit"], *_bounds(limits), *self.interpreter.memory_options(limits), "--"]
        return [*outer, *change, *bounds, tools["sh"], "-c", _WAIT, "sh", *self.interpreter.start(limits)]


def _tree(paths: Sequence[str], hidden: Sequence[str]) -> list[str]:
    tree = layout(paths)
    command = list[str]()
    for folder in tree.folders:
        command += ["--dir", folder]
    for target, name in tree.links:
        command += ["--symlink", target, name]
    for path in tree.binds:
        command += ["--ro-bind", path, path]
    for path in hidden:
        command += ["--size", "4096", "--tmpfs", path, "--remount-ro", path]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for scratch in ("/tmp", "/dev/shm"):
        command += ["--perms", "1777", "--size", str(SCRATCH_BYTES), "--tmpfs", scratch]
    return command


def _environment() -> list[str]:
    return ["--setenv", "LANG", "C.UTF-8", "--setenv", "HOME", "/tmp", "--setenv", "UV_THREADPOOL_SIZE", "1"]


def _change(setpriv: str, user: int) -> list[str]:
    """Return the command that changes the user, and requests the signal at its parent's end again."""
    return [
        setpriv,
        f"--reuid={user}",
        f"--regid={user}",
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
        "--no-new-privs",
        "--pdeathsig=KILL",
    ]


def _bounds(limits: Limits) -> list[str]:
    """Return the limits of one process; the limit on processor time covers a failure of the wall-clock watcher."""
    seconds = limits.time_ms // 1000 + 1
    return [
        f"--cpu={seconds}:{seconds + 1}",
        f"--nproc={PROCESSES}",
        f"--nofile={FILES}",
        f"--fsize={SCRATCH_BYTES}",
        "--core=0",
        "--memlock=0",
        "--msgqueue=0",
        "--sigpending=256",
        "--stack=8388608",
    ]
