"""Failures on demand, and the journal of what was asked."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """How a request fails: after `delay` seconds with a `status` (None: as if nothing was wrong).

    `reset` breaks the connection instead; `body` is sent as it is, JSON or not, where there would be Sanity's error, or
    with status None in place of the answer, as a 200.
    """

    status: int | None = None
    delay: float = 0.0
    reset: bool = False
    retry_after: int | None = None
    body: str | None = None


@dataclass(slots=True)
class RequestEntry:
    """A request that came; `status` is how it was answered, None as long as it was not."""

    method: str
    path: str
    query: str | None
    params: dict[str, Any]
    options: dict[str, str]
    token: bool
    status: int | None = None


@dataclass(slots=True)
class Journal:
    """What was asked since the start, and the faults that wait for requests."""

    requests: list[RequestEntry] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)

    def clear(self) -> None:
        """Forget both."""
        self.requests.clear()
        self.faults.clear()

    def fault(self) -> Fault | None:
        """Return the fault that the next request gets, and forget it."""
        return self.faults.popleft() if self.faults else None
