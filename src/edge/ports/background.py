"""Background: work that goes on after the response."""

from collections.abc import Coroutine
from typing import Any, Protocol


class Background(Protocol):
    """Work that goes on after the response."""

    def add(self, work: Coroutine[Any, Any, object]) -> None:
        """Run `work` to its end after the response; a failure is logged, and nobody waits for it."""
