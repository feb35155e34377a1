"""Discogs' limit: a moving window of 60 seconds, 60 calls with a key and 25 without one, sent in headers."""

from collections import deque
from collections.abc import Callable

WITH_KEY = 60
WITHOUT_KEY = 25


class Window:
    """The calls of the last `seconds`; a refused call counts for nothing."""

    def __init__(self, clock: Callable[[], float], seconds: float = 60.0) -> None:
        self.seconds = seconds
        self.most_used = 0
        self.refused = 0
        self._clock = clock
        self._calls: deque[float] = deque()

    def take(self, limit: int) -> bool:
        """Count a call and tell whether it is within the limit."""
        if self.used() >= limit:
            self.refused += 1
            return False
        self._calls.append(self._clock())
        self.most_used = max(self.most_used, len(self._calls))
        return True

    def used(self) -> int:
        """Return the calls of the window."""
        start = self._clock() - self.seconds
        while self._calls and self._calls[0] <= start:
            self._calls.popleft()
        return len(self._calls)

    def fill(self, calls: int) -> None:
        """Count calls of another user of the same address."""
        self._calls.extend([self._clock()] * calls)

    def headers(self, limit: int) -> dict[str, str]:
        """Return the limit's headers."""
        used = self.used()
        return {
            "X-Discogs-Ratelimit": str(limit),
            "X-Discogs-Ratelimit-Used": str(used),
            "X-Discogs-Ratelimit-Remaining": str(max(0, limit - used)),
        }

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()
        self.most_used = self.refused = 0
