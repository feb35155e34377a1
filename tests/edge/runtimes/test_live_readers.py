"""Readers of live events: the backlog of each is bounded, and so is the memory of all in catch-up."""

import asyncio
from time import monotonic

from edge.access import ADMIN, Actor
from edge.ports.events import Event, Follow
from edge.runtimes import live_wire as wire
from edge.runtimes.live_readers import Budget, Direct, Payload, Reader, fan_out, send_heartbeats
from edge.runtimes.live_wire import Close

BOSS = Actor("boss", ADMIN)


def reader() -> Reader:
    return Reader(Follow(BOSS), wire.sse)


def test_backlog_is_taken_in_slices_and_one_large_event_alone() -> None:
    async def run() -> list[list[int]]:
        reader_ = reader()
        for size in (30_000, 30_000, 30_000, 200_000, 10, 10):
            reader_.push(b"x" * size, size)
        messages = []
        while batch := reader_.pop():
            messages.append([len(part) for part in batch])
        assert reader_.size == 0
        return messages

    assert asyncio.run(run()) == [[30_000, 30_000], [30_000], [200_000], [10, 10]]


def test_reader_that_takes_nothing_holds_no_more_than_its_bound() -> None:
    async def run() -> None:
        reader_, fast = reader(), reader()
        for number in range(1, 100):
            fan_out(Event(number, "a.b", "x" * 50_000), [reader_, fast])
            assert sum(map(len, await fast.take())) > 50_000
            assert reader_.size <= wire.BEHIND_LIMIT
        assert (reader_.closed, reader_.size, await reader_.take()) == (Close.TOO_SLOW, 0, [])
        assert fast.closed is None

    asyncio.run(run())


def test_event_is_made_once_for_all_readers() -> None:
    async def run() -> None:
        some = [reader() for _ in range(50)]
        fan_out(Event(1, "a.b", "{}"), some)
        assert len({id((await reader_.take())[0]) for reader_ in some}) == 1

    asyncio.run(run())


def test_each_beat_reaches_a_reader_that_was_given_an_event_before() -> None:
    async def run() -> list[object]:
        reader_ = reader()
        fan_out(Event(1, "a.b", "{}"), [reader_])
        reader_.pop()
        send_heartbeats([reader_], 1)
        return list(reader_.pop())

    assert asyncio.run(run()) == [wire.BEAT]


class Holding:
    """A reader that holds a page until it is closed."""

    closed: Close | None = None

    def close(self, why: Close) -> None:
        self.closed = why


async def reserved(budget: Budget, holder: Holding, size: int) -> Holding:
    await budget.reserve(holder)
    budget.hold(holder, size)
    return holder


def test_readers_in_catch_up_hold_so_much_together_and_the_slowest_goes() -> None:
    """Those that wait for room hold nothing, and come to it by and by, in their order."""
    page = 300_000
    limit = 1_000_000

    async def run() -> None:
        budget = Budget(limit, grace=0.2)
        slow = [Holding() for _ in range(10)]
        tasks = [asyncio.create_task(reserved(budget, reader_, page)) for reader_ in slow]
        await asyncio.sleep(0.1)
        assert [task.done() for task in tasks] == [True] * 3 + [False] * 7
        began = monotonic()
        fast = Holding()
        await asyncio.wait_for(reserved(budget, fast, 1000), 5)
        assert monotonic() - began < 3
        assert budget._total <= limit + page
        assert [reader_.closed for reader_ in slow[:7]] == [Close.TOO_SLOW] * 7
        assert fast.closed is None
        for reader_ in (*slow, fast):
            budget.release(reader_)
        assert budget._total == 0
        await asyncio.gather(*tasks)

    asyncio.run(run())


def test_room_that_is_given_back_is_taken_at_once() -> None:
    async def run() -> None:
        budget = Budget(300_000, grace=60)
        first, second = Holding(), Holding()
        await reserved(budget, first, 250_000)
        waiting = asyncio.create_task(reserved(budget, second, 100))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        budget.release(first)
        assert await asyncio.wait_for(waiting, 1) is second
        assert (first.closed, second.closed) == (None, None)

    asyncio.run(run())


def test_reader_that_leaves_while_it_waits_for_room_holds_up_nobody() -> None:
    async def run() -> None:
        budget = Budget(300_000, grace=60)
        first, second, third = Holding(), Holding(), Holding()
        await reserved(budget, first, 250_000)
        waiting = [asyncio.create_task(reserved(budget, reader_, 100)) for reader_ in (second, third)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()
        await asyncio.sleep(0.05)
        budget.release(first)
        assert await asyncio.wait_for(waiting[1], 1) is third

    asyncio.run(run())


class Line:
    """A connection that may be full."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_full = False

    def write(self, data: bytes) -> bool:
        if not self.is_full:
            self.sent.append(data)
        return not self.is_full


def framed(payload: Payload) -> bytes:
    assert isinstance(payload, bytes)
    return b"<%b>" % payload


def test_idle_readers_get_an_event_at_once_by_one_frame() -> None:
    async def run() -> None:
        lines = [Line() for _ in range(20)]
        readers = [reader() for _ in lines]
        for reader_, line in zip(readers, lines, strict=True):
            reader_.direct = Direct(line.write, framed)
        taking = [asyncio.create_task(reader_.take()) for reader_ in readers]
        await asyncio.sleep(0)
        fan_out(Event(1, "a.b", "{}"), readers)
        send_heartbeats(readers, 1)
        assert [line.sent for line in lines] == [[b"<id: 1\ndata: {}\n\n>", b"<: heartbeat\n\n>"]] * 20
        assert len({id(line.sent[0]) for line in lines}) == 1
        assert not any(task.done() for task in taking)
        for reader_ in readers:
            reader_.close(Close.GOING_AWAY)
        fan_out(Event(2, "a.b", "{}"), readers)
        assert {len(line.sent) for line in lines} == {2}
        assert await asyncio.gather(*taking) == [[]] * 20

    asyncio.run(run())


def test_event_waits_in_the_backlog_of_a_reader_that_is_behind() -> None:
    async def run() -> None:
        line = Line()
        reader_ = reader()
        reader_.direct = Direct(line.write, framed)
        fan_out(Event(1, "a.b", "{}"), [reader_])  # it does not wait yet: something before may be on its way
        assert line.sent == []
        assert await reader_.take() == [b"id: 1\ndata: {}\n\n"]
        taking = asyncio.create_task(reader_.take())
        await asyncio.sleep(0)
        line.is_full = True
        fan_out(Event(2, "a.b", "{}"), [reader_])
        line.is_full = False
        fan_out(Event(3, "a.b", "{}"), [reader_])  # not before the second
        assert line.sent == []
        assert await taking == [b"id: 2\ndata: {}\n\n", b"id: 3\ndata: {}\n\n"]

    asyncio.run(run())


def test_large_event_goes_by_the_backlog_in_slices() -> None:
    async def run() -> None:
        line = Line()
        reader_ = reader()
        reader_.direct = Direct(line.write, framed)
        taking = asyncio.create_task(reader_.take())
        await asyncio.sleep(0)
        fan_out(Event(1, "a.b", "x" * wire.SLICE), [reader_])
        assert line.sent == []
        assert len(await taking) == 1

    asyncio.run(run())
