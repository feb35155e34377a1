"""Ends a process with the one that started it, also where that was killed and could pass nothing on."""

import os
import re
import signal
import threading
import time
from pathlib import Path

LAUNCHER = "LAUNCHER"
"""The variable by which a command, such as make, tells a process whose end is its own."""
INTERVAL = 0.25
GRACE = 8.0
"""Seconds that a process has for an end in good order."""
_ENDING = sum(1 << (number - 1) for number in (signal.SIGHUP, signal.SIGINT))


def follow(parent: int | None, grace: float = GRACE) -> None:
    """Send this process SIGTERM once `parent` has ended or is ending, and end it for good after `grace` seconds.

    A make that gets SIGINT or SIGHUP alone waits for what it runs, without passing the signal on. It has reset the
    signal's handler by then, which is how its end is known (Linux).
    """
    if parent is None:
        return
    caught = _caught(parent)

    def watch() -> None:
        while os.getppid() == parent and not caught & ~_caught(parent):
            time.sleep(INTERVAL)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def launcher() -> int | None:
    """Return the id that the variable has, None where there is none."""
    given = os.environ.get(LAUNCHER, "")
    return int(given) if given.isdigit() else None


def _caught(pid: int) -> int:
    """Return which of the signals that end a command a process handles, as a mask; all of them where unknown."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _ENDING
    mask = re.search(r"^SigCgt:\s*([0-9a-f]+)", status, re.MULTILINE)
    return int(mask[1], 16) & _ENDING if mask else _ENDING
