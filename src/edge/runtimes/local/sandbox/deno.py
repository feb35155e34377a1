"""Deno without permissions: JavaScript and TypeScript where bubblewrap does not work, if SANDBOX_FALLBACK asks for it.

Deno refuses files, network, environment, processes and libraries by itself. A program that is the entry file may still
import files of the machine, so a harness in a `data:` module compiles it, and imports of the program are refused.
"""

import base64
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from edge.clients.execution.compose import Script
from edge.ports.executor import Limits
from edge.runtimes.local.sandbox.command import PROCESSES, Way
from edge.runtimes.local.sandbox.interpreters import Interpreter
from edge.runtimes.local.sandbox.run import Bounds, Job, Own

OVERHEAD_MB = 640
"""Private memory that an idle Deno reserves; it uses far less."""
_PACKAGES = {"x86_64": "linux-x64-glibc", "aarch64": "linux-arm64-glibc"}
_VERSION = re.compile(r"deno (2\.\d+\.\d+)")
_OPTIONS = ("--no-prompt", "--no-config", "--no-lock", "--no-npm", "--no-remote", "--cached-only", "--no-code-cache")


class DenoCage:
    """A way of running JavaScript: Deno's command, with no permission."""

    way: Way = "deno"

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        harness = Path(__file__).with_name("harness_deno.txt").read_bytes()
        self._entry = f"data:text/javascript;base64,{base64.b64encode(harness).decode()}"

    def command(self, limits: Limits) -> list[str]:
        """Return the command of a program, which comes by standard input."""
        flags = f"--v8-flags=--max-old-space-size={limits.memory_mb},--stack-trace-limit=10"
        return [*self.interpreter.command, *_OPTIONS, flags, self._entry]

    def job(self, script: Script, limits: Limits, user: int, seccomp: bytes) -> Job:
        """Return the run of a script; `user` is the host's id of the run if the server is root."""
        own = Own(user, (limits.memory_mb + OVERHEAD_MB) << 20, limits.time_ms // 1000 + 1, PROCESSES)
        bounds = Bounds(limits.time_ms, limits.memory_mb * 1024, limits.output_bytes)
        return Job(self.command(limits), "", bounds, script.text.encode(), script.stdin.encode(), seccomp, own)


def deno_here() -> Interpreter | None:
    """Return the Deno on PATH or of the npm package `deno` in the current folder; None if none starts."""
    for path in _candidates():
        binary = os.path.realpath(path)
        try:
            done = subprocess.run([binary, "--version"], capture_output=True, timeout=10, check=False, env={})
        except (OSError, subprocess.SubprocessError):
            continue
        if (version := _VERSION.match(done.stdout.decode(errors="replace"))) is not None:
            return Interpreter("deno", version[1], (binary, "run"), ())
    return None


def _candidates() -> Iterator[str]:
    yield str(Path("node_modules", "@deno", _PACKAGES.get(platform.machine(), "none"), "deno"))
    if (path := shutil.which("deno")) is not None:
        yield path
