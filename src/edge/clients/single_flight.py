"""Sends a burst of equal requests once: all callers that come while it is under way await one answer."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from edge.ports import Background


class SingleFlight[K: Hashable, T]:
    """Calls under way, by key. Joins callers within one process; a Worker's events share none."""

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[T]] = {}

    async def join(self, key: K, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the result of the running task for `key`; start one if there is none."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.ensure_future(make())
            task.add_done_callback(partial(self._end, key))
        return await asyncio.shield(task)

    def close(self, key: K) -> None:
        """Let those who come from now on start a task of their own; may be called from any thread."""
        self._tasks.pop(key, None)

    def _end(self, key: K, task: asyncio.Task[T]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]


_flights: WeakKeyDictionary[Background, dict[str, SingleFlight[Any, Any]]] = WeakKeyDictionary()


def single_flight_of(background: Background, name: str) -> SingleFlight[Any, Any]:
    """Return the calls that events with one background share: all of a process, and on a Worker those of one event."""
    return _flights.setdefault(background, {}).setdefault(name, SingleFlight())
