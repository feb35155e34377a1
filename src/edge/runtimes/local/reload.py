"""Reload on edit: the process restarts with its socket open, so that no connection is refused meanwhile."""

import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn

from watchfiles import Change, awatch, watch

_STARTED = time.time()
_LOOK_AGAIN_MS = 500
"""Milliseconds between two looks for files that were edited before the watcher started."""


async def wait_for_edit(folder: Path) -> None:
    """Return once a Python file below the folder is edited, also if that was while this process started."""
    async for changes in awatch(folder, watch_filter=_is_python, rust_timeout=_LOOK_AGAIN_MS, yield_on_timeout=True):
        if changes or _edited_since_start(folder):
            return


def wait(folder: Path) -> None:
    """Log and block until a Python file below the folder is edited, also if that was since this process started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts its background jobs deaf to it
    print("waiting for an edit", file=sys.stderr, flush=True)
    for changes in watch(folder, watch_filter=_is_python, rust_timeout=_LOOK_AGAIN_MS, yield_on_timeout=True):
        if changes or _edited_since_start(folder):
            return


def restart(listening: socket.socket, variable: str) -> NoReturn:
    """Restart in this process as a fresh interpreter; `variable` tells it the number of its socket."""
    listening.set_inheritable(True)
    os.environ[variable] = str(listening.fileno())
    sys.stdout.flush()
    os.execv(sys.executable, sys.orig_argv)


def _edited_since_start(folder: Path) -> bool:
    return any(_STARTED < file.stat().st_mtime <= time.time() for file in folder.rglob("*.py"))


def _is_python(_change: Change, path: str) -> bool:
    return path.endswith(".py")
