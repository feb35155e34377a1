"""The `Background` port: tasks that are awaited at shutdown, and logged when they fail."""

import asyncio
import traceback
from collections.abc import Coroutine
from typing import Any

from edge.errors import NotConfigured
from edge.ports import Log


class LocalBackground:
    """Runs work on the event loop beside the requests."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._tasks: set[asyncio.Task[object]] = set()

    def add(self, work: Coroutine[Any, Any, object]) -> None:
        """Run `work` to its end; a failure is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def drain(self, seconds: float) -> None:
        """Wait for all tasks, and for those that they start; cancel the ones that are not done after `seconds`."""
        end = asyncio.get_running_loop().time() + seconds
        while self._tasks and (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        if self._tasks:
            self._log("warning", "background work cut off", tasks=len(self._tasks))
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            is_short = isinstance(fault, NotConfigured)  # a setting is missing: nothing is wrong with the code
            error = str(fault) if is_short else "".join(traceback.format_exception(fault))
            self._log("error", "background work failed", error=error)
