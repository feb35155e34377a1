"""A burst of the same question is asked once: all who come while it is under way await one answer."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any


class Flights[K: Hashable, T]:
    """What is under way, by key. It joins what shares one process's memory; a Worker's events share none."""

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[T]] = {}

    async def join(self, key: K, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what the task under way for `key` gives, begun here where there is none."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.ensure_future(make())
            task.add_done_callback(lambda _: self._tasks.pop(key, None))
        return await asyncio.shield(task)
