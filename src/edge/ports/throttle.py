"""Throttle: token buckets by name, shared by all isolates."""

from typing import NamedTuple, Protocol


class Pace(NamedTuple):
    """A token bucket: `rate` calls a second over time, and `burst` calls at once."""

    rate: float
    burst: int


class Throttle(Protocol):
    """Token buckets by name, shared by all isolates of a Worker or all processes on one state folder."""

    async def reserve(self, name: str, pace: Pace) -> float:
        """Reserve one call in the bucket `name` and return the seconds to wait before making it."""

    async def probe(self) -> None:
        """Raise `PortError` unless the throttle answers."""
