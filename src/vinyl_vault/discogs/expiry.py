"""Removes expired objects from the bucket: a job scans some objects every minute."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic_core import from_json, to_json

from edge import READER, Bucket, Clock, Routes, Tick
from edge.ports import PortError
from vinyl_vault.discogs.settings import DiscogsSettings

routes = Routes("/api/discogs", tag="discogs", access=READER)

STEP = 100
"""Objects scanned per step: more than Discogs can answer in a minute."""
PLACE = "walks/expiry.json"
"""The object that stores the position of the scan."""
FAULT_LIFETIME = timedelta(days=1)
FILE_LIFETIME = timedelta(days=31)
"""Lifetime of import files: the imports themselves are removed after 30 days."""


class Expiry:
    """Scans the cached answers and failures of Discogs, and the files of imports, in an endless cycle."""

    def __init__(self, settings: DiscogsSettings, clock: Clock) -> None:
        self._bucket: Bucket = settings.cache
        self._clock = clock
        # A stale answer is served if Discogs fails, so it is kept for twice as long as it is fresh.
        answers = timedelta(days=2 * settings.discogs_keep_days + 1)
        self._lifetimes: Mapping[str, timedelta] = {
            "data/": answers,
            "faults/": FAULT_LIFETIME,
            "imports/": FILE_LIFETIME,
        }

    async def step(self) -> int:
        """Remove expired ones among the next objects; return their number."""
        prefix, cursor = await self._place()
        try:
            page = await self._bucket.list(prefix, limit=STEP, cursor=cursor)
        except PortError:
            if cursor is None:
                raise
            page = await self._bucket.list(prefix, limit=STEP)  # the cursor is no longer valid
        over = self._clock.now() - self._lifetimes[prefix]
        old = [stored.key for stored in page.objects if stored.uploaded < over]
        for key in old:
            await self._bucket.delete(key)
        names = [*self._lifetimes]
        following = prefix if page.cursor else names[(names.index(prefix) + 1) % len(names)]
        place = to_json({"prefix": following, "cursor": page.cursor})
        await self._bucket.put(PLACE, place, content_type="application/json")
        return len(old)

    async def _place(self) -> tuple[str, str | None]:
        """Return the prefix and cursor from which the scan continues."""
        stored = await self._bucket.get(PLACE)
        place: Any = from_json(b"".join([part async for part in stored[1]])) if stored else {}
        prefix, cursor = place.get("prefix"), place.get("cursor")
        return (prefix, cursor) if prefix in self._lifetimes else (next(iter(self._lifetimes)), None)


@routes.cron("* * * * *")
async def remove_expired(tick: Tick, expiry: Expiry) -> dict[str, Any]:
    """Remove expired answers of Discogs and files of imports: some in each run."""
    return {} if tick.is_dry else {"objects": await expiry.step()}
