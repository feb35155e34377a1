"""Keys of callers: API keys, shown once and stored as hashes; the one key of a setting; a cache and proofs of keys."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple, Protocol

from pydantic_core import from_json, to_json

from edge.access import ADMIN, Actor, Role
from edge.auth.tokens import KID_LENGTH, kid_of
from edge.errors import Unauthorized
from edge.instants import to_text
from edge.ports import Background, Clock, Row, SystemDatabase
from edge.request import Request
from edge.settings import HASHED, Secret

ADMINISTRATOR = Actor("admin", ADMIN)
"""The caller with an app's one key."""


def require_key(request: Request, expected: Secret) -> Actor:
    """Return the administrator for the one key; `Unauthorized` for any other."""
    if not matches(presented_key(request), expected):
        raise Unauthorized("the key is not known")
    return ADMINISTRATOR


def matches(presented: str, expected: Secret) -> bool:
    """Tell whether a presented key is that of a setting, which holds the key, or `sha256:` and its hash.

    The time of a comparison may show the key's length, which is no secret, and nothing of its text.
    """
    setting = expected.get_secret_value()
    if setting.startswith(HASHED):
        return compare_digest(sha256(_bytes_of(presented)).digest(), _digest_of(setting))
    if presented.isascii() and setting.isascii():
        return compare_digest(presented, setting)
    return compare_digest(_bytes_of(presented), _bytes_of(setting))


def _bytes_of(key: str) -> bytes:
    return key.encode(errors="surrogatepass")


@lru_cache(maxsize=16)
def _digest_of(setting: str) -> bytes:
    """Return the digest of the key that a setting stands for; of a malformed hash, none that any key has."""
    try:
        return bytes.fromhex(hash_of(setting))
    except ValueError:
        return b""


def hash_of(setting: str) -> str:
    """Return the hash of the key in a setting."""
    return setting.removeprefix(HASHED).lower() if setting.startswith(HASHED) else hashed(setting)


def hashed(text: str) -> str:
    """Return the SHA-256 of a key, in hex. A key has 256 random bits, so one round is as good as a slow hash."""
    return sha256(_bytes_of(text)).hexdigest()


LIFETIME_S = 30.0
"""Seconds that a looked-up key is cached: a revocation may go unnoticed for so long by another process."""
MOST_KEYS = 2000
"""Keys in the cache; a further one drops the oldest."""


class CachedKey(NamedTuple):
    """A key's caller, or None and the reason for its refusal; expires at `until` (Unix seconds)."""

    actor: Actor | None
    refusal: str
    until: float


MAC_BYTES = 16
"""Bytes of a proof: nobody guesses 128 bits."""


class Proofs:
    """Proves texts of one purpose with the first of its keys, and recognises proofs by any of them."""

    def __init__(self, purpose: str, keys: Sequence[str]) -> None:
        self._prove_with = kid_of(keys[0])
        self._keys = {kid_of(key): hmac.digest(key.encode(), f"proofs of {purpose}".encode(), "sha256") for key in keys}

    def prove(self, text: str) -> str:
        """Return the text with its proof: `.`, the id of the signing key, and a code of 22 characters."""
        return f"{text}.{self._prove_with}{self._code(text, self._prove_with)}"

    def check(self, proved: str) -> bool | None:
        """Tell whether this server has proved a text; None if its key is unknown, or there is no proof."""
        text, _, proof = proved.rpartition(".")
        kid = proof[:KID_LENGTH]
        if kid not in self._keys:
            return None
        return hmac.compare_digest(proof[KID_LENGTH:].encode(errors="surrogatepass"), self._code(text, kid).encode())

    def _code(self, text: str, kid: str) -> str:
        code = hmac.digest(self._keys[kid], text.encode(errors="surrogatepass"), "sha256")[:MAC_BYTES]
        return urlsafe_b64encode(code).rstrip(b"=").decode()


PREFIX = "key_"
"""The prefix of every key, so that secret scanners recognise it."""
USE_NOTED = timedelta(minutes=1)
"""The precision of a key's last use: not every request writes a row."""

COLUMNS = "id, name, role, prefix, subjects, daily_calls, actor, expires_at, revoked_at, last_used_at, created_at"
"""All columns but the hash."""
_INSERT = (
    "INSERT INTO api_keys (id, name, role, prefix, hash, subjects, daily_calls, actor, expires_at) "
    f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING {COLUMNS}"
)
_BY_ID = "SELECT * FROM api_keys WHERE id = ?"
_UPDATE = "UPDATE api_keys SET updated_at = CURRENT_TIMESTAMP,"
_REVOKE = f"{_UPDATE} revoked_at = coalesce(revoked_at, ?) WHERE id = ? RETURNING {COLUMNS}"
_USED = f"{_UPDATE} last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)"


class NewKey(NamedTuple):
    """The attributes of a new key; `subjects` None for everything, `daily_calls` None for no quota."""

    name: str
    role: Role
    subjects: Sequence[str] | None = None
    daily_calls: int | None = None
    expires_at: datetime | None = None


class ApiKeys:
    """Makes and looks up keys: in `key_<id>.<secret>.<proof>` the id finds the row, the hash of the whole proves it.

    The proof tells a guess from a key without a look-up. Keys that were made without a signing key have none.
    """

    def __init__(self, db: SystemDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def now(self) -> float:
        """Return the present instant in Unix seconds."""
        return self._clock.now().timestamp()

    async def make(self, new_key: NewKey, by: str, proofs: Proofs | None = None) -> tuple[str, Row]:
        """Make a key; return its text, which is not stored, and its row."""
        name = "".join(mark if mark.isascii() and mark.isalnum() else "-" for mark in new_key.name.lower())
        key_id = f"{name[:24].strip('-') or 'key'}-{secrets.token_hex(4)}"
        text = f"{PREFIX}{key_id}.{secrets.token_urlsafe(32)}"
        text = proofs.prove(text) if proofs else text
        subjects = None if new_key.subjects is None else to_json(sorted(set(new_key.subjects))).decode()
        expires_at = to_text(new_key.expires_at) if new_key.expires_at else None
        prefix = text[: text.index(".") + 5]
        row = await self._db.first(
            _INSERT,
            key_id,
            new_key.name,
            int(new_key.role),
            prefix,
            hashed(text),
            subjects,
            new_key.daily_calls,
            by,
            expires_at,
        )
        assert row is not None
        return text, row

    async def find(self, text: str, background: Background) -> Actor:
        """Return the caller of a key and record the use; `Unauthorized` if it is unknown, revoked, or expired."""
        key_id = text.removeprefix(PREFIX).partition(".")[0]
        row = await self._db.first(_BY_ID, key_id[:100]) if key_id.isascii() else None
        if not compare_digest(hashed(text), row["hash"] if row else hashed("")) or row is None:
            raise Unauthorized("the key is not known")
        now = self._clock.now()
        actor = actor_of(row, now.timestamp())
        before = to_text(now - USE_NOTED)
        if (row["last_used_at"] or "") < before:
            background.add(self._db.run(_USED, to_text(now), row["id"], before))
        return actor

    async def look_up(self, key_id: str) -> Actor:
        """Return the caller of a key by its id; `Unauthorized` if it was revoked, has expired or is gone."""
        row = await self._db.first(_BY_ID, key_id)
        if row is None:
            raise Unauthorized("the key is gone")
        return actor_of(row, self.now())

    async def revoke(self, key_id: str) -> Row | None:
        """Revoke a key and return its row; None if there is no such key."""
        return await self._db.first(_REVOKE, to_text(self._clock.now()), key_id)


def actor_of(row: Row, now: float) -> Actor:
    """Return the caller of a key's row; `Unauthorized` if revoked, expired or contradictory."""
    if row["revoked_at"]:
        raise Unauthorized("the key was revoked")
    try:
        subjects = None if row["subjects"] is None else frozenset(from_json(row["subjects"]))
        expires_at = _epoch(row["expires_at"]) if row["expires_at"] else None
    except (TypeError, ValueError):
        raise Unauthorized("the key's row cannot be read") from None
    actor = Actor(row["id"], Role(row["role"]), subjects, row["daily_calls"], expires_at=expires_at)
    if actor.role is ADMIN and subjects is not None:
        raise Unauthorized("the key is an administrator's and bound to subjects: it opens nothing")
    check_end(actor, now)
    return actor


def check_end(actor: Actor, now: float) -> None:
    """Raise `Unauthorized` if a key has expired."""
    if actor.expires_at is not None and actor.expires_at <= now:
        raise Unauthorized("the key has expired")


def _epoch(text: str) -> float:
    """Return the Unix seconds of an instant, in UTC if it names no zone; ValueError if it is invalid."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class Credentials(Protocol):
    """Looks up credentials by their ids."""

    def now(self) -> float:
        """Return the present instant in Unix seconds."""

    async def look_up(self, key_id: str) -> Actor:
        """Return the caller of a credential; `Unauthorized` if it was revoked, has expired or is gone."""


class KeyCache:
    """The key cache of one process or isolate. It is made at the first event, never at import."""

    def __init__(self) -> None:
        self._entries: dict[str, CachedKey] = {}
        self._drops = 0

    async def look_up(self, key_id: str, keys: Credentials) -> Actor:
        """Return the caller of a key, at most 30 s old; `Unauthorized` if revoked, expired or gone."""
        now = keys.now()
        entry = self._entries.get(key_id)
        if entry is None or not now < entry.until <= now + LIFETIME_S:
            entry = await self._load(key_id, keys, now)
        if entry.actor is None:
            raise Unauthorized(entry.refusal)
        check_end(entry.actor, now)
        return entry.actor

    def drop(self, key_id: str) -> None:
        """Drop a changed key; results of look-ups under way are not cached either."""
        self._entries.pop(key_id, None)
        self._drops += 1

    async def _load(self, key_id: str, keys: Credentials, now: float) -> CachedKey:
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


def presented_key(request: Request) -> str:
    """Return the credential of a request; `Unauthorized` without one."""
    key = sent_key(request)
    if key is None:
        raise Unauthorized("send Authorization: Bearer <key> or X-API-Key: <key>")
    return key


def sent_key(request: Request) -> str | None:
    """Return the credential of `Authorization: Bearer` or `X-API-Key`; None without one."""
    header = request.headers.get("authorization")
    if header and (header.startswith("Bearer ") or header[:7].lower() == "bearer ") and (token := header[7:].strip()):
        return token
    return request.headers.get("x-api-key") or None
