"""The contract of every `Clock` and `Background`."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from edge.ports import Background, Clock

type Case = Callable[[Clock, Background], Awaitable[None]]


async def now_is_aware_and_in_utc(clock: Clock, _: Background) -> None:
    assert clock.now().utcoffset() == timedelta(0)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


async def sleep_lets_time_pass(clock: Clock, _: Background) -> None:
    before = clock.now()
    await clock.sleep(0.01)
    assert clock.now() > before


async def background_work_is_not_awaited_and_runs(clock: Clock, background: Background) -> None:
    done = []

    async def work() -> None:
        await clock.sleep(0.01)
        done.append(1)

    background.add(work())
    assert done == []
    while not done:
        await clock.sleep(0.01)


async def a_failure_in_the_background_reaches_nobody(clock: Clock, background: Background) -> None:
    reached = []

    async def work() -> None:
        reached.append(1)
        raise ValueError("this is in the log")

    background.add(work())
    while not reached:
        await clock.sleep(0.01)
    background.add(clock.sleep(0))


CASES: list[Case] = [
    now_is_aware_and_in_utc,
    sleep_lets_time_pass,
    background_work_is_not_awaited_and_runs,
    a_failure_in_the_background_reaches_nobody,
]
