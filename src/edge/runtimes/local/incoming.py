"""A request over ASGI: its headers, and its body, received in parts."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Iterable, MutableMapping
from contextlib import suppress
from types import coroutine
from typing import Any

from edge.auth.limits import network
from edge.errors import BadRequest, PayloadTooLarge
from edge.runtimes.local.bounds import NOBODY, Arrival, Bounds
from edge.runtimes.local.encoding import ENCODED_NAMES

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Coroutine[Any, Any, Message]]

DISCARD_LIMIT, DISCARD_S = 8 * 1024 * 1024, 5.0
"""Most bytes, and seconds, of an unread body before its connection is closed."""

_ANNOUNCES = frozenset({b"content-length", b"transfer-encoding"})
"""Headers of a request that has a body."""


class BodyCutOff(BadRequest):
    """The body broke off."""

    title = "The body broke off"


class Incoming:
    """A request's headers over ASGI's own list, and its body: read once, or discarded.

    `task` answers the request; it gives up its place while it waits for the body.
    """

    __slots__ = ("_bounds", "_headers", "_is_over", "_receive", "task")

    def __init__(self, pairs: Collection[tuple[bytes, bytes]], receive: Receive, bounds: Bounds) -> None:
        self._headers = dict(pairs)
        if len(self._headers) < len(pairs):
            self._headers = _joined(pairs)
        self._receive = receive
        self._bounds = bounds
        self._is_over = False
        self.task: asyncio.Task[object] | None = None

    def get(self, name: str) -> str | None:
        """Return the header's values, joined by commas, or None."""
        value = self._headers.get(ENCODED_NAMES[name])
        if value is None:
            return None
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode(errors="replace")

    async def read(self, limit: int) -> bytes:
        """Return the whole body; `PayloadTooLarge` beyond `limit` bytes, `BodyCutOff` if it breaks off.

        `Overloaded` if too many bodies are being received, or no place at work is left. A body that is complete already
        needs neither.
        """
        if self._is_over:
            return b""
        receiving = self._receive()
        try:
            future = receiving.send(None)
        except StopIteration as done:
            part = self._body_part(done.value)
            if len(part) > limit:
                raise PayloadTooLarge(limit) from None
            return part if self._is_over else await self._wait(limit, [part], None)
        try:
            return await self._wait(limit, [], _resumed(receiving, future))
        finally:
            receiving.close()

    async def _wait(self, limit: int, parts: list[bytes], next_: Awaitable[Message] | None) -> bytes:
        """Return the body that begins with these parts; the task gives up its place until the body is complete."""
        work = self._bounds.work
        request = work.pause(self.task) if self.task else None
        address = network(request.client) if request else NOBODY
        key = request.actor.name if request and request.actor else NOBODY
        arrival = Arrival(self._bounds, address, key)
        try:
            await self._collect(limit, parts, next_, arrival)
        finally:
            arrival.end()
        if self.task and request:
            work.resume(self.task)
        return b"".join(parts)

    async def _collect(
        self, limit: int, parts: list[bytes], next_: Awaitable[Message] | None, arrival: Arrival
    ) -> None:
        size = sum(map(len, parts))
        arrival.add(size)
        while not self._is_over:
            part = self._body_part(await (next_ or self._receive()))
            next_ = None
            parts.append(part)
            size += len(part)
            if size > limit:
                raise PayloadTooLarge(limit)
            arrival.add(len(part))

    def is_unread(self) -> bool:
        """Return whether a body that was announced has not come to its end."""
        return not self._is_over and not _ANNOUNCES.isdisjoint(self._headers)

    async def discard(self) -> None:
        """Discard the rest of the body, up to a limit: a client cut off while sending does not see the answer."""
        size = 0
        with suppress(TimeoutError, BodyCutOff):
            async with asyncio.timeout(DISCARD_S):
                while not self._is_over and size < DISCARD_LIMIT:
                    size += len(self._body_part(await self._receive()))

    def _body_part(self, message: Message) -> bytes:
        if message["type"] == "http.disconnect":
            self._is_over = True
            raise BodyCutOff
        self._is_over = not message.get("more_body", False)
        part: bytes = message.get("body", b"")
        return part


def _joined(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    values: dict[bytes, list[bytes]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: b", ".join(repeated) for name, repeated in values.items()}


@coroutine
def _resumed(begun: Coroutine[Any, Any, Message], future: Any) -> Generator[Any, Any, Message]:
    """Await the rest of a coroutine that was started by hand, to find out if it waits at all. It waits for `future`."""
    while True:
        try:
            try:
                sent = yield future
            except BaseException as fault:
                future = begun.throw(fault)
            else:
                future = begun.send(sent)
        except StopIteration as done:
            result: Message = done.value
            return result
