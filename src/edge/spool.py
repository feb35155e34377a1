"""What is written after the response: items kept in their order and written together, as many as have come."""

from collections.abc import Awaitable, Callable, Iterable

from edge.ports import Background, Log, PortError

MOST = 10_000
"""Items that may wait; what comes beyond is lost, as memory is not."""


class Spool[T]:
    """Writes what is added, in its order, at most `size` items at once; `what` names the items in the log."""

    def __init__(
        self, write: Callable[[list[T]], Awaitable[object]], background: Background, log: Log, what: str, size: int = 50
    ) -> None:
        self._write, self._background, self._log = write, background, log
        self._what, self._size = what, size
        self._waiting: list[T] = []
        self._is_writing = False
        self._lost = 0

    def add(self, items: Iterable[T]) -> None:
        """Keep items to be written in the background. Where that fails they are lost, and the log says how many."""
        self._waiting += items
        if (over := len(self._waiting) - MOST) > 0:
            del self._waiting[MOST:]
            self._lost += over
        if not self._is_writing and self._waiting:
            self._is_writing = True
            self._background.add(self._drain())

    async def _drain(self) -> None:
        batch: list[T] = []
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
                await self._write(batch)
                if self._lost:
                    self._log("error", f"{self._what} came faster than they can be written", lost=self._lost)
                    self._lost = 0
        except PortError as fault:
            lost = len(batch) + len(self._waiting)
            self._log("error", f"{self._what} not written", lost=lost, error=str(fault))
            self._waiting.clear()
        finally:
            self._is_writing = False
