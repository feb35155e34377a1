"""The `Log` port: one JSON line for each call, to standard output."""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from pydantic_core import to_json

from edge.settings import LOG_LEVELS


def write_stdout(line: bytes) -> None:
    """Write a line at once; a closed pipe is no fault of the app."""
    with suppress(OSError, ValueError):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


class LocalLog:
    """Writes lines at or above `level`. A value that JSON cannot hold is written as its `str`, so a secret as stars."""

    def __init__(self, level: str = "info", write: Callable[[bytes], object] = write_stdout) -> None:
        self._enabled = frozenset(LOG_LEVELS[LOG_LEVELS.index(level) :])
        self._write = write

    def writes(self, level: str) -> bool:
        """Tell whether lines of a level are written."""
        return level in self._enabled

    def __call__(self, level: str, message: str, **fields: object) -> None:
        """Write one line."""
        if level not in self._enabled:
            return
        entry = {"time": datetime.now(UTC), "level": level, "message": message, **fields}
        try:
            line = to_json(entry, inf_nan_mode="null", fallback=str)
        except Exception:  # such as a lone surrogate: a line that reads worse is better than none
            line = json.dumps(entry, default=str).encode()
        self._write(line + b"\n")
