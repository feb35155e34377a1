"""The contract of every `RateLimiter` that allows three calls in ten seconds. Each case uses keys of its own."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from edge.ports import Limit, RateLimiter

LIMIT = Limit(3, 10)


class Periods(Protocol):
    """The passing of the limiter's periods."""

    async def steady(self) -> None:
        """Return when the period is not about to end."""

    async def next(self) -> None:
        """Return when the next period has begun."""


type Case = Callable[[RateLimiter, Periods], Awaitable[None]]


class RealPeriods:
    """The periods of the wall clock."""

    async def steady(self) -> None:
        if self._left() < 3:
            await self.next()

    async def next(self) -> None:
        await asyncio.sleep(self._left() + 0.1)

    def _left(self) -> float:
        return LIMIT.period - time.time() % LIMIT.period


async def take_many(limiter: RateLimiter, key: str, count: int) -> list[bool]:
    """Count calls one after the other."""
    return [(await limiter.take(key)).ok for _ in range(count)]


async def calls_over_the_limit_are_refused(limiter: RateLimiter, periods: Periods) -> None:
    await periods.steady()
    assert await take_many(limiter, "over", 5) == [True, True, True, False, False]


async def each_key_has_a_limit_of_its_own(limiter: RateLimiter, periods: Periods) -> None:
    await periods.steady()
    assert await take_many(limiter, "one", 4) == [True, True, True, False]
    assert await take_many(limiter, "other", 4) == [True, True, True, False]


async def the_next_period_begins_anew(limiter: RateLimiter, periods: Periods) -> None:
    await periods.steady()
    assert await take_many(limiter, "anew", 4) == [True, True, True, False]
    await periods.next()
    assert await take_many(limiter, "anew", 4) == [True, True, True, False]


async def calls_at_once_are_all_counted(limiter: RateLimiter, periods: Periods) -> None:
    await periods.steady()
    verdicts = await asyncio.gather(*(limiter.take("at once") for _ in range(20)))
    assert sum(verdict.ok for verdict in verdicts) == LIMIT.calls


async def any_text_is_a_key(limiter: RateLimiter, periods: Periods) -> None:
    await periods.steady()
    for key in ("", " ", "Ünï 🚗", 'a"b\\c', "a\nb", "nul\0", "nul", "k" * 5_000, "k" * 5_001):
        assert await take_many(limiter, key, 4) == [True, True, True, False], key[:10]


async def probe_answers_and_takes_from_nobody(limiter: RateLimiter, periods: Periods) -> None:
    await periods.steady()
    for _ in range(LIMIT.calls + 1):
        await limiter.probe()
    assert await take_many(limiter, "nobody", 3) == [True, True, True]


async def remaining_calls_are_returned_if_known(limiter: RateLimiter, periods: Periods) -> None:
    await periods.steady()
    verdicts = [await limiter.take("told") for _ in range(4)]
    assert [verdict.limit for verdict in verdicts] == [LIMIT] * 4
    assert [verdict.left for verdict in verdicts] in ([2, 1, 0, 0], [None] * 4)
    assert all(0 < verdict.reset <= LIMIT.period for verdict in verdicts)


CASES: list[Case] = [
    remaining_calls_are_returned_if_known,
    calls_over_the_limit_are_refused,
    each_key_has_a_limit_of_its_own,
    the_next_period_begins_anew,
    calls_at_once_are_all_counted,
    any_text_is_a_key,
    probe_answers_and_takes_from_nobody,
]
