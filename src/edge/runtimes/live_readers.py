"""Readers of live events, the same in every runtime: their backlogs, and the limit on them."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from time import monotonic
from typing import NamedTuple, Protocol

from edge.access import Actor
from edge.ports.events import Event, Follow, Page
from edge.runtimes import live_wire as wire
from edge.runtimes.live_wire import Close

type Payload = bytes | str

GRACE = 2.0
"""Seconds for which a reader may hold its page while others wait for room."""


class Direct(NamedTuple):
    """A way past the backlog of a reader: `write` takes a whole `frame` if the client has accepted all before it."""

    write: Callable[[bytes], bool]
    frame: Callable[[Payload], bytes]


class Reader:
    """One reader and its backlog. `sent` is the number of the last event in its backlog or sent to it.

    `is_idle` while it waits for an event, and all before it are sent.
    """

    __slots__ = (
        "_waiting",
        "_wake",
        "actor",
        "check_s",
        "closed",
        "direct",
        "encode",
        "is_idle",
        "request_id",
        "sent",
        "size",
        "ticket",
        "turn",
        "types",
    )

    def __init__(self, follow: Follow, encode: Callable[[Event], Payload], request_id: str = "") -> None:
        self.types = follow.types
        self.actor = follow.actor
        self.check_s = follow.check_s
        self.ticket = follow.ticket
        self.encode = encode
        self.request_id = request_id
        self.sent = 0
        self.size = 0
        self.turn = asyncio.Lock()
        self.closed: Close | None = None
        self.is_idle = False
        self.direct: Direct | None = None
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
        self._notify()

    def close(self, why: Close) -> None:
        """Close the reader and drop its backlog; the log still has those events."""
        self.closed = self.closed or why
        self._waiting.clear()
        self.size = 0
        self._notify()

    def pop(self) -> list[Payload]:
        """Return the next part of the backlog: `SLICE` bytes, or one event that is larger."""
        payloads = list[Payload]()
        size = 0
        while self._waiting and (not payloads or size + self._waiting[0][1] <= wire.SLICE):
            payload, bytes_ = self._waiting.popleft()
            payloads.append(payload)
            size += bytes_
        self.size -= size
        return payloads

    async def take(self) -> list[Payload]:
        """Wait for the next part of the backlog and return it; return nothing once the reader is closed."""
        while not self._waiting and self.closed is None:
            self._wake = asyncio.get_running_loop().create_future()
            self.is_idle = True
            try:
                await self._wake
            finally:
                self.is_idle = False
        return self.pop()

    def update_actor(self, actor: Actor) -> None:
        """Continue as the actor that the credential stands for now."""
        self.actor = actor

    def subscribe(self, types: tuple[str, ...]) -> None:
        """Follow other types from now on."""
        self.types = types

    def _notify(self) -> None:
        self.is_idle = False
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class Holder(Protocol):
    """A reader or socket that holds a page of the log."""

    def close(self, why: Close) -> None:
        """Close the reader."""


class Budget:
    """Room for the pages of readers in catch-up. If it is used up, the reader that holds its page longest is closed."""

    def __init__(self, limit: int = wire.CATCH_UP_LIMIT, grace: float = GRACE) -> None:
        self._limit = limit
        self._grace = grace
        self._pages: dict[Holder, tuple[int, float]] = {}
        self._total = 0
        self._turn = asyncio.Lock()
        self._freed: asyncio.Future[None] | None = None

    async def reserve(self, holder: Holder) -> None:
        """Release a reader's last page and wait for room for the next one."""
        self.release(holder)
        async with self._turn:
            while self._pages and self._total + wire.PAGE_BYTES > self._limit:
                slowest, (_, since) = next(iter(self._pages.items()))
                if (left := since + self._grace - monotonic()) > 0:
                    await self._wait(left)
                else:
                    self.release(slowest)
                    slowest.close(Close.TOO_SLOW)
            self.hold(holder, wire.PAGE_BYTES)

    def hold(self, holder: Holder, size: int) -> None:
        """Record the size of a reader's page."""
        before, since = self._pages.get(holder, (0, monotonic()))
        self._pages[holder] = (size, since)
        self._total += size - before

    def release(self, holder: Holder) -> None:
        """Release a reader's room."""
        size, _ = self._pages.pop(holder, (0, 0.0))
        self._total -= size
        self._notify()

    def _notify(self) -> None:
        if self._freed is not None and not self._freed.done():
            self._freed.set_result(None)

    async def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._freed = loop.create_future()
        timer = loop.call_later(seconds, self._notify)
        try:
            await self._freed
        finally:
            timer.cancel()
            self._freed = None


class Source(Protocol):
    """A log to follow. `head` is the number of the last event that its live readers got."""

    head: int
    live: set[Reader]
    budget: Budget

    async def page(self, since: int | None) -> Page:
        """Return a page of all events after a number; None for no events, only the numbers."""


async def follow(
    reader: Reader, since: int | None, log: Source, encode: Callable[[str], Payload]
) -> AsyncGenerator[list[Payload]]:
    """Yield the payloads of a reader: first from the log, then new events, without a gap."""
    try:
        page = await log.page(None)
        oldest = page.oldest
        last = page.last
        reader.sent = wire.start(since, oldest, last)
        if since is not None and (missing := wire.gap(since, oldest, last)):
            yield [encode(missing)]
        while reader.closed is None and max(last, log.head) > reader.sent:
            await log.budget.reserve(reader)
            before = reader.sent
            oldest, last = await _load(reader, log)
            if oldest > before + 1 and (missing := wire.gap(before, oldest, last)):
                yield [encode(missing)]
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
    """Move a page into a reader's backlog, which then holds the only reference; return the log's numbers."""
    page = await log.page(reader.sent)
    for event in page.events:
        if wire.is_for_reader(event, reader.types, reader.actor):
            payload = reader.encode(event)
            reader.push(payload, _size(payload))
    reader.sent = page.events[-1].sequence if page.events else max(reader.sent, page.last)
    log.budget.hold(reader, reader.size)
    return page.oldest, page.last


def _size(payload: Payload) -> int:
    return len(payload) if isinstance(payload, bytes) else wire.size_of(payload)


def fan_out(event: Event, readers: Iterable[Reader]) -> None:
    """Push an event to the readers that follow it and did not get it yet; each form of it is made once."""
    encoded: dict[object, tuple[Payload, int]] = {}
    frames: dict[object, bytes] = {}
    is_shown = wire.filter_of(event)
    for reader in readers:
        if event.sequence > reader.sent:
            reader.sent = event.sequence
            if is_shown(reader.types, reader.actor):
                form = encoded.get(reader.encode)
                if form is None:
                    payload = reader.encode(event)
                    form = encoded[reader.encode] = (payload, _size(payload))
                _hand(reader, form[0], form[1], frames)


def _hand(reader: Reader, payload: Payload, size: int, frames: dict[object, bytes]) -> None:
    """Write a payload at once to a reader that waits for it, else add it to the backlog; `frames` are made once."""
    direct = reader.direct
    if direct is not None and reader.is_idle and size <= wire.SLICE:
        frame = frames.get(direct.frame)
        if frame is None:
            frame = frames[direct.frame] = direct.frame(payload)
        if direct.write(frame):
            return
    reader.push(payload, size)


def send_heartbeats(readers: Iterable[Reader], last: int) -> None:
    """Send a heartbeat to all readers: one that just got an event would wait for two of them else."""
    text = wire.heartbeat(last)
    frames: dict[object, bytes] = {}
    for reader in readers:
        payload: Payload = wire.BEAT if reader.encode is wire.sse else text
        _hand(reader, payload, len(payload), frames)
