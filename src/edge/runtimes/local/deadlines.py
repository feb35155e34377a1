"""Deadlines of the answers under way, looked at by one timer: a timer for each request costs more than its routing."""

import asyncio
from time import monotonic

CHECK_S = 1.0
"""Seconds between two looks: an answer is cut off at most so late."""


class Deadlines:
    """Cancels tasks that take longer than `limit` seconds; tells their own lateness from any other cancellation."""

    __slots__ = ("_began", "_late", "_timer", "limit")

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._began: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> asyncio.Task[object]:
        """Start the time of the running task, and return it."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("deadlines are for tasks")
        self._began[task] = monotonic()
        if self._timer is None:
            loop = task.get_loop()
            self._timer = loop.call_later(CHECK_S, self._check, loop)
        return task

    def end(self, task: asyncio.Task[object]) -> bool:
        """End a task's time; return whether the deadline cancelled it and nothing else did."""
        self._began.pop(task, None)
        if task not in self._late:
            return False
        self._late.discard(task)
        return task.uncancel() == 0

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        before = monotonic() - self.limit
        for task in [task for task, began in self._began.items() if began <= before]:
            del self._began[task]
            self._late.add(task)
            task.cancel()
        self._timer = loop.call_later(CHECK_S, self._check, loop) if self._began else None
