"""Waits for what comes in its own time, with pauses that grow: questions cost a Worker more than waiting does."""

import asyncio
import time
from typing import Self

FIRST = 0.02
LONGEST = 0.3


class tries:  # noqa: N801 - `async for _ in tries():` is read as a sentence
    """Goes round at once, and after each pause until so many seconds are over."""

    def __init__(self, seconds: float = 30.0) -> None:
        self._end = time.monotonic() + seconds
        self._pause = 0.0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> None:
        if time.monotonic() > self._end:
            raise StopAsyncIteration
        if self._pause:
            await asyncio.sleep(self._pause)
        self._pause = min(max(FIRST, 1.5 * self._pause), LONGEST)
