"""Failures on demand, and the journal of requests."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure of a request: after `delay` seconds with a `status` (None: the usual answer).

    `reset` breaks the connection instead. `body` is sent unchanged, JSON or not, in place of Sanity's error; with
    status None, in place of the answer, as a 200.
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
    """The requests since the start, and the faults for the next requests."""

    requests: list[RequestEntry] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)

    def clear(self) -> None:
        """Forget both."""
        self.requests.clear()
        self.faults.clear()

    def fault(self) -> Fault | None:
        """Return the fault that the next request gets, and forget it."""
        return self.faults.popleft() if self.faults else None
