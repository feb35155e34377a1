"""RateLimiter: calls a period, by key."""

from typing import NamedTuple, Protocol


class Limit(NamedTuple):
    """The limit of a rate limiter: `calls` in each `period` of 10 or 60 seconds."""

    calls: int
    period: int


class RateLimitResult(NamedTuple):
    """The state of a limit after a call: `ok` within it, `left` calls may follow, None if unknown.

    The period is over in `reset` seconds at the latest.
    """

    ok: bool
    limit: Limit
    left: int | None
    reset: int


class RateLimiter(Protocol):
    """A limit of calls a period, for each key separately.

    On Workers each of Cloudflare's locations counts by itself.
    """

    async def take(self, key: str) -> RateLimitResult:
        """Count one call and tell whether it is within the limit."""

    async def probe(self) -> None:
        """Raise `PortError` unless the limiter answers."""
