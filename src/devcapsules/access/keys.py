"""Widget keys (`dk_…`) and page tokens (`pg_…`): creation and verification.

A key is public, as it is part of a page's HTML: it can run code, read capsules that are not private, and send events.
The page of a widget gets a token for one capsule, as requests of a frame have this service's own origin.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from pydantic_core import from_json, to_json

from devcapsules.settings import CapsuleSettings
from edge import READER, Actor, Clock, SystemDatabase, Unauthorized
from edge.auth.keys import Proofs, hashed
from edge.instants import from_text, to_text
from edge.ports import Row

KEY_PREFIX = "dk_"
PAGE_PREFIX = "pg_"
PREFIX_LENGTH = 11
"""Characters of a key that are stored unhashed, so that its owner can recognise it."""
PAGE_LIFETIME_S = 15 * 60
RENEWABLE_S = 12 * 60 * 60
"""Seconds after its first token during which a page may renew it."""
LONGEST_TOKEN = 1_000

_BY_HASH = "SELECT * FROM api_keys WHERE hash = ?"
_BY_ID = "SELECT * FROM api_keys WHERE id = ?"
_USED = "UPDATE api_keys SET last_used_at = ? WHERE id = ? AND coalesce(last_used_at, '') < ?"


class NewKey(NamedTuple):
    """A new key: its text, which is not stored, its id, its visible prefix, and its hash."""

    text: str
    id: str
    prefix: str
    hash: str


class Visit(NamedTuple):
    """A visit of a widget's page: its key and account, the capsule, the anonymous learner, and its period."""

    key_id: str
    user_id: str
    capsule_id: str
    learner: str
    began: int
    until: int


def make_key() -> NewKey:
    """Generate a key of 256 random bits."""
    text = KEY_PREFIX + secrets.token_urlsafe(32)
    return NewKey(text, f"wk_{secrets.token_hex(8)}", text[:PREFIX_LENGTH], hashed(text))


class WidgetKeys:
    """Verifies widget keys, and issues and verifies page tokens."""

    def __init__(self, db: SystemDatabase, clock: Clock, settings: CapsuleSettings) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings

    async def find(self, text: str) -> Row:
        """Return the row of a key; raises `Unauthorized` if it is unknown, revoked or expired."""
        return await self._usable(await self._db.first(_BY_HASH, hashed(text)))

    async def by_id(self, key_id: str) -> Row:
        """Return the row of a key by id; raises `Unauthorized` like `find`."""
        return await self._usable(await self._db.first(_BY_ID, key_id))

    def issue(self, key: Row, capsule_id: str, learner: str, began: int | None = None) -> tuple[str, Visit]:
        """Issue a page token; return it with its visit."""
        now = int(self._clock.now().timestamp())
        visit = Visit(key["id"], key["user_id"], capsule_id, learner, began or now, now + PAGE_LIFETIME_S)
        text = PAGE_PREFIX + urlsafe_b64encode(to_json(visit)).rstrip(b"=").decode()
        return self._proofs().prove(text), visit

    def read(self, token: str, *, may_be_expired: bool = False) -> Visit:
        """Return the visit of a token; raises `Unauthorized` for an invalid or expired token."""
        if len(token) > LONGEST_TOKEN or not self._proofs().check(token):
            raise Unauthorized("the page token is invalid: reload the page")
        text = token.rpartition(".")[0].removeprefix(PAGE_PREFIX)
        visit = Visit(*from_json(urlsafe_b64decode(text + "=" * (-len(text) % 4))))
        now = self._clock.now().timestamp()
        if now >= visit.began + RENEWABLE_S or (now >= visit.until and not may_be_expired):
            raise Unauthorized("the page token has expired: renew it or reload the page")
        return visit

    async def _usable(self, row: Row | None) -> Row:
        if row is None:
            raise Unauthorized("the key is unknown")
        now = self._clock.now()
        if row["revoked_at"]:
            raise Unauthorized("the key was revoked")
        if row["expires_at"] and from_text(row["expires_at"]) <= now:
            raise Unauthorized("the key has expired")
        minute = to_text(now.replace(second=0, microsecond=0))
        if (row["last_used_at"] or "") < minute:
            await self._db.run(_USED, to_text(now), row["id"], minute)
        return row

    def _proofs(self) -> Proofs:
        return Proofs("page tokens", self._settings.signing_keys())


def origins_of(key: Row) -> list[str]:
    """Return the origins of pages that may embed widgets with a key."""
    listed: list[str] = from_json(key["origins"])
    return listed


def actor_of(key: Row) -> Actor:
    """Return the actor of a key, bound to the account of its owner."""
    return Actor(key["id"], READER, frozenset({key["user_id"]}))
