"""RateLimiter: calls a period, by key."""

from typing import NamedTuple, Protocol


class Limit(NamedTuple):
    """The limit of a rate limiter: `calls` in each `period` of 10 or 60 seconds."""

    calls: int
    period: int


class Taken(NamedTuple):
    """Whether a call is within a limit; `left` are those that may follow, None where nobody says.

    The period is over in `reset` seconds at the latest.
    """

    ok: bool
    limit: Limit
    left: int | None
    reset: int


class RateLimiter(Protocol):
    """A limit of calls a period, of each key by itself. On Workers each of Cloudflare's places counts for itself."""

    async def take(self, key: str) -> Taken:
        """Count one call and tell whether it is within the limit."""

    async def probe(self) -> None:
        """Raise `PortError` unless the limiter answers."""
