"""Runs a command until it ends or its owner does: `python guard.py FD COMMAND…`; FD is a pipe that the owner holds.

Nothing of the command's process group is left afterwards: a workerd that has lost its Node would run for ever.
"""

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress

GRACE = 4.0
"""Seconds that the command has for its own end once the owner is gone."""
INTERVAL = 0.2


def main(lifeline: int, command: list[str]) -> int:
    """Run the command in a group of its own, end that group with it, and return its status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # the owner decides; a handler is not inherited, ignoring would be
    child = subprocess.Popen(command, process_group=0)
    os.close(0)  # the command's input ends with the owner's side of it
    while child.poll() is None:
        if select.select([lifeline], [], [], INTERVAL)[0]:
            with suppress(subprocess.TimeoutExpired):
                child.wait(GRACE)
            break
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
