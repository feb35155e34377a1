"""Flights: who asks the same at the same time gets one answer, and nobody spoils it for the others."""

import asyncio

import pytest

from edge.clients.single_flight import SingleFlight


class Asked:
    """A question that is under way until it is let go; `count` is how often it was asked."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.count, self.fault = 0, fault
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.count += 1
        await self.go.wait()
        if self.fault:
            raise self.fault
        return self.count


def test_fifty_who_ask_at_once_are_one_question() -> None:
    async def run() -> None:
        flights, asked = SingleFlight[str, int](), Asked()
        waiting = [asyncio.ensure_future(flights.join("x", asked)) for _ in range(50)]
        await asyncio.sleep(0)
        asked.go.set()
        assert await asyncio.gather(*waiting) == [1] * 50
        assert await flights.join("x", asked) == 2, "what is over is asked anew"

    asyncio.run(run())


def test_keys_are_asked_for_apart() -> None:
    async def run() -> None:
        flights, asked = SingleFlight[int, int](), Asked()
        asked.go.set()
        await asyncio.gather(*(flights.join(key, asked) for key in (1, 2, 1, 2)))
        assert asked.count == 2

    asyncio.run(run())


@pytest.mark.parametrize("who", [0, 7])
def test_who_leaves_takes_nothing_from_the_others(who: int) -> None:
    async def run() -> None:
        flights, asked = SingleFlight[str, int](), Asked()
        waiting = [asyncio.ensure_future(flights.join("x", asked)) for _ in range(10)]
        await asyncio.sleep(0)
        waiting[who].cancel()
        await asyncio.sleep(0)
        asked.go.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(found.pop(who), asyncio.CancelledError)
        assert found == [1] * 9

    asyncio.run(run())


def test_what_all_have_left_goes_on_for_who_comes_next() -> None:
    async def run() -> None:
        flights, asked = SingleFlight[str, int](), Asked()
        first = asyncio.ensure_future(flights.join("x", asked))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        second = asyncio.ensure_future(flights.join("x", asked))
        await asyncio.sleep(0)
        asked.go.set()
        assert (await second, asked.count) == (1, 1)

    asyncio.run(run())


def test_a_fault_is_told_to_all_and_kept_for_nobody() -> None:
    async def run() -> None:
        flights, asked = SingleFlight[str, int](), Asked(KeyError("gone"))
        asked.go.set()
        found = await asyncio.gather(*(flights.join("x", asked) for _ in range(5)), return_exceptions=True)
        assert [type(one) for one in found] == [KeyError] * 5
        asked.fault = None
        assert await flights.join("x", asked) == 2

    asyncio.run(run())
