"""The services beside an app in development: stand-ins, each a process that ends with this one."""

import json
import os
import subprocess
import sys
from typing import Any

from apps import ROOT


def begin(module: str, *arguments: str) -> dict[str, Any]:
    """Start a stand-in on a free port and return its description of itself. It ends when its input does."""
    path = os.pathsep.join([str(ROOT / "tools"), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--port", "0", "--until-eof", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C is for the server, which still talks to it while it stops
    )
    assert process.stdin is not None
    assert process.stdout is not None
    os.set_inheritable(process.stdin.fileno(), True)
    answer = json.loads(process.stdout.readline() or "null")
    if answer is None:
        raise SystemExit(f"error: the stand-in {module} did not start")
    _RUNNING.append(process)
    ready: dict[str, Any] = answer
    return ready


def end_all() -> None:
    """End the stand-ins that were begun, and wait for their ends."""
    while _RUNNING:
        with _RUNNING.pop():  # closes its input
            pass


_RUNNING: list[subprocess.Popen[str]] = []
"""Kept, so that their inputs stay open as long as this process, and the server that it becomes."""
