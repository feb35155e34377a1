"""Readers of live events, the same in every runtime: the backlog of each, and when one is too far behind."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from time import monotonic
from typing import Protocol

from edge.access import Actor
from edge.ports.events import Event, Follow, Page
from edge.runtimes import live_wire as wire
from edge.runtimes.live_wire import Close

type Payload = bytes | str

GRACE = 2.0
"""Seconds for which a reader may hold its page while others wait for room."""


class Reader:
    """One reader and its backlog. `sent` is the number of the last event that it was given."""

    __slots__ = (
        "_waiting",
        "_wake",
        "actor",
        "check_s",
        "closed",
        "encode",
        "request_id",
        "sent",
        "size",
        "turn",
        "types",
    )

    def __init__(self, follow: Follow, encode: Callable[[Event], Payload], request_id: str = "") -> None:
        self.types, self.actor, self.check_s = follow.types, follow.actor, follow.check_s
        self.encode, self.request_id = encode, request_id
        self.sent, self.size = 0, 0
        self.turn = asyncio.Lock()
        self.closed: Close | None = None
        self._waiting: deque[tuple[Payload, int]] = deque()
        self._wake: asyncio.Future[None] | None = None

    def push(self, payload: Payload, size: int) -> None:
        """Add to the backlog; a reader that is too far behind is closed."""
        if self.closed is not None:
            return
        self.size += size
        if self.size > wire.BEHIND_LIMIT:
            self.close(Close.TOO_SLOW)
            return
        self._waiting.append((payload, size))
        self._rouse()

    def close(self, why: Close) -> None:
        """End the reader and drop its backlog, which is in the log."""
        self.closed = self.closed or why
        self._waiting.clear()
        self.size = 0
        self._rouse()

    def pop(self) -> list[Payload]:
        """Return the next part of the backlog: `SLICE` bytes, or one event that is larger."""
        taken, size = list[Payload](), 0
        while self._waiting and (not taken or size + self._waiting[0][1] <= wire.SLICE):
            payload, bytes_ = self._waiting.popleft()
            taken.append(payload)
            size += bytes_
        self.size -= size
        return taken

    async def take(self) -> list[Payload]:
        """Return the next part of the backlog as soon as there is any; nothing once the reader is closed."""
        while not self._waiting and self.closed is None:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        return self.pop()

    def become(self, actor: Actor) -> None:
        """Go on as the actor that the credential stands for now."""
        self.actor = actor

    def subscribe(self, types: tuple[str, ...]) -> None:
        """Follow other types from now on."""
        self.types = types

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class Holder(Protocol):
    """A reader, or socket, that holds a page of the log."""

    def close(self, why: Close) -> None:
        """End it."""


class Budget:
    """Room for the pages of readers in catch-up. Where there is none, the one that holds its page longest goes."""

    def __init__(self, limit: int = wire.CATCH_UP_LIMIT, grace: float = GRACE) -> None:
        self._limit, self._grace = limit, grace
        self._held: dict[Holder, tuple[int, float]] = {}
        self._total = 0
        self._turn = asyncio.Lock()
        self._freed: asyncio.Future[None] | None = None

    async def reserve(self, holder: Holder) -> None:
        """Give back the room of a reader's last page and wait for room for the next one."""
        self.release(holder)
        async with self._turn:
            while self._held and self._total + wire.PAGE_BYTES > self._limit:
                slowest, (_, since) = next(iter(self._held.items()))
                if (left := since + self._grace - monotonic()) > 0:
                    await self._wait(left)
                else:
                    self.release(slowest)
                    slowest.close(Close.TOO_SLOW)
            self.hold(holder, wire.PAGE_BYTES)

    def hold(self, holder: Holder, size: int) -> None:
        """Note how large a reader's page is."""
        before, since = self._held.get(holder, (0, monotonic()))
        self._held[holder] = (size, since)
        self._total += size - before

    def release(self, holder: Holder) -> None:
        """Give back a reader's room."""
        size, _ = self._held.pop(holder, (0, 0.0))
        self._total -= size
        self._rouse()

    def _rouse(self) -> None:
        if self._freed is not None and not self._freed.done():
            self._freed.set_result(None)

    async def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._freed = loop.create_future()
        timer = loop.call_later(seconds, self._rouse)
        try:
            await self._freed
        finally:
            timer.cancel()
            self._freed = None


class Source(Protocol):
    """A log to follow: `head` is the number of the last event that its live readers were given."""

    head: int
    live: set[Reader]
    budget: Budget

    async def page(self, since: int | None) -> Page:
        """Return a page of all events after a number; None for no events, only the numbers."""


async def follow(
    reader: Reader, since: int | None, log: Source, told: Callable[[str], Payload]
) -> AsyncGenerator[list[Payload]]:
    """Yield the payloads of a reader: first from the log, then, without a seam, as they come."""
    try:
        page = await log.page(None)
        oldest, last = page.oldest, page.last
        reader.sent = wire.start(since, oldest, last)
        if since is not None and (missing := wire.gap(since, oldest, last)):
            yield [told(missing)]
        while reader.closed is None and max(last, log.head) > reader.sent:
            await log.budget.reserve(reader)
            before = reader.sent
            oldest, last = await _load(reader, log)
            if oldest > before + 1 and (missing := wire.gap(before, oldest, last)):
                yield [told(missing)]
            while batch := reader.pop():
                yield batch
        log.budget.release(reader)
        log.live.add(reader)
        while batch := await reader.take():
            yield batch
    finally:
        log.live.discard(reader)
        log.budget.release(reader)


async def _load(reader: Reader, log: Source) -> tuple[int, int]:
    """Move a page into a reader's backlog, the only place that holds it; return the log's numbers."""
    page = await log.page(reader.sent)
    for event in page.events:
        if wire.shown(event, reader.types, reader.actor):
            payload = reader.encode(event)
            reader.push(payload, _size(payload))
    reader.sent = page.events[-1].sequence if page.events else max(reader.sent, page.last)
    log.budget.hold(reader, reader.size)
    return page.oldest, page.last


def _size(payload: Payload) -> int:
    return len(payload) if isinstance(payload, bytes) else wire.size_of(payload)


def fan_out(event: Event, readers: Iterable[Reader]) -> None:
    """Push an event to the readers that get it and were not given it yet; each form of it is made once."""
    made: dict[object, tuple[Payload, int]] = {}
    is_shown = wire.filter_of(event)
    for reader in readers:
        if event.sequence > reader.sent:
            reader.sent = event.sequence
            if is_shown(reader.types, reader.actor):
                if reader.encode not in made:
                    payload = reader.encode(event)
                    made[reader.encode] = payload, _size(payload)
                reader.push(*made[reader.encode])


def beat(readers: Iterable[Reader], last: int) -> None:
    """Give every reader a sign of life: one that was given an event just now would wait for two beats else."""
    text = wire.heartbeat(last)
    for reader in readers:
        payload: Payload = wire.BEAT if reader.encode is wire.sse else text
        reader.push(payload, len(payload))
