"""Removes from the bucket what is older than its use: a job walks through it, some objects each minute."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic_core import from_json, to_json

from edge import READER, Bucket, Clock, Routes, Tick
from edge.ports import PortError
from vinyl_vault.discogs.settings import DiscogsSettings

routes = Routes("/api/discogs", tag="discogs", access=READER)

STEP = 100
"""Objects of one step: more than Discogs answers in a minute."""
PLACE = "walks/expiry.json"
"""The object that holds the place of the walk."""
FAULTS_KEPT = timedelta(days=1)
FILES_KEPT = timedelta(days=31)
"""Rows of imports: the imports themselves are forgotten after 30 days."""


class Expiry:
    """Walks through the answers of Discogs, its failures, and the rows of imports, again and again."""

    def __init__(self, settings: DiscogsSettings, clock: Clock) -> None:
        self._bucket: Bucket = settings.cache
        self._clock = clock
        # An old answer is served where Discogs fails, so it has its use for as long again.
        answers = timedelta(days=2 * settings.discogs_keep_days + 1)
        self._kept: Mapping[str, timedelta] = {"data/": answers, "faults/": FAULTS_KEPT, "imports/": FILES_KEPT}

    async def step(self) -> int:
        """Remove what is over among the next objects; return how many were."""
        prefix, cursor = await self._place()
        try:
            page = await self._bucket.list(prefix, limit=STEP, cursor=cursor)
        except PortError:
            if cursor is None:
                raise
            page = await self._bucket.list(prefix, limit=STEP)  # the place is no longer good
        over = self._clock.now() - self._kept[prefix]
        old = [stored.key for stored in page.objects if stored.uploaded < over]
        for key in old:
            await self._bucket.delete(key)
        names = [*self._kept]
        following = prefix if page.cursor else names[(names.index(prefix) + 1) % len(names)]
        place = to_json({"prefix": following, "cursor": page.cursor})
        await self._bucket.put(PLACE, place, content_type="application/json")
        return len(old)

    async def _place(self) -> tuple[str, str | None]:
        """Return the prefix and cursor at which the walk goes on."""
        found = await self._bucket.get(PLACE)
        place: Any = from_json(b"".join([part async for part in found[1]])) if found else {}
        prefix, cursor = place.get("prefix"), place.get("cursor")
        return (prefix, cursor) if prefix in self._kept else (next(iter(self._kept)), None)


@routes.cron("* * * * *")
async def remove_expired(tick: Tick, expiry: Expiry) -> dict[str, Any]:
    """Remove answers of Discogs, and rows of imports, that are older than their use: some in each run."""
    return {} if tick.is_dry else {"objects": await expiry.step()}
