"""Ends a process with the one that started it, also where that was killed and could pass nothing on."""

import os
import signal
import threading
import time

LAUNCHER = "LAUNCHER"
"""The variable by which a command, such as make, tells a process whose end is its own."""
INTERVAL = 0.25
GRACE = 8.0
"""Seconds that a process has for an end in good order."""


def follow(parent: int | None, grace: float = GRACE) -> None:
    """Send this process SIGTERM once `parent` is its parent no longer, and end it for good after `grace` seconds."""
    if parent is None:
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(INTERVAL)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def launcher() -> int | None:
    """Return the id that the variable has, None where there is none."""
    given = os.environ.get(LAUNCHER, "")
    return int(given) if given.isdigit() else None
