"""API keys: shown once, kept as hashes in the table `api_keys`, each with a role, an end, and what it is bound to."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import NamedTuple

from pydantic_core import from_json, to_json

from edge.access import ADMIN, Actor, Role
from edge.auth.proofs import Proofs
from edge.auth.static_key import hashed
from edge.errors import Unauthorized
from edge.instants import to_text
from edge.ports import Background, Clock, Row, SystemDatabase

PREFIX = "key_"
"""What every key begins with, so that a scanner of secrets knows one."""
USE_NOTED = timedelta(minutes=1)
"""The last use of a key is known as exactly as this: not every request writes a row."""

COLUMNS = "id, name, role, prefix, subjects, daily_calls, actor, expires_at, revoked_at, last_used_at, created_at"
"""All but the hash."""
_INSERT = (
    "INSERT INTO api_keys (id, name, role, prefix, hash, subjects, daily_calls, actor, expires_at) "
    f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING {COLUMNS}"
)
_BY_ID = "SELECT * FROM api_keys WHERE id = ?"
_UPDATE = "UPDATE api_keys SET updated_at = CURRENT_TIMESTAMP,"
_REVOKE = f"{_UPDATE} revoked_at = coalesce(revoked_at, ?) WHERE id = ? RETURNING {COLUMNS}"
_USED = f"{_UPDATE} last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)"


class NewKey(NamedTuple):
    """What a key is to be; `subjects` None for everything, `daily_calls` None for no quota."""

    name: str
    role: Role
    subjects: Sequence[str] | None = None
    daily_calls: int | None = None
    expires_at: datetime | None = None


class ApiKeys:
    """Makes keys and knows them: in `key_<id>.<secret>.<proof>` the id finds the row, the hash of the whole proves it.

    The proof tells a guess from a key without a look-up. Keys that were made without a signing key have none.
    """

    def __init__(self, db: SystemDatabase, clock: Clock) -> None:
        self._db, self._clock = db, clock

    def now(self) -> float:
        """Return the present instant in Unix seconds."""
        return self._clock.now().timestamp()

    async def make(self, wanted: NewKey, by: str, proofs: Proofs | None = None) -> tuple[str, Row]:
        """Make a key; return its text, which nobody can be told again, and its row."""
        name = "".join(mark if mark.isascii() and mark.isalnum() else "-" for mark in wanted.name.lower())
        key_id = f"{name[:24].strip('-') or 'key'}-{secrets.token_hex(4)}"
        text = f"{PREFIX}{key_id}.{secrets.token_urlsafe(32)}"
        text = proofs.prove(text) if proofs else text
        subjects = None if wanted.subjects is None else to_json(sorted(set(wanted.subjects))).decode()
        expires_at = to_text(wanted.expires_at) if wanted.expires_at else None
        shown = text[: text.index(".") + 5]
        row = await self._db.first(
            _INSERT, key_id, wanted.name, int(wanted.role), shown, hashed(text), subjects, wanted.daily_calls, by,
            expires_at,
        )  # fmt: skip
        assert row is not None
        return text, row

    async def find(self, text: str, background: Background) -> Actor:
        """Return whose key this is, and note its use; `Unauthorized` where it is none, was revoked, or has expired."""
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
        """Return the caller of a key by its id; `Unauthorized` where it was revoked, has expired or is gone."""
        row = await self._db.first(_BY_ID, key_id)
        if row is None:
            raise Unauthorized("the key is gone")
        return actor_of(row, self.now())

    async def revoke(self, key_id: str) -> Row | None:
        """Revoke a key and return its row; None where there is no such key."""
        return await self._db.first(_REVOKE, to_text(self._clock.now()), key_id)


def actor_of(row: Row, now: float) -> Actor:
    """Return the caller of a key's row; `Unauthorized` where the key was revoked, has expired or contradicts itself."""
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
    """Raise `Unauthorized` where a key has expired."""
    if actor.expires_at is not None and actor.expires_at <= now:
        raise Unauthorized("the key has expired")


def _epoch(text: str) -> float:
    """Return the Unix seconds of an instant, in UTC where it names no zone; ValueError where it is none."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
