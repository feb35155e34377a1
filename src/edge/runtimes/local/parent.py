"""Ends a process with its parent, also if the parent was killed and could pass no signal on."""

import os
import re
import signal
import threading
import time
from pathlib import Path

LAUNCHER = "LAUNCHER"
"""The variable by which a command, such as make, asks a process to end with it."""
INTERVAL = 0.25
GRACE = 8.0
"""Seconds that a process has for an orderly end."""
_ENDING = sum(1 << (number - 1) for number in (signal.SIGHUP, signal.SIGINT))


def follow(parent: int | None, grace: float = GRACE) -> None:
    """Send this process SIGTERM once `parent` has ended or is ending, and SIGKILL after `grace` seconds.

    A make that gets SIGINT or SIGHUP alone waits for its command, without passing the signal on. It has reset the
    signal's handler by then, which shows that it is ending (Linux).
    """
    if parent is None:
        return
    caught = _handled_signals(parent)

    def watch() -> None:
        while os.getppid() == parent and not caught & ~_handled_signals(parent):
            time.sleep(INTERVAL)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def launcher_pid() -> int | None:
    """Return the process id in the variable, None if there is none."""
    text = os.environ.get(LAUNCHER, "")
    return int(text) if text.isdigit() else None


def _handled_signals(pid: int) -> int:
    """Return a mask of the ending signals that a process handles; all of them if unknown."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _ENDING
    mask = re.search(r"^SigCgt:\s*([0-9a-f]+)", status, re.MULTILINE)
    return int(mask[1], 16) & _ENDING if mask else _ENDING
