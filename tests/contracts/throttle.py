"""Cases that every `Throttle` passes. Each uses names of its own."""

import asyncio
from collections.abc import Awaitable, Callable

from edge.ports import Pace, Throttle

type Case = Callable[[Throttle], Awaitable[None]]

SLOW = Pace(rate=0.5, burst=2)


async def burst_waits_for_nothing(throttle: Throttle) -> None:
    assert [await throttle.reserve("burst", SLOW) for _ in range(2)] == [0.0, 0.0]


async def calls_beyond_the_burst_wait_for_the_rate(throttle: Throttle) -> None:
    waits = [await throttle.reserve("beyond", SLOW) for _ in range(4)]
    assert waits[:2] == [0.0, 0.0]
    assert 0.5 < waits[2] <= 2.0
    assert 2.5 < waits[3] <= 4.0


async def simultaneous_calls_share_one_bucket(throttle: Throttle) -> None:
    waits = sorted(await asyncio.gather(*(throttle.reserve("shared", SLOW) for _ in range(10))))
    assert waits[:2] == [0.0, 0.0]
    assert 10 < waits[-1] <= 16.0
    assert len({round(one) for one in waits[2:]}) == 8


async def bucket_refills_over_time(throttle: Throttle) -> None:
    quick = Pace(rate=20.0, burst=1)
    assert await throttle.reserve("refills", quick) == 0.0
    await asyncio.sleep(0.2)
    assert await throttle.reserve("refills", quick) == 0.0


async def each_name_has_its_own_bucket(throttle: Throttle) -> None:
    for name in ("a", "b", " ", "Ünï 🚗", "n" * 500):
        assert await throttle.reserve(name, SLOW) == 0.0, name[:10]


async def probe_answers(throttle: Throttle) -> None:
    await throttle.probe()


CASES: list[Case] = [
    burst_waits_for_nothing,
    calls_beyond_the_burst_wait_for_the_rate,
    simultaneous_calls_share_one_bucket,
    bucket_refills_over_time,
    each_name_has_its_own_bucket,
    probe_answers,
]
