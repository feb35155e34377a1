"""Throttle: budgets of calls by name, shared by all isolates."""

from typing import NamedTuple, Protocol


class Pace(NamedTuple):
    """A token bucket: `rate` calls a second over time, and `burst` calls at once."""

    rate: float
    burst: int


class Window(NamedTuple):
    """A moving window: at most `calls` in any `seconds`."""

    calls: int
    seconds: float


class Throttle(Protocol):
    """Budgets by name, shared by all isolates of a Worker or all processes on one state folder.

    A name has a token bucket, and apart from it the times of its calls in a moving window.
    """

    async def reserve(self, name: str, pace: Pace) -> float:
        """Reserve one call in the bucket `name` and return the seconds to wait before making it."""

    async def admit(self, name: str, window: Window, patience: float = 0.0) -> float:
        """Reserve one call in a moving window and return the seconds to wait before making it.

        If these are more than `patience` nothing is reserved. Callers may give one name smaller windows than others do,
        so that they leave calls for these.
        """

    async def pause(self, name: str, seconds: float) -> None:
        """Admit no call of `name` to its window for these seconds, as the server that counts the calls requested."""

    async def probe(self) -> None:
        """Raise `PortError` unless the throttle answers."""
