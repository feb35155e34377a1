"""A cache of API keys' callers for half a minute, so that tokens cost few look-ups."""

from typing import NamedTuple

from edge.access import Actor
from edge.auth.keys import ApiKeys, check_end
from edge.errors import Unauthorized

LIFETIME_S = 30.0
"""Seconds after which a key is looked up again: for so long a revocation may go unnoticed by another process."""
MOST_KEYS = 2000
"""Keys in the cache; a further one drops the oldest."""


class CachedKey(NamedTuple):
    """A key's caller, or None and the reason for its refusal; expires at `until` (Unix seconds)."""

    actor: Actor | None
    refusal: str
    until: float


class KeyCache:
    """The cache of one process or isolate. It is made at the first event, never at import."""

    def __init__(self) -> None:
        self._entries: dict[str, CachedKey] = {}
        self._drops = 0

    async def look_up(self, key_id: str, keys: ApiKeys) -> Actor:
        """Return the caller of a key, at most 30 s old; `Unauthorized` where it was revoked, is over or is gone."""
        now = keys.now()
        entry = self._entries.get(key_id)
        if entry is None or not now < entry.until <= now + LIFETIME_S:
            entry = await self._load(key_id, keys, now)
        if entry.actor is None:
            raise Unauthorized(entry.refusal)
        check_end(entry.actor, now)
        return entry.actor

    def drop(self, key_id: str) -> None:
        """Drop a key that has changed; results of look-ups under way are not cached either."""
        self._entries.pop(key_id, None)
        self._drops += 1

    async def _load(self, key_id: str, keys: ApiKeys, now: float) -> CachedKey:
        drops = self._drops
        try:
            entry = CachedKey(await keys.look_up(key_id), "", now + LIFETIME_S)
        except Unauthorized as refusal:
            entry = CachedKey(None, refusal.detail, now + LIFETIME_S)
        if drops == self._drops:
            if len(self._entries) >= MOST_KEYS and key_id not in self._entries:
                del self._entries[next(iter(self._entries))]
            self._entries[key_id] = entry
        return entry
