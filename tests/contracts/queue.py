"""The contract of every `Queue`. `received` waits for a number of messages."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from tests.contracts.expected import refused

from edge.ports import LimitExceeded, PortError, Queue

type Received = Callable[[int], Awaitable[list[Any]]]
type Case = Callable[[Queue, Received], Awaitable[None]]


async def messages_are_received(queue: Queue, received: Received) -> None:
    bodies = [{"a": [1, None, True, "ü"]}, "text", 7, None, [], 1.5]
    for body in bodies:
        await queue.send(body)
    got = await received(len(bodies))
    assert all(got.count(body) == bodies.count(body) for body in bodies)


async def a_batch_is_received(queue: Queue, received: Received) -> None:
    await queue.send_batch([{"n": number} for number in range(100)])
    assert sorted(body["n"] for body in await received(100)) == list(range(100))


async def values_arrive_as_json_has_them(queue: Queue, received: Received) -> None:
    sent_and_got: list[tuple[Any, Any]] = [
        (True, True),
        (2**53 - 1, 9_007_199_254_740_991),
        (1 - 2**53, -9_007_199_254_740_991),
        (1e308, 1e308),
        (0.1 + 0.2, 0.30000000000000004),
        ((1, ("a",)), [1, ["a"]]),
        (datetime(2026, 1, 2, 3, 4, 5, 678, UTC), "2026-01-02T03:04:05.000678Z"),
        ('Ünï 🚗\0\n\u2028"\\', 'Ünï 🚗\0\n\u2028"\\'),
        ("ü".encode(), "ü"),
        ({"__proto__": {"": None}, "1": {"0": [[[]]]}}, {"__proto__": {"": None}, "1": {"0": [[[]]]}}),
    ]
    await queue.send_batch([[number, sent] for number, (sent, _) in enumerate(sent_and_got)])
    arrived = dict(await received(len(sent_and_got)))
    assert [arrived[number] for number in range(len(sent_and_got))] == [got for _, got in sent_and_got]
    assert arrived[0] is True


async def unfaithful_messages_are_refused(queue: Queue, received: Received) -> None:
    circle: list[Any] = []
    circle.append(circle)
    deep: list[Any] = []
    for _ in range(220):
        deep = [deep]
    for body in (2**53, [{"a": -(2**53)}], 10**30, float("nan"), [float("-inf")], "\ud800", b"\xff", circle, deep):
        await refused(PortError, queue.send(body))
    await queue.send(["1234567890123456789012", 0.1234567890123456789, "NaN"])
    assert await received(1) == [["1234567890123456789012", 0.1234567890123456789, "NaN"]]


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
    messages_are_received,
    a_batch_is_received,
    values_arrive_as_json_has_them,
    unfaithful_messages_are_refused,
    limits_hold,
    a_batch_is_taken_whole_or_not,
    probe_answers,
]
