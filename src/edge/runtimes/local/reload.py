"""Reload on edit: the process begins again with its socket open, so that no connection is refused meanwhile."""

import os
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn

from watchfiles import Change, awatch, watch

_STARTED = time.time()


async def edited(folder: Path) -> None:
    """Return once a Python file below the folder is edited, also if that was while this process started."""
    if _edited_since_start(folder):
        return
    async for _ in awatch(folder, watch_filter=_is_python):
        return


def wait(folder: Path) -> None:
    """Block until a Python file below the folder is edited."""
    next(watch(folder, watch_filter=_is_python, raise_interrupt=True))


def restart(listening: socket.socket, variable: str) -> NoReturn:
    """Begin again as a fresh interpreter in this process; `variable` tells it the number of its socket."""
    listening.set_inheritable(True)
    os.environ[variable] = str(listening.fileno())
    sys.stdout.flush()
    os.execv(sys.executable, sys.orig_argv)


def _edited_since_start(folder: Path) -> bool:
    return any(_STARTED < file.stat().st_mtime <= time.time() for file in folder.rglob("*.py"))


def _is_python(_change: Change, path: str) -> bool:
    return path.endswith(".py")
