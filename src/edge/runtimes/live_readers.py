"""Readers of live events, the same in every runtime: what waits for each, and when one is too far behind."""

import asyncio
from collections.abc import Callable, Iterable

from edge.live import Event
from edge.runtimes import live_wire as wire
from edge.runtimes.live_wire import Close


class Reader:
    """One reader and what waits for it. `sent` is the number of the last event that it was given."""

    __slots__ = ("_wake", "closed", "encode", "rested", "sent", "size", "subjects", "types", "waiting")

    def __init__(
        self, types: tuple[str, ...], subjects: frozenset[str] | None, encode: Callable[[Event], bytes | str]
    ) -> None:
        self.types, self.subjects, self.encode = types, subjects, encode
        self.sent, self.size, self.rested = 0, 0, False
        self.waiting: list[bytes | str] = []
        self.closed: Close | None = None
        self._wake: asyncio.Future[None] | None = None

    def push(self, payload: bytes | str) -> None:
        """Let something wait for the reader; one that is too far behind is closed."""
        self.rested = False
        self.size += len(payload)
        if self.size > wire.BEHIND_LIMIT:
            self.close(Close.TOO_SLOW)
        elif self.closed is None:
            self.waiting.append(payload)
            self._rouse()

    def close(self, why: Close) -> None:
        """Give the reader nothing more: what waits for it is in the log."""
        self.closed = self.closed or why
        self.waiting.clear()
        self._rouse()

    async def take(self) -> list[bytes | str]:
        """Return what has come, or nothing once the reader is closed."""
        while not self.waiting and self.closed is None:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        taken, self.waiting, self.size = self.waiting, [], 0
        return taken

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


def fan_out(event: Event, readers: Iterable[Reader]) -> None:
    """Push an event to readers that were not given it yet and want it; each form of it is made once."""
    made: dict[tuple[object, ...], bytes | str | None] = {}
    for reader in readers:
        if event.sequence > reader.sent:
            reader.sent = event.sequence
            key = (reader.encode, reader.types, reader.subjects)
            if key not in made:
                made[key] = reader.encode(event) if wire.shown(event, reader.types, reader.subjects) else None
            payload = made[key]
            if payload is not None:
                reader.push(payload)


def beat(readers: Iterable[Reader], last: int) -> None:
    """Give a sign of life to those that were given nothing since the last one."""
    text = wire.heartbeat(last)
    for reader in readers:
        if reader.rested:
            reader.push(wire.BEAT if reader.encode is wire.sse else text)
        reader.rested = True
