"""The answers in flight: at most so many at once, in all and of one address, and each within a time limit.

One table serves both: a counter and a timer for each request cost more than its routing.
"""

import asyncio
from time import monotonic

from edge.auth.limits import network
from edge.errors import Overloaded
from edge.request import Request

CHECK_S = 1.0
"""Seconds between two looks at the deadlines: an answer is cut off at most so late."""


type Entry = tuple[float, Request]
"""The time at which an answer began, and its request."""


class InFlight:
    """Gives each answer a place, and cancels its task after `limit` seconds.

    An answer that waits for its request's body has no place, but its time goes on. An address has at most `share` of
    the `total` places.
    """

    __slots__ = ("_late", "_timer", "_waiting", "_working", "limit", "share", "total")

    def __init__(self, total: int, share: int, limit: float) -> None:
        self.total = total
        self.share = share
        self.limit = limit
        self._working: dict[asyncio.Task[object], Entry] = {}
        self._waiting: dict[asyncio.Task[object], Entry] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def used(self) -> int:
        """The number of places that are taken."""
        return len(self._working)

    def begin(self, request: Request) -> asyncio.Task[object] | None:
        """Give the running task a place, start its time and return it; None if no place is left."""
        if len(self._working) >= self.share and self._is_full(request):
            return None
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be cut off")
        self._working[task] = (monotonic(), request)
        if self._timer is None:
            loop = task.get_loop()
            self._timer = loop.call_later(CHECK_S, self._check, loop)
        return task

    def pause(self, task: asyncio.Task[object]) -> Request | None:
        """Give up a task's place, and return its request; None if it has no place."""
        began = self._working.pop(task, None)
        if began is None:
            return None
        self._waiting[task] = began
        return began[1]

    def resume(self, task: asyncio.Task[object]) -> None:
        """Give a task its place again; `Overloaded` if none is left."""
        began = self._waiting[task]
        if len(self._working) >= self.share and self._is_full(began[1]):
            raise self.full()
        del self._waiting[task]
        self._working[task] = began

    def end(self, task: asyncio.Task[object]) -> bool:
        """End a task's time and give up its place; return whether the deadline cancelled it and nothing else did."""
        if self._working.pop(task, None) is None:
            self._waiting.pop(task, None)
        if not self._late or task not in self._late:
            return False
        self._late.discard(task)
        return task.uncancel() == 0

    def full(self) -> Overloaded:
        """Return the problem for a request without a place."""
        return Overloaded(f"at most {self.total} requests are served at once, {self.share} of one address")

    def _is_full(self, request: Request) -> bool:
        """Tell whether no place is left, in all or for a request's address; counted only if there may be none."""
        if len(self._working) >= self.total:
            return True
        address = network(request.client)
        if not address:  # a Unix socket's clients have no share of their own
            return False
        return sum(network(other.client) == address for _, other in self._working.values()) >= self.share

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        before = monotonic() - self.limit
        for table in (self._working, self._waiting):
            for task in [task for task, (at, _) in table.items() if at <= before]:
                if task not in self._late:
                    self._late.add(task)
                    task.cancel()
        is_idle = not self._working and not self._waiting
        self._timer = None if is_idle else loop.call_later(CHECK_S, self._check, loop)
