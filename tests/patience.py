"""Waits for results with pauses that grow: answering a question costs a Worker more than waiting costs a test."""

import asyncio
import time
from typing import Self

FIRST = 0.02
LONGEST = 0.1


class pauses:  # noqa: N801 - `async for _ in pauses():` reads as a loop
    """Run a loop's body at once, and after each pause until the time is over."""

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
