"""The contract of every `Events`. Each case gets a log that may hold events of the cases before it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from time import time
from typing import Any, cast

from tests.contracts.expected import refused

from edge.access import ADMIN, OPERATOR, READER, Actor
from edge.app import App
from edge.context import Ports
from edge.errors import Unauthorized
from edge.ports import LimitExceeded, Log, PortError
from edge.ports.events import Audience, Draft, Events, Follow, Page, TooManyConnections
from edge.runtimes.live_wire import BEGINNING, documents
from edge.settings import Settings

type Case = Callable[[Events], Awaitable[None]]

ACTOR = Actor("tester", ADMIN)
AUDIENCES = {"of.*": Audience.SUBJECT, "by.caller": Audience.CALLER, "for.admins": Audience.ADMIN}
AUDIENCES |= {"for.person": Audience.PERSON}
REVOKED, AWAY = "revoked", "away"


async def revalidate(actor: Actor) -> Actor:
    """Check a credential: that of `REVOKED` has ended, that of `AWAY` cannot be checked."""
    if actor.name == REVOKED:
        raise Unauthorized("the key was revoked")
    if actor.name == AWAY:
        raise PortError("the database is away")
    return actor


async def nobody(_request: object) -> Actor:
    """Identify nobody: these apps have no routes."""
    raise Unauthorized("there is nobody")


def app(**parts: Any) -> App:
    """Return an app that is nothing but the declaration of live events."""
    parts = {"authenticate": nobody, "audiences": AUDIENCES, "revalidate": revalidate, **parts}
    return App("events", version="1", settings=Settings, resources=[], **parts)


def no_ports() -> Ports:
    """Return ports with a log that is silent."""
    return Ports(Settings({}), {Log: _silent})


def _silent(level: str, message: str, **fields: object) -> None:
    """Write nothing."""


async def page_of(events: Events, since: int, limit: int = 100, *types: str) -> Page:
    """Return the events after a number, as an administrator gets them."""
    return await events.read(Follow(ACTOR, since, types), limit=limit)


async def last_of(events: Events) -> int:
    return (await page_of(events, 0, 1)).last


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
    seen: list[int] = []
    async with aclosing(cast("Any", frames(events, follow))) as stream:
        async for frame in stream:
            if frame.startswith("id: "):
                seen.append(int(frame[4:].partition("\n")[0]))
                if len(seen) == count:
                    break
    return seen


async def dropped_events_are_gone_and_the_numbers_continue(events: Events) -> None:
    await events.publish([Draft("forget.me", "secret"), Draft("forget.me", "secret"), Draft("kept", None)])
    last = await last_of(events)
    await events.forget()
    page = await page_of(events, 0)
    assert ([event.type for event in page.events], page.oldest, page.last) == (["kept"], last, last)
    assert await events.publish([Draft("a.next", None)]) == last + 1
    assert [event.sequence for event in (await page_of(events, 0)).events] == [last, last + 1]


async def erased_callers_events_reach_nobody_and_their_numbers_stay(events: Events) -> None:
    before = await last_of(events)
    drafts = [Draft(type_, "secret", None, name) for name in ("eve", "adam") for type_ in ("for.person", "by.caller")]
    await events.publish([*drafts, Draft("kept", None)])
    await events.erase("eve")
    readers = {name: Actor(name, READER, is_member=True) for name in ("eve", "adam")} | {"admin": ACTOR}
    got = {
        name: [event.sequence - before for event in (await events.read(Follow(actor, before))).events]
        for name, actor in readers.items()
    }
    assert got == {"eve": [], "adam": [3, 4], "admin": [4, 5]}
    assert await events.publish([Draft("a.next", None)]) == before + 6


async def events_have_numbers_without_gaps(events: Events) -> None:
    before = await last_of(events)
    assert await events.publish([Draft("a.one", {})]) == before + 1
    assert await events.publish([Draft("a.two", {}), Draft("a.three", {})]) == before + 3
    page = await page_of(events, before)
    assert [(event.sequence - before, event.type) for event in page.events] == [
        (1, "a.one"),
        (2, "a.two"),
        (3, "a.three"),
    ]
    assert page.last == before + 3


async def an_event_is_a_cloud_event(events: Events) -> None:
    data: dict[str, Any] = {"text": 'ü \U0001f697 " \\ \n', "nested": [1, 2.5, None, True, {"a": []}]}
    number = await events.publish([Draft("a.cloud", data, "5YJ3E1EA7KF000001")])
    event = json.loads((await page_of(events, number - 1)).events[0].json)
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
    published = await asyncio.gather(*(events.publish([Draft("a.burst", n)] * 3) for n in range(20)))
    assert sorted(published) == [before + 3 * n for n in range(1, 21)]
    page = await page_of(events, before)
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
        assert [event.type for event in (await page_of(events, before, 100, *types)).events] == expected
    assert [event.type for event in (await page_of(events, before, 2, "a.*")).events] == ["a.b", "a.bc"]


async def a_stream_begins_at_once(events: Events) -> None:
    async with aclosing(cast("Any", frames(events, Follow(ACTOR)))) as stream:
        assert (await anext(stream)).startswith("retry: 2000")


async def a_stream_begins_after_a_number(events: Events) -> None:
    before = await last_of(events)
    await events.publish([Draft("a.n", n) for n in range(500)])
    expected = [*range(before + 101, before + 501)]
    assert await numbers(events, Follow(ACTOR, before + 100), 400) == expected


async def a_stream_continues_with_new_events(events: Events) -> None:
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
        message = json.loads((await anext(stream)).removeprefix("data: "))
    assert (message["type"], message["data"]["since"], message["data"]["last"]) == ("live.gap", last + 1000, last)


async def readers_come_and_go(events: Events) -> None:
    before = await last_of(events)
    await events.publish([Draft("a.n", n) for n in range(60)])
    for start in range(0, 60, 7):
        count = min(7, 60 - start)
        expected = [*range(before + start + 1, before + start + count + 1)]
        assert await numbers(events, Follow(ACTOR, before + start), count) == expected


CARS = ("car-1", "car-2")
READERS = {
    "admin": Actor("boss", ADMIN),
    "bound admin": Actor("boss", ADMIN, frozenset(CARS[:1])),
    "unbound": Actor("phone", READER),
    "other": Actor("tablet", OPERATOR),
    "bound": Actor("phone", READER, frozenset(CARS[:1])),
    "bound to both": Actor("phone", READER, frozenset(CARS)),
    "bound to another": Actor("tablet", READER, frozenset(CARS[1:])),
    "bound to nothing": Actor("phone", READER, frozenset()),
    "user": Actor("ada", READER, is_member=True),
    "namesake": Actor("ada", ADMIN),
}
SEEN: list[tuple[Draft, set[str]]] = [
    (Draft("of.all", 1), {"admin", "namesake", "user", "unbound", "other"}),
    (
        Draft("of.car", 1, CARS[0]),
        {"admin", "namesake", "user", "unbound", "other", "bound", "bound to both", "bound admin"},
    ),
    (
        Draft("of.car", 1, CARS[1]),
        {"admin", "namesake", "user", "unbound", "other", "bound to both", "bound to another"},
    ),
    (Draft("for.admins", 1), {"admin", "namesake"}),
    (Draft("for.admins", 1, CARS[0]), {"admin", "namesake"}),
    (Draft("undeclared", 1), {"admin", "namesake"}),
    (Draft("undeclared", 1, CARS[0], "phone"), {"admin", "namesake"}),
    (Draft("by.caller", 1), {"admin", "namesake"}),
    (Draft("by.caller", 1, CARS[0]), {"admin", "namesake"}),
    (Draft("by.caller", 1, None, "phone"), {"admin", "namesake", "unbound"}),
    (Draft("by.caller", 1, CARS[0], "phone"), {"admin", "namesake", "unbound"}),
    (Draft("by.caller", 1, None, "phone", CARS[:1]), {"admin", "namesake", "unbound", "bound", "bound to both"}),
    (Draft("by.caller", 1, None, "phone", CARS), {"admin", "namesake", "unbound", "bound to both"}),
    (Draft("by.caller", 1, None, "tablet", CARS[1:]), {"admin", "namesake", "other", "bound to another"}),
    (Draft("by.caller", 1, None, "boss", CARS[:1]), {"admin", "namesake", "bound admin"}),
    (Draft("for.person", 1, None, "ada"), {"user"}),
    (Draft("for.person", 1, CARS[0], "ada", CARS[:1]), {"user"}),
    (Draft("for.person", 1), set()),
    (Draft("for.person", 1, None, "boss"), set()),
]
"""Events, and the readers that get each: all others do not."""


async def an_event_reaches_its_audience_alone(events: Events) -> None:
    """The same rule holds for reading, for the log's past events, and for new ones."""
    before = await last_of(events)
    drafts = [draft for draft, _ in SEEN]
    ended = [Draft("of.end", None, car) for car in CARS]

    async def followed(name: str, since: int | None) -> list[int]:
        """Return the numbers that a reader gets, up to those of the end."""
        seen: list[int] = []
        async with aclosing(cast("Any", frames(events, Follow(READERS[name], since)))) as stream:
            async for frame in stream:
                if frame.startswith("retry: "):
                    begun.append(name)
                elif frame.startswith("id: "):
                    if '"of.end"' in frame:
                        return seen
                    seen.append(int(frame[4:].partition("\n")[0]) - before)
        raise AssertionError(name)

    begun: list[str] = []
    some = [name for name in READERS if name != "bound to nothing"]  # which gets no event, not even the end
    live = [asyncio.ensure_future(followed(name, before)) for name in some]
    while len(begun) < len(live):  # noqa: ASYNC110 - an Event is not shared with what runs in other requests
        await asyncio.sleep(0.01)
    await events.publish(drafts)
    await events.publish(ended)
    count = len(SEEN)
    expected = {name: [n for n, (_, readers) in enumerate(SEEN, 1) if name in readers] for name in READERS}
    for name, reading in zip(some, live, strict=True):
        assert await reading == expected[name], f"live: {name}"
        assert await followed(name, before) == expected[name], f"from the log: {name}"
    for name, actor in READERS.items():
        page = await events.read(Follow(actor, before))
        seen = [event.sequence - before for event in page.events if event.sequence <= before + count]
        assert seen == expected[name], f"read: {name}"


async def an_audience_is_not_sent(events: Events) -> None:
    number = await events.publish([Draft("by.caller", {"a": 1}, None, "phone", ["car-1"])])
    (event,) = (await page_of(events, number - 1)).events
    assert (event.audience, event.caller, event.scope) == ("caller", "phone", '["car-1"]')
    members = {"specversion", "id", "source", "type", "time", "sequence", "datacontenttype", "data"}
    assert json.loads(event.json).keys() == members
    assert "phone" not in event.json
    assert "car-1" not in event.json


async def one_answer_of_read_is_bounded_in_bytes(events: Events) -> None:
    before = await last_of(events)
    for n in range(10):
        await events.publish([Draft("of.large", f"{n}{'x' * 200_000}")])
    page = await page_of(events, before)
    assert [event.sequence for event in page.events] == [*range(before + 1, before + 7)]
    rest = await page_of(events, before + 6)
    assert [event.sequence for event in rest.events] == [*range(before + 7, before + 11)]
    assert rest.last == before + 10


async def large_events_come_whole_and_in_order(events: Events) -> None:
    before = await last_of(events)
    drafts = [Draft("of.large", "ü" * size) for size in (100_000, 1, 120_000, 60_000, 3, 2)]
    for draft in drafts:
        await events.publish([draft])
    bodies: list[Any] = []
    async with aclosing(cast("Any", frames(events, Follow(ACTOR, before)))) as stream:
        async for frame in stream:
            if frame.startswith("id: "):
                bodies.append(json.loads(frame.partition("\ndata: ")[2])["data"])
                if len(bodies) == len(drafts):
                    break
    assert bodies == [draft.data for draft in drafts]


async def ended(events: Events, follow: Follow) -> float:
    """Follow until the stream ends by itself; return how many seconds that took."""
    began = time()
    async for _ in frames(events, follow):
        pass
    return time() - began


async def a_stream_ends_with_its_credential(events: Events) -> None:
    expired = Follow(Actor("short", READER, expires_at=time() + 1.5))
    revoked = Follow(Actor(REVOKED, READER), check_s=0.5)
    assert await ended(events, revoked) < 5
    assert await ended(events, expired) < 5


async def a_stream_outlives_an_unavailable_look_up(events: Events) -> None:
    reading = [
        asyncio.ensure_future(numbers(events, Follow(Actor(name, READER), check_s=0.3), 1)) for name in (AWAY, "fine")
    ]
    await asyncio.sleep(1.5)
    assert not any(task.done() for task in reading)
    number = await events.publish([Draft("of.all", 1)])
    assert await asyncio.gather(*reading) == [[number], [number]]


async def a_key_holds_so_many_streams(events: Events) -> None:
    phone, tablet = (Follow(Actor(name, READER), at_most=3) for name in ("phone", "tablet"))
    token = Follow(Actor("phone", READER, frozenset({"car-1"}), is_token=True, expires_at=time() + 60), at_most=3)
    streams = [await events.stream(stream) for stream in (phone, token, phone)]
    await refused(TooManyConnections, events.stream(phone))
    await refused(TooManyConnections, events.stream(token))
    streams.append(await events.stream(tablet))
    await close(streams.pop(0))
    for _ in range(200):
        try:
            streams.append(await events.stream(token))
            break
        except TooManyConnections:
            await asyncio.sleep(0.02)
    assert len(streams) == 4
    await refused(TooManyConnections, events.stream(phone))
    for stream in streams:
        await close(stream)


async def close(stream: object) -> None:
    """Leave a stream, read or not."""
    await cast("Any", stream).aclose()


async def streams_that_are_asked_for_at_once_are_bounded(events: Events) -> None:
    attempts = [events.stream(Follow(Actor("many", READER), at_most=5)) for _ in range(30)]
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    streams = [stream for stream in answers if not isinstance(stream, BaseException)]
    assert (len(streams), {type(stream) for stream in answers if stream not in streams}) == (5, {TooManyConnections})
    for stream in streams:
        await close(stream)


OLD_EVENTS = [
    ("of.all", None),
    ("of.car", CARS[0]),
    ("of.car", CARS[1]),
    ("for.admins", None),
    ("by.caller", None),
    ("undeclared", CARS[0]),
]
"""Types and subjects of events in a log that an earlier version has written."""
OLD_SEEN = {
    "admin": [1, 2, 3, 4, 5, 6],
    "unbound": [1, 2, 3],
    "bound": [2],
    "bound to another": [3],
    "bound to nothing": [],
}


def old_rows() -> list[tuple[int, str, str]]:
    """Return the rows of that log: number, type and document."""
    drafts = [Draft(type_, {"n": 1}, subject) for type_, subject in OLD_EVENTS]
    return [(event.sequence, event.type, event.json) for event in documents(drafts, 0, BEGINNING)]


async def an_old_log_is_brought_up_to_date(events: Events) -> None:
    """Its events are for the readers of their subject, if that is their type's audience, else administrators'."""
    for name, expected in OLD_SEEN.items():
        page = await events.read(Follow(READERS[name], 0))
        assert [event.sequence for event in page.events] == expected, name
        assert page.last == len(OLD_EVENTS)
    documents_ = [event.json for event in (await page_of(events, 0)).events]
    assert documents_ == [json for _, _, json in old_rows()]
    assert await events.publish([Draft("of.car", 1, CARS[0])]) == len(OLD_EVENTS) + 1
    assert [event.sequence for event in (await events.read(Follow(READERS["bound"], 0))).events] == [2, 7]


async def probe_answers(events: Events) -> None:
    await events.probe()


CASES: list[Case] = [
    events_have_numbers_without_gaps,
    dropped_events_are_gone_and_the_numbers_continue,
    erased_callers_events_reach_nobody_and_their_numbers_stay,
    an_event_is_a_cloud_event,
    publishing_is_all_or_nothing,
    publishers_at_once_leave_no_gap,
    reading_filters_by_type,
    a_stream_begins_at_once,
    a_stream_begins_after_a_number,
    a_stream_continues_with_new_events,
    a_stream_filters_by_type,
    a_stream_tells_of_a_number_that_the_log_has_not_come_to,
    readers_come_and_go,
    an_event_reaches_its_audience_alone,
    an_audience_is_not_sent,
    one_answer_of_read_is_bounded_in_bytes,
    large_events_come_whole_and_in_order,
    a_stream_ends_with_its_credential,
    a_stream_outlives_an_unavailable_look_up,
    a_key_holds_so_many_streams,
    streams_that_are_asked_for_at_once_are_bounded,
    probe_answers,
]
