"""Deadlines: late answers are cut off by one timer, and no other cancellation is taken for lateness."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from edge.runtimes.local import deadlines as module
from edge.runtimes.local.deadlines import Deadlines


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_S", 0.01)


async def guarded(deadlines: Deadlines, work: Callable[[], Awaitable[object]]) -> str:
    task = deadlines.begin()
    try:
        await work()
    except asyncio.CancelledError:
        if not deadlines.end(task):
            raise
        return "late"
    finally:
        deadlines.end(task)
    return "done"


async def slow() -> None:
    await asyncio.sleep(30)


async def quick_work() -> None:
    await asyncio.sleep(0)


def test_late_work_is_cut_off_and_its_task_goes_on() -> None:
    async def case() -> tuple[str, str, int]:
        deadlines = Deadlines(0.02)
        first = await guarded(deadlines, slow)
        second = await guarded(deadlines, quick_work)
        task = asyncio.current_task()
        assert task is not None
        return first, second, task.cancelling()

    assert asyncio.run(case()) == ("late", "done", 0)


def test_cancellation_by_others_is_no_lateness() -> None:
    async def case() -> bool:
        deadlines = Deadlines(30)
        task = asyncio.create_task(guarded(deadlines, slow))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(case())


def test_lateness_and_another_cancellation_at_once_are_a_cancellation() -> None:
    async def case() -> bool:
        deadlines = Deadlines(0)
        task = asyncio.create_task(guarded(deadlines, slow))
        await asyncio.sleep(0)
        deadlines._check(asyncio.get_running_loop())
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(case())


def test_work_that_swallows_the_cancellation_leaves_no_trace() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            return

    async def case() -> tuple[str, int]:
        result = await guarded(Deadlines(0.02), stubborn)
        task = asyncio.current_task()
        assert task is not None
        return result, task.cancelling()

    assert asyncio.run(case()) == ("done", 0)


def test_only_the_late_are_cut_off() -> None:
    async def brief() -> None:
        await asyncio.sleep(0.05)

    async def case() -> list[str]:
        deadlines = Deadlines(60)
        late = asyncio.create_task(guarded(deadlines, slow))
        await asyncio.sleep(0)
        deadlines._began[late] -= 61
        return list(await asyncio.gather(late, guarded(deadlines, brief), guarded(deadlines, brief)))

    assert asyncio.run(case()) == ["late", "done", "done"]


def test_no_timer_runs_when_nothing_is_under_way() -> None:
    async def case() -> bool:
        deadlines = Deadlines(30)
        await guarded(deadlines, quick_work)
        await asyncio.sleep(0.05)
        return deadlines._timer is None

    assert asyncio.run(case())
