"""Batch writer: items are written after the response, in order, in batches of all that have come."""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any
from weakref import WeakKeyDictionary, ref

from edge.ports import Background, Log, PortError

MOST = 10_000
"""Most queued items; further ones are dropped to bound memory."""
MOST_BYTES = 32 * 1024 * 1024
"""Most queued bytes, as `weigh` counts them; an isolate has 128 MB for everything."""
BATCH = 50
"""Items that are written at once."""
BATCH_BYTES = 4 * 1024 * 1024
"""Bytes that are written at once, unless a single item has more."""


def _weightless(_: object) -> int:
    return 0


class BatchWriter[T]:
    """Writes the added items, in order, in bounded batches; `what` names the items in the log.

    `weigh` returns about how many bytes of memory an item holds.
    """

    def __init__(
        self,
        write: Callable[[list[T]], Awaitable[object]],
        background: Background,
        log: Log,
        what: str,
        weigh: Callable[[T], int] = _weightless,
    ) -> None:
        self._write = write
        self._background = background
        self._log = log
        self._what = what
        self._weigh = weigh
        self._waiting: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._is_writing = False
        self._lost = 0

    def add(self, items: Iterable[T]) -> None:
        """Queue items to be written in the background. If that fails they are lost, and the log has their number."""
        for item in items:
            size = self._weigh(item)
            if len(self._waiting) >= MOST or (self._waiting and self._bytes + size > MOST_BYTES):
                self._lost += 1
                continue
            self._waiting.append((item, size))
            self._bytes += size
        if not self._is_writing and self._waiting:
            self._is_writing = True
            self._background.add(self._drain())

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._write_batch(self._next())
        finally:
            self._is_writing = False

    async def _write_batch(self, batch: list[T]) -> None:
        """Write a batch. A refused one is lost; if the service is away, the whole queue is."""
        try:
            await self._write(batch)
        except PortError as fault:
            lost = len(batch) + self._lost
            if fault.is_away:
                lost += len(self._waiting)
                self._waiting.clear()
                self._bytes = 0
            self._lost = 0
            self._log("error", f"{self._what} not written", lost=lost, error=str(fault))
        if self._lost:
            self._log("error", f"{self._what} came faster than they can be written", lost=self._lost)
            self._lost = 0

    def _next(self) -> list[T]:
        """Take the next batch from the queue: at least one item."""
        batch: list[T] = []
        size = 0
        while self._waiting and len(batch) < BATCH and not (batch and size + self._waiting[0][1] > BATCH_BYTES):
            item, weight = self._waiting.popleft()
            batch.append(item)
            size += weight
        self._bytes -= size
        return batch


class _WeakBackground:
    """A weak reference to a background: on Workers it ends with its event."""

    def __init__(self, background: Background) -> None:
        self._background = ref(background)

    def add(self, work: Coroutine[Any, Any, object]) -> None:
        """Run work in the background, which the caller keeps alive while it has items to write."""
        background = self._background()
        assert background is not None
        background.add(work)


_writers: WeakKeyDictionary[Background, dict[str, BatchWriter[Any]]] = WeakKeyDictionary()


def writer_of[T](
    write: Callable[[list[T]], Awaitable[object]],
    background: Background,
    log: Log,
    what: str,
    weigh: Callable[[T], int] = _weightless,
) -> BatchWriter[T]:
    """Return the writer that events with one background share, so that items added together are one batch.

    These are all events of a process, and on a Worker one. The first of them sets the write function.
    """
    writers = _writers.get(background)
    if writers is None:
        writers = _writers[background] = {}
    writer = writers.get(what)
    if writer is None:
        writer = writers[what] = BatchWriter[T](write, _WeakBackground(background), log, what, weigh)
    return writer
