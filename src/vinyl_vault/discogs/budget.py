"""The calls that may be made to Discogs in a minute, over all requests and isolates."""

import math
from hashlib import sha256

from edge import Clock, Problem
from edge.ports import Throttle, Window
from vinyl_vault.discogs.settings import DiscogsSettings

WINDOW_S = 61.0
"""Seconds of the window: Discogs counts 60, and a call may come later there than it was made here."""
PAUSE_S = 10.0
"""Seconds without calls after a 429 that does not say how long."""
LONGEST_PAUSE_S = 120.0


class DiscogsBusy(Problem):
    """Discogs' limit is reached."""

    title = "Discogs' limit is reached; try again"
    status = 429

    def __init__(self, wait: float) -> None:
        seconds = max(1, math.ceil(wait))
        detail = f"the calls to Discogs of this minute are used up; try again in {seconds} s"
        super().__init__(detail, headers=[("retry-after", str(seconds))], retry_after=seconds)


class Budget:
    """Takes calls out of the window that all isolates share. While the throttle fails, no call is made."""

    def __init__(self, settings: DiscogsSettings, clock: Clock) -> None:
        self._throttle: Throttle = settings.discogs_throttle
        self._name = f"discogs:{_mark(settings)}"
        self._clock = clock
        self._patience = settings.discogs_wait_s
        calls = settings.discogs_calls_per_minute
        self._window = Window(calls, WINDOW_S)
        self._modest = Window(max(1, calls - settings.discogs_spare_calls), WINDOW_S)

    async def take(self) -> None:
        """Wait a short while for a caller's call; `DiscogsBusy` where that is not enough."""
        await self._take(self._window, self._patience)

    async def take_spare(self) -> None:
        """Take a call for background work, which waits for nothing and leaves some calls to callers."""
        await self._take(self._modest, 0.0)

    async def refuse(self, seconds: float | None) -> DiscogsBusy:
        """Make no call for a while after a 429, in any isolate; return the problem of the call that got it."""
        pause = PAUSE_S if seconds is None else min(max(seconds, 1.0), LONGEST_PAUSE_S)
        await self._throttle.pause(self._name, pause)
        return DiscogsBusy(pause)

    async def _take(self, window: Window, patience: float) -> None:
        wait = await self._throttle.admit(self._name, window, patience)
        if wait > patience:
            raise DiscogsBusy(wait)
        if wait > 0:
            await self._clock.sleep(wait)


def _mark(settings: DiscogsSettings) -> str:
    """Return what tells one key's budget from another's; a missing key is told where a call needs it."""
    if "discogs_key" in settings.faults:
        return ""
    return sha256(settings.discogs_key.get_secret_value().encode()).hexdigest()[:16]
