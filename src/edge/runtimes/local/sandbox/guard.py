"""The parent of a keeper: it ends what a keeper that was killed has left.

Bubblewrap asks for a signal at its parent's end only some milliseconds after its start, and its inner half may wait for
the outer one without end. So the guard adopts all orphans below it, and kills them when the keeper has ended.
"""

import os
import signal
from contextlib import suppress

from edge.runtimes.local.sandbox.run import children_of

_PR_SET_CHILD_SUBREAPER = 36


def guarded() -> None:
    """Fork, and return in the child alone; the parent ends with the child, and after all that the child started."""
    ready, ready_end = os.pipe()
    keeper = os.fork()
    if keeper:
        os.close(ready)
        _adopt_orphans()
        os.close(ready_end)
        _outlive(keeper)
        os._exit(0)
    os.close(ready_end)
    os.read(ready, 1)  # nothing may start before its orphans would be adopted
    os.close(ready)


def _adopt_orphans() -> None:
    import ctypes  # noqa: PLC0415 - the keeper's own memory is the least that a program can be measured with

    with suppress(OSError, AttributeError):  # Linux alone has it
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _outlive(keeper: int) -> None:
    """Wait for the keeper's end, and then kill every child, until there is none."""
    with suppress(ChildProcessError):
        while os.wait()[0] != keeper:
            pass
        while True:
            for child in children_of(os.getpid()):
                with suppress(OSError):
                    os.kill(child, signal.SIGKILL)
            os.wait()
