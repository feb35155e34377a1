"""What every `Queue` takes and refuses. `received` waits for as many messages as it is asked for."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.contracts.expected import refused

from edge.ports import LimitExceeded, PortError, Queue

type Received = Callable[[int], Awaitable[list[Any]]]
type Case = Callable[[Queue, Received], Awaitable[None]]


async def what_is_sent_is_received(queue: Queue, received: Received) -> None:
    bodies = [{"a": [1, None, True, "ü"]}, "text", 7, None, [], 1.5]
    for body in bodies:
        await queue.send(body)
    got = await received(len(bodies))
    assert all(got.count(body) == bodies.count(body) for body in bodies)


async def a_batch_is_received(queue: Queue, received: Received) -> None:
    await queue.send_batch([{"n": number} for number in range(100)])
    assert sorted(body["n"] for body in await received(100)) == list(range(100))


async def limits_hold(queue: Queue, received: Received) -> None:
    await refused(LimitExceeded, queue.send("x" * 128_001))
    await refused(LimitExceeded, queue.send_batch([1] * 101))
    await refused(LimitExceeded, queue.send_batch(["x" * 100_000] * 3))
    for delay in (-1, 43_201):
        await refused(LimitExceeded, queue.send("x", delay=delay))
    await refused(PortError, queue.send(object()))
    await queue.send("after the refusals")
    assert await received(1) == ["after the refusals"]


async def a_batch_is_taken_whole_or_not(queue: Queue, received: Received) -> None:
    await refused(LimitExceeded, queue.send_batch(["small", "x" * 128_001]))
    await refused(PortError, queue.send_batch(["small", object()]))
    await queue.send("alone")
    assert await received(1) == ["alone"]


async def probe_answers(queue: Queue, _: Received) -> None:
    await queue.probe()


CASES: list[Case] = [
    what_is_sent_is_received,
    a_batch_is_received,
    limits_hold,
    a_batch_is_taken_whole_or_not,
    probe_answers,
]
