"""Deadlines: late answers are cut off by one timer, and no other cancellation is taken for lateness."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from edge.context import Ports
from edge.errors import Overloaded
from edge.ports import Log
from edge.request import Request
from edge.runtimes.local import in_flight as module
from edge.runtimes.local.in_flight import InFlight
from edge.runtimes.local.log import LocalLog
from edge.settings import Settings


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_S", 0.01)


def within(limit: float) -> InFlight:
    return InFlight(100, 50, limit)


def request(client: str = "192.0.2.1") -> Request:
    async def read(_: int) -> bytes:
        return b""

    return Request("GET", "/", "", {}, read, Ports(Settings({}), {Log: LocalLog()}), client)


async def guarded(deadlines: InFlight, work: Callable[[], Awaitable[object]]) -> str:
    task = deadlines.begin(request())
    assert task is not None
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
        deadlines = within(0.02)
        first = await guarded(deadlines, slow)
        second = await guarded(deadlines, quick_work)
        task = asyncio.current_task()
        assert task is not None
        return first, second, task.cancelling()

    assert asyncio.run(case()) == ("late", "done", 0)


def test_cancellation_by_others_is_no_lateness() -> None:
    async def case() -> bool:
        deadlines = within(30)
        task = asyncio.create_task(guarded(deadlines, slow))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(case())


def test_lateness_and_another_cancellation_at_once_are_a_cancellation() -> None:
    async def case() -> bool:
        deadlines = within(0)
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
        result = await guarded(within(0.02), stubborn)
        task = asyncio.current_task()
        assert task is not None
        return result, task.cancelling()

    assert asyncio.run(case()) == ("done", 0)


def test_only_the_late_are_cut_off() -> None:
    async def brief() -> None:
        await asyncio.sleep(0.05)

    async def case() -> list[str]:
        deadlines = within(60)
        late = asyncio.create_task(guarded(deadlines, slow))
        await asyncio.sleep(0)
        began, asked = deadlines._working[late]
        deadlines._working[late] = (began - 61, asked)
        return list(await asyncio.gather(late, guarded(deadlines, brief), guarded(deadlines, brief)))

    assert asyncio.run(case()) == ["late", "done", "done"]


def test_no_timer_runs_when_nothing_is_under_way() -> None:
    async def case() -> bool:
        deadlines = within(30)
        await guarded(deadlines, quick_work)
        await asyncio.sleep(0.05)
        return deadlines._timer is None

    assert asyncio.run(case())


def test_waiting_for_a_body_takes_no_place_but_time() -> None:
    async def paused(deadlines: InFlight) -> None:
        task = asyncio.current_task()
        assert task is not None
        deadlines.pause(task)
        assert deadlines.used == 0
        await slow()

    async def case() -> str:
        deadlines = within(0.02)
        return await guarded(deadlines, lambda: paused(deadlines))

    assert asyncio.run(case()) == "late"


def test_address_has_its_share_and_all_together_the_total() -> None:
    async def hold(table: InFlight, client: str) -> bool:
        task = table.begin(request(client))
        if task is not None:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            table.end(task)
        return task is not None

    async def case(*clients: str) -> tuple[list[bool], int]:
        table = InFlight(5, 3, 30)
        results = await asyncio.gather(*[hold(table, client) for client in clients])
        return results, table.used

    assert asyncio.run(case(*"aaaa", *"bbb")) == ([True, True, True, False, True, True, False], 0)
    assert asyncio.run(case("", "", "", "", "", "")) == ([True] * 5 + [False], 0)
    network = [f"2001:db8::{number}" for number in range(4)]
    assert asyncio.run(case(*network)) == ([True, True, True, False], 0)


def test_task_without_a_place_cannot_resume() -> None:
    async def case() -> bool:
        table = InFlight(2, 1, 30)
        task = table.begin(request())
        assert task is not None
        assert table.pause(task) is not None
        assert table.pause(task) is None
        other = asyncio.create_task(guarded(table, quick_work))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            table.resume(task)
        await other
        table.resume(task)
        table.end(task)
        return table.used == 0

    assert asyncio.run(case())
