"""The `RateLimiter` port in memory: exact within one process, and reset when it ends."""

import time
from collections.abc import Callable
from hashlib import blake2b

from edge.ports import Limit, RateLimitResult

KEYS = 65_536
"""Most keys that are counted in one period; beyond, the oldest key is reset."""


class LocalRateLimiter:
    """One limiter. All keys' periods begin at multiples of their length since 1970, as at Cloudflare."""

    def __init__(self, limit: Limit, *, keys: int = KEYS, now: Callable[[], float] = time.time) -> None:
        self._limit = limit
        self._keys = keys
        self._now = now
        self._period = 0
        self._counts: dict[bytes, int] = {}

    async def take(self, key: str) -> RateLimitResult:
        now = self._now()
        calls, length = self._limit
        period = int(now // length)
        if period != self._period:
            self._period = period
            self._counts = {}
        name = blake2b(key.encode(errors="surrogatepass"), digest_size=16).digest()  # a key may be of any length
        count = self._counts.get(name, 0)
        reset = max(1, round((period + 1) * length - now))
        if count >= calls:
            return RateLimitResult(False, self._limit, 0, reset)
        if not count and len(self._counts) >= self._keys:
            del self._counts[next(iter(self._counts))]
        self._counts[name] = count + 1
        return RateLimitResult(True, self._limit, calls - count - 1, reset)

    async def probe(self) -> None:
        """Do nothing: memory is always available."""
