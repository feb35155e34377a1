"""API keys: shown once, kept as hashes in the table `api_keys`, each with a role, an end, and what it is bound to."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from pydantic_core import from_json, to_json

from edge.access import Actor, Role
from edge.errors import Unauthorized
from edge.instants import to_text
from edge.ports import Background, Clock, Database, Row

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
_USED = "UPDATE api_keys SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)"


class NewKey(NamedTuple):
    """What a key is to be; `subjects` None for everything, `daily_calls` None for no quota."""

    name: str
    role: Role
    subjects: Sequence[str] | None = None
    daily_calls: int | None = None
    expires_at: datetime | None = None


class ApiKeys:
    """Makes keys and knows them: in `key_<id>.<secret>` the id finds the row, the hash of the whole proves it."""

    def __init__(self, db: Database, clock: Clock, background: Background) -> None:
        self._db, self._clock, self._background = db, clock, background

    async def make(self, wanted: NewKey, by: str) -> tuple[str, Row]:
        """Make a key; return its text, which nobody can be told again, and its row."""
        name = "".join(mark if mark.isascii() and mark.isalnum() else "-" for mark in wanted.name.lower())
        key_id = f"{name[:24].strip('-') or 'key'}-{secrets.token_hex(4)}"
        text = f"{PREFIX}{key_id}.{secrets.token_urlsafe(32)}"
        subjects = None if wanted.subjects is None else to_json(sorted(set(wanted.subjects))).decode()
        expires_at = to_text(wanted.expires_at) if wanted.expires_at else None
        shown = text[: text.index(".") + 5]
        row = await self._db.first(
            _INSERT, key_id, wanted.name, int(wanted.role), shown, hashed(text), subjects, wanted.daily_calls, by,
            expires_at,
        )  # fmt: skip
        assert row is not None
        return text, row

    async def find(self, text: str) -> Actor:
        """Return whose key this is; `Unauthorized` where it is none, was revoked, or has expired."""
        key_id = text.removeprefix(PREFIX).partition(".")[0]
        row = await self._db.first("SELECT * FROM api_keys WHERE id = ?", key_id[:100])
        if not compare_digest(hashed(text), row["hash"] if row else hashed("")) or row is None:
            raise Unauthorized("the key is not known")
        now = self._clock.now()
        if row["revoked_at"] or (row["expires_at"] and row["expires_at"] <= to_text(now)):
            raise Unauthorized("the key was revoked" if row["revoked_at"] else "the key has expired")
        before = to_text(now - USE_NOTED)
        if (row["last_used_at"] or "") < before:
            self._background.add(self._db.run(_USED, to_text(now), row["id"], before))
        return actor_of(row)

    async def check(self, key_id: str) -> None:
        """Raise `Unauthorized` where a key was revoked, has expired, or never was."""
        row = await self._db.first("SELECT revoked_at, expires_at FROM api_keys WHERE id = ?", key_id)
        if row is None or row["revoked_at"] or (row["expires_at"] and row["expires_at"] <= to_text(self._clock.now())):
            raise Unauthorized("the key was revoked or has expired")


def actor_of(row: Row) -> Actor:
    """Return the caller that a key's row stands for."""
    subjects = frozenset(from_json(row["subjects"])) if row["subjects"] else None
    return Actor(row["id"], Role(row["role"]), subjects, row["daily_calls"])


def hashed(text: str) -> str:
    """Return what is kept of a key. It has 256 random bits, so one round of SHA-256 is as good as a slow hash."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()
