"""What every `Events` keeps and sends. Each case gets a log that may hold events of the cases before it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, cast

from tests.contracts.expected import refused

from edge.access import ADMIN, Actor
from edge.events import Frame
from edge.live import Draft, Events, Follow
from edge.ports import LimitExceeded, PortError

type Case = Callable[[Events], Awaitable[None]]

ACTOR = Actor("tester", ADMIN)


async def no_frames(frame: Frame) -> dict[str, Any]:
    raise AssertionError(frame)


async def last_of(events: Events) -> int:
    return (await events.read(0, limit=1)).last


async def frames(events: Events, follow: Follow) -> AsyncIterator[str]:
    """Yield the frames of a stream as they come, without their empty line."""
    body = await events.stream(follow)
    buffer = b""
    async with aclosing(cast("Any", aiter(body))) as parts:
        async for part in parts:
            *whole, buffer = (buffer + part).split(b"\n\n")
            for frame in whole:
                yield frame.decode()


async def numbers(events: Events, follow: Follow, count: int) -> list[int]:
    """Return the numbers of the next events of a stream."""
    found: list[int] = []
    async with aclosing(cast("Any", frames(events, follow))) as stream:
        async for frame in stream:
            if frame.startswith("id: "):
                found.append(int(frame[4:].partition("\n")[0]))
                if len(found) == count:
                    break
    return found


async def what_is_forgotten_is_gone_and_the_numbers_go_on(events: Events) -> None:
    await events.publish([Draft("forget.me", "secret"), Draft("forget.me", "secret"), Draft("kept", None)])
    last = await last_of(events)
    await events.forget()
    page = await events.read(0)
    assert ([event.type for event in page.events], page.oldest, page.last) == (["kept"], last, last)
    assert await events.publish([Draft("a.next", None)]) == last + 1
    assert [event.sequence for event in (await events.read(0)).events] == [last, last + 1]


async def events_have_numbers_without_gaps(events: Events) -> None:
    before = await last_of(events)
    assert await events.publish([Draft("a.one", {})]) == before + 1
    assert await events.publish([Draft("a.two", {}), Draft("a.three", {})]) == before + 3
    page = await events.read(before)
    assert [(event.sequence - before, event.type) for event in page.events] == [
        (1, "a.one"),
        (2, "a.two"),
        (3, "a.three"),
    ]
    assert page.last == before + 3


async def an_event_is_a_cloud_event(events: Events) -> None:
    data: dict[str, Any] = {"text": 'ü \U0001f697 " \\ \n', "nested": [1, 2.5, None, True, {"a": []}]}
    number = await events.publish([Draft("a.cloud", data, "5YJ3E1EA7KF000001")])
    event = json.loads((await events.read(number - 1)).events[0].json)
    assert event.pop("time").endswith("Z")
    assert event == {
        "specversion": "1.0",
        "id": str(number),
        "source": "/events",
        "type": "a.cloud",
        "sequence": f"{number:016d}",
        "datacontenttype": "application/json",
        "subject": "5YJ3E1EA7KF000001",
        "data": data,
    }


async def publishing_is_all_or_nothing(events: Events) -> None:
    before = await last_of(events)
    await refused(PortError, events.publish([Draft("a.good", 1), Draft("a.bad", object())]))
    await refused(LimitExceeded, events.publish([Draft("a.good", 1), Draft("a.large", "x" * 300_000)]))
    assert await last_of(events) == before
    assert await events.publish([Draft("a.next", 1)]) == before + 1


async def publishers_at_once_leave_no_gap(events: Events) -> None:
    before = await last_of(events)
    given = await asyncio.gather(*(events.publish([Draft("a.burst", n)] * 3) for n in range(20)))
    assert sorted(given) == [before + 3 * n for n in range(1, 21)]
    page = await events.read(before, limit=100)
    assert [event.sequence for event in page.events] == [*range(before + 1, before + 61)]


async def reading_filters_by_type(events: Events) -> None:
    before = await last_of(events)
    await events.publish([Draft(type_, {}) for type_ in ("a.b", "a.bc", "b", "a.b.c")])
    for types, expected in (
        (["a.b"], ["a.b"]),
        (["a.*"], ["a.b", "a.bc", "a.b.c"]),
        (["a.b.*", "b"], ["b", "a.b.c"]),
        (["none"], []),
        ([], ["a.b", "a.bc", "b", "a.b.c"]),
    ):
        assert [event.type for event in (await events.read(before, types=types)).events] == expected
    assert [event.type for event in (await events.read(before, types=["a.*"], limit=2)).events] == ["a.b", "a.bc"]


async def a_stream_begins_at_once(events: Events) -> None:
    async with aclosing(cast("Any", frames(events, Follow(ACTOR)))) as stream:
        assert (await anext(stream)).startswith("retry: 2000")


async def a_stream_begins_after_a_number(events: Events) -> None:
    before = await last_of(events)
    await events.publish([Draft("a.n", n) for n in range(500)])
    wanted = [*range(before + 101, before + 501)]
    assert await numbers(events, Follow(ACTOR, before + 100), 400) == wanted


async def a_stream_goes_on_with_what_comes(events: Events) -> None:
    before = await last_of(events)
    await events.publish([Draft("a.old", 1)])
    reading = asyncio.ensure_future(numbers(events, Follow(ACTOR, before), 31))
    for n in range(30):
        await events.publish([Draft("a.new", n)])
    assert await reading == [*range(before + 1, before + 32)]


async def a_stream_filters_by_type(events: Events) -> None:
    before = await last_of(events)
    await events.publish([Draft(type_, {}) for type_ in ("a.b", "b", "a.c", "b")])
    reading = asyncio.ensure_future(numbers(events, Follow(ACTOR, before, ("b", "c.*")), 3))
    await events.publish([Draft("d", {}), Draft("c.d", {})])
    assert await reading == [before + 2, before + 4, before + 6]


async def a_stream_tells_of_a_number_that_the_log_has_not_come_to(events: Events) -> None:
    last = await last_of(events)
    async with aclosing(cast("Any", frames(events, Follow(ACTOR, last + 1000)))) as stream:
        assert (await anext(stream)).startswith("retry: ")
        told = json.loads((await anext(stream)).removeprefix("data: "))
    assert (told["type"], told["data"]["since"], told["data"]["last"]) == ("live.gap", last + 1000, last)


async def readers_come_and_go(events: Events) -> None:
    before = await last_of(events)
    await events.publish([Draft("a.n", n) for n in range(60)])
    for start in range(0, 60, 7):
        count = min(7, 60 - start)
        wanted = [*range(before + start + 1, before + start + count + 1)]
        assert await numbers(events, Follow(ACTOR, before + start), count) == wanted


async def probe_answers(events: Events) -> None:
    await events.probe()


CASES: list[Case] = [
    events_have_numbers_without_gaps,
    what_is_forgotten_is_gone_and_the_numbers_go_on,
    an_event_is_a_cloud_event,
    publishing_is_all_or_nothing,
    publishers_at_once_leave_no_gap,
    reading_filters_by_type,
    a_stream_begins_at_once,
    a_stream_begins_after_a_number,
    a_stream_goes_on_with_what_comes,
    a_stream_filters_by_type,
    a_stream_tells_of_a_number_that_the_log_has_not_come_to,
    readers_come_and_go,
    probe_answers,
]
