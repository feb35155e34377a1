"""Keys' standing, remembered for half a minute, so that their tokens cost few look-ups."""

from typing import NamedTuple

from edge.access import Actor
from edge.errors import Unauthorized
from edge.parts.keys import ApiKeys, check_end

MEMORY_S = 30.0
"""Seconds after which a key is looked up anew: for so long a revocation may go unnoticed by another process."""
MOST_KNOWN = 2000
"""Keys that are remembered; one more drops the one that was looked up first."""


class Standing(NamedTuple):
    """A key's caller, or None and the reason why there is none; to be looked up again at `until` (Unix seconds)."""

    actor: Actor | None
    refusal: str
    until: float


class KnownKeys:
    """Remembers how keys stand. Of one process or isolate; made at the first event, never at import."""

    def __init__(self) -> None:
        self._known: dict[str, Standing] = {}
        self._forgotten = 0

    async def stand(self, key_id: str, keys: ApiKeys) -> Actor:
        """Return the caller of a key as it stood lately; `Unauthorized` where it was revoked, is over or is gone."""
        now = keys.now()
        known = self._known.get(key_id)
        if known is None or not now < known.until <= now + MEMORY_S:
            known = await self._look_up(key_id, keys, now)
        if known.actor is None:
            raise Unauthorized(known.refusal)
        check_end(known.actor, now)
        return known.actor

    def forget(self, key_id: str) -> None:
        """Forget a key that has changed, and what look-ups that are under way will say of any."""
        self._known.pop(key_id, None)
        self._forgotten += 1

    async def _look_up(self, key_id: str, keys: ApiKeys, now: float) -> Standing:
        forgotten = self._forgotten
        try:
            known = Standing(await keys.stand(key_id), "", now + MEMORY_S)
        except Unauthorized as refused:
            known = Standing(None, refused.detail, now + MEMORY_S)
        if forgotten == self._forgotten:
            if len(self._known) >= MOST_KNOWN and key_id not in self._known:
                del self._known[next(iter(self._known))]
            self._known[key_id] = known
        return known
