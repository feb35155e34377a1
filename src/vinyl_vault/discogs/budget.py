"""The budget of calls to Discogs per minute, shared by all requests and isolates."""

import math
from hashlib import sha256

from edge import Clock, Problem
from edge.ports import Throttle, Window
from vinyl_vault.discogs.settings import DiscogsSettings

WINDOW_S = 61.0
"""Seconds of the window: Discogs counts 60, and a call may arrive there later than it was sent."""
PAUSE_S = 10.0
"""Seconds without calls after a 429 without Retry-After."""
LONGEST_PAUSE_S = 120.0


class DiscogsBusy(Problem):
    """The rate limit of Discogs is reached."""

    title = "The rate limit of Discogs is reached; try again"
    status = 429

    def __init__(self, wait: float) -> None:
        seconds = max(1, math.ceil(wait))
        detail = f"this minute's calls to Discogs are used up; try again in {seconds} s"
        super().__init__(detail, headers=[("retry-after", str(seconds))], retry_after=seconds)


class Budget:
    """Takes calls from a window shared by all isolates. While the throttle is unavailable, no call is made."""

    def __init__(self, settings: DiscogsSettings, clock: Clock) -> None:
        self._throttle: Throttle = settings.discogs_throttle
        self._name = f"discogs:{_mark(settings)}"
        self._clock = clock
        self._patience = settings.discogs_wait_s
        calls = settings.discogs_calls_per_minute
        self._window = Window(calls, WINDOW_S)
        self._modest = Window(max(1, calls - settings.discogs_spare_calls), WINDOW_S)

    async def take(self) -> None:
        """Take a call for a request, waiting up to `discogs_wait_s`; raises `DiscogsBusy` if that is not enough."""
        await self._take(self._window, self._patience)

    async def take_spare(self) -> None:
        """Take a call for background work, without waiting, and leaving some calls to requests."""
        await self._take(self._modest, 0.0)

    async def refuse(self, seconds: float | None) -> DiscogsBusy:
        """Pause the calls of all isolates after a 429; return the problem to raise for that call."""
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
    """Return a mark of the API key, as each key has its own budget; a missing key is reported by the call."""
    if "discogs_key" in settings.faults:
        return ""
    return sha256(settings.discogs_key.get_secret_value().encode()).hexdigest()[:16]
