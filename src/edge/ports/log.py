"""Log: structured lines on the console."""

from typing import Protocol


class Log(Protocol):
    """Structured log lines on the console."""

    def __call__(self, level: str, message: str, **fields: object) -> None:
        """Write one line. `level` is debug, info, warning or error."""

    def writes(self, level: str) -> bool:
        """Tell whether lines of a level are written, for a line whose fields cost something."""
