"""Cases that every `Throttle` passes. Each uses names of its own."""

import asyncio
from collections.abc import Awaitable, Callable

from edge.ports import Pace, Throttle, Window

type Case = Callable[[Throttle], Awaitable[None]]

SLOW = Pace(rate=0.5, burst=2)
MINUTE = Window(calls=3, seconds=60.0)


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
    assert len({round(wait) for wait in waits[2:]}) == 8


async def bucket_refills_over_time(throttle: Throttle) -> None:
    quick = Pace(rate=20.0, burst=1)
    assert await throttle.reserve("refills", quick) == 0.0
    await asyncio.sleep(0.2)
    assert await throttle.reserve("refills", quick) == 0.0


async def each_name_has_its_own_bucket(throttle: Throttle) -> None:
    for name in ("a", "b", " ", "Ünï 🚗", "n" * 500):
        assert await throttle.reserve(name, SLOW) == 0.0, name[:10]


async def window_admits_its_calls_at_once_and_no_more(throttle: Throttle) -> None:
    waits = await asyncio.gather(*(throttle.admit("window", MINUTE) for _ in range(12)))
    assert sorted(waits)[:3] == [0.0, 0.0, 0.0]
    assert all(50 < wait <= 60 for wait in sorted(waits)[3:])


async def refused_call_takes_no_place_in_the_window(throttle: Throttle) -> None:
    short = Window(calls=1, seconds=0.3)
    assert await throttle.admit("refused", short) == 0.0
    refused = [await throttle.admit("refused", short, patience=0.05) for _ in range(5)]
    assert all(0.05 < wait <= 0.3 for wait in refused)
    await asyncio.sleep(0.35)
    assert await throttle.admit("refused", short) == 0.0


async def patient_calls_wait_one_after_another(throttle: Throttle) -> None:
    waits = [await throttle.admit("patient", MINUTE, patience=300.0) for _ in range(7)]
    assert waits[:3] == [0.0, 0.0, 0.0]
    assert all(55 < wait <= 60 for wait in waits[3:6])
    assert 115 < waits[6] <= 120


async def smaller_window_leaves_calls_to_others(throttle: Throttle) -> None:
    modest = Window(calls=1, seconds=60.0)
    assert await throttle.admit("both", modest) == 0.0
    assert await throttle.admit("both", modest) > 50
    assert [await throttle.admit("both", MINUTE) for _ in range(2)] == [0.0, 0.0]
    assert await throttle.admit("both", MINUTE) > 50


async def pause_holds_all_calls_of_its_name(throttle: Throttle) -> None:
    await throttle.pause("paused", 0.4)
    await throttle.pause("paused", 0.1)
    assert 0.2 < await throttle.admit("paused", MINUTE) <= 0.4
    assert await throttle.admit("not paused", MINUTE) == 0.0
    await asyncio.sleep(0.45)
    assert await throttle.admit("paused", MINUTE) == 0.0


async def probe_answers(throttle: Throttle) -> None:
    await throttle.probe()


CASES: list[Case] = [
    burst_waits_for_nothing,
    calls_beyond_the_burst_wait_for_the_rate,
    simultaneous_calls_share_one_bucket,
    bucket_refills_over_time,
    each_name_has_its_own_bucket,
    window_admits_its_calls_at_once_and_no_more,
    refused_call_takes_no_place_in_the_window,
    patient_calls_wait_one_after_another,
    smaller_window_leaves_calls_to_others,
    pause_holds_all_calls_of_its_name,
    probe_answers,
]
