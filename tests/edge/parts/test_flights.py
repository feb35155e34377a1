"""Single flight: equal calls at the same time share one answer, and no caller spoils it for the others."""

import asyncio

import pytest

from edge.clients.single_flight import SingleFlight


class CountedSource:
    """A source that blocks until it is released; `count` is the number of its calls."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.count = 0
        self.fault = fault
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.count += 1
        await self.go.wait()
        if self.fault:
            raise self.fault
        return self.count


def test_fifty_calls_at_once_share_one_flight() -> None:
    async def run() -> None:
        flights = SingleFlight[str, int]()
        source = CountedSource()
        waiting = [asyncio.ensure_future(flights.join("x", source)) for _ in range(50)]
        await asyncio.sleep(0)
        source.go.set()
        assert await asyncio.gather(*waiting) == [1] * 50
        assert await flights.join("x", source) == 2, "what is over is asked anew"

    asyncio.run(run())


def test_who_comes_after_a_flight_is_closed_starts_the_next() -> None:
    async def run() -> None:
        flights = SingleFlight[str, int]()
        early = CountedSource()
        late = CountedSource()
        first = asyncio.ensure_future(flights.join("x", early))
        await asyncio.sleep(0)
        flights.close("x")
        second = asyncio.ensure_future(flights.join("x", late))
        await asyncio.sleep(0)
        early.go.set()
        assert await first == 1
        third = asyncio.ensure_future(flights.join("x", late))  # the end of the first did not end the second
        late.go.set()
        assert [await second, await third] == [1, 1]
        assert early.count == 1
        assert late.count == 1

    asyncio.run(run())


def test_keys_have_separate_flights() -> None:
    async def run() -> None:
        flights = SingleFlight[int, int]()
        source = CountedSource()
        source.go.set()
        await asyncio.gather(*(flights.join(key, source) for key in (1, 2, 1, 2)))
        assert source.count == 2

    asyncio.run(run())


@pytest.mark.parametrize("who", [0, 7])
def test_a_cancelled_caller_takes_nothing_from_the_others(who: int) -> None:
    async def run() -> None:
        flights = SingleFlight[str, int]()
        source = CountedSource()
        waiting = [asyncio.ensure_future(flights.join("x", source)) for _ in range(10)]
        await asyncio.sleep(0)
        waiting[who].cancel()
        await asyncio.sleep(0)
        source.go.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(results.pop(who), asyncio.CancelledError)
        assert results == [1] * 9

    asyncio.run(run())


def test_an_abandoned_flight_continues_for_the_next_caller() -> None:
    async def run() -> None:
        flights = SingleFlight[str, int]()
        source = CountedSource()
        first = asyncio.ensure_future(flights.join("x", source))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        second = asyncio.ensure_future(flights.join("x", source))
        await asyncio.sleep(0)
        source.go.set()
        assert (await second, source.count) == (1, 1)

    asyncio.run(run())


def test_a_fault_reaches_all_callers_and_is_not_cached() -> None:
    async def run() -> None:
        flights = SingleFlight[str, int]()
        source = CountedSource(KeyError("gone"))
        source.go.set()
        results = await asyncio.gather(*(flights.join("x", source) for _ in range(5)), return_exceptions=True)
        assert [type(result) for result in results] == [KeyError] * 5
        source.fault = None
        assert await flights.join("x", source) == 2

    asyncio.run(run())
