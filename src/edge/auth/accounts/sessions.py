"""Sessions: families of refresh tokens, which rotate without logging anybody out.

A token is `<session>.<counter>.<proof>`: nothing of it is stored, and the same counter gives the same token again. Only
the token of the present counter rotates, at most once a minute. Its direct parent gets the present token too: for ten
seconds from the rotation, and for a day if the present one was never used, as its answer may have been lost. Any
other token of the family was stolen, or its successor was: the family ends.
"""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from hmac import digest
from typing import Any, NamedTuple

from edge.access import READER, Actor
from edge.auth.keys import Proofs
from edge.errors import Unauthorized
from edge.instants import from_text, to_text
from edge.ports import Clock, Row, Statement, SystemDatabase

PREFIX = "ses_"
IDLE = timedelta(days=30)
"""Time without a refresh after which a session expires."""
LONGEST = timedelta(days=180)
"""Time after which a session expires in any case."""
LONGEST_CLIENT = 200

_COLUMNS = "id, user_id, counter, rotated_at, used_at, created_at, expires_at, ended_at, ended_by"
_BY_ID = f"SELECT {_COLUMNS} FROM refresh_tokens WHERE id = ?"
_INSERT = (
    "INSERT INTO refresh_tokens "
    "(id, user_id, counter, rotated_at, client, network, created_at, last_used_at, expires_at) "
    "SELECT ?, ?, 0, ?, ?, ?, ?, ?, ? "
    "WHERE EXISTS (SELECT 1 FROM users u LEFT JOIN user_passwords p ON p.user_id = u.id "
    "WHERE u.id = ? AND p.hash IS coalesce(?, p.hash)) RETURNING id"
)
_ROTATE = (
    "UPDATE refresh_tokens SET counter = counter + 1, rotated_at = ?, used_at = NULL, last_used_at = ?, expires_at = ? "
    "WHERE id = ? AND counter = ? AND ended_at IS NULL RETURNING counter"
)
_USE = "UPDATE refresh_tokens SET used_at = ? WHERE id = ? AND counter = ? AND used_at IS NULL AND ended_at IS NULL"
_END = "UPDATE refresh_tokens SET ended_at = ?, ended_by = ? WHERE ended_at IS NULL AND"
_LIVE = "SELECT user_id FROM refresh_tokens WHERE id = ? AND ended_at IS NULL AND expires_at > ?"


MOST_SESSIONS = 100
"""Most open sessions of a user; a further log-in ends the least recently used one."""


class End(StrEnum):
    """The reason for which a session ended."""

    REUSE = "reuse"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Verdict(StrEnum):
    """The answer to a presented refresh token."""

    ROTATE = "rotate"
    REPEAT = "repeat"
    REUSE = "reuse"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class SessionEnded(Unauthorized):
    """The session has ended; `reason` is an `End`."""

    title = "The session has ended"

    def __init__(self, reason: End) -> None:
        super().__init__("log in again")
        self.extra = {"reason": reason.value}


class TokenUnknown(Unauthorized):
    """The refresh token is not known."""

    title = "The refresh token is not known"


class Refreshed(NamedTuple):
    """An open session: its present refresh token, and whether it differs from the presented one."""

    session_id: str
    user_id: str
    token: str
    is_new: bool


class ReuseFound(Exception):
    """A replaced refresh token was presented; its family has just ended."""

    def __init__(self, session_id: str, user_id: str) -> None:
        super().__init__(session_id)
        self.session_id = session_id
        self.user_id = user_id


class Rotation(NamedTuple):
    """The rules of rotation, in seconds.

    A family rotates once in `every_s`. From a rotation on, the parent is accepted for `grace_s`, and for `lost_s` if
    its successor was never used.
    """

    every_s: float = 60.0
    grace_s: float = 10.0
    lost_s: float = 86_400.0


ROTATION = Rotation()


def judge(family: Row, presented: int, now: float, rules: Rotation = ROTATION) -> Verdict:
    """Return the verdict on the token with a counter; `now` is in Unix seconds."""
    if family["ended_at"]:
        return Verdict.REUSE if family["ended_by"] == End.REUSE else Verdict.REVOKED
    if from_text(family["expires_at"]).timestamp() <= now:
        return Verdict.EXPIRED
    age = now - family["rotated_at"]
    if presented == family["counter"]:
        return Verdict.ROTATE if age >= rules.every_s else Verdict.REPEAT
    if presented > family["counter"]:
        return Verdict.UNKNOWN
    is_parent = presented == family["counter"] - 1
    in_grace = age <= rules.grace_s or (family["used_at"] is None and age <= rules.lost_s)
    return Verdict.REPEAT if is_parent and in_grace else Verdict.REUSE


class Sessions:
    """Begins, refreshes and ends sessions."""

    def __init__(self, db: SystemDatabase, clock: Clock, keys: tuple[str, ...], rules: Rotation = ROTATION) -> None:
        self._rules = rules
        self._db = db
        self._clock = clock
        self._proofs = Proofs("refresh tokens", keys)
        self._keys = keys

    def begin(
        self, user_id: str, client: str, network: str, password_hash: str | None = None
    ) -> tuple[Refreshed, Statement]:
        """Return a new session and the statement that stores it and returns its id.

        It stores nothing if the user is gone or, with a `password_hash`, if the password has changed since.
        """
        now = self._clock.now()
        session_id = PREFIX + secrets.token_hex(12)
        times = (to_text(now), to_text(now), to_text(now + IDLE))
        row = (session_id, user_id, now.timestamp(), client[:LONGEST_CLIENT], self.network_mark(network), *times)
        statement = Statement(_INSERT, (*row, user_id, password_hash))
        return Refreshed(session_id, user_id, self._token(session_id, 0), is_new=True), statement

    async def refresh(self, text: str) -> Refreshed:
        """Return the session of a refresh token, rotated if it is due.

        Errors: `TokenUnknown`; `SessionEnded`, with the reason; `ReuseFound` if the token has just ended its family.
        """
        session_id, counter = self._read(text)
        for _ in range(4):
            family = await self._db.first(_BY_ID, session_id)
            if family is None:
                raise SessionEnded(End.REVOKED)
            refreshed = await self._answer(family, counter)
            if refreshed is not None:
                return refreshed
        raise TokenUnknown("the session changed too often meanwhile: try again")

    async def _answer(self, family: Row, counter: int) -> Refreshed | None:
        """Return the session after a refresh; None if it has changed meanwhile."""
        now = self._clock.now()
        verdict = judge(family, counter, now.timestamp(), self._rules)
        if verdict is Verdict.ROTATE:
            return await self._rotate(family, now)
        if verdict is Verdict.REUSE and not family["ended_at"]:
            await self._end_for_reuse(family)
            return None
        if verdict is not Verdict.REPEAT:
            raise _refusal(verdict)
        is_present = counter == family["counter"]
        if is_present and family["used_at"] is None:
            await self._db.run(_USE, now.timestamp(), family["id"], counter)
        return self._refreshed(family, family["counter"], is_new=not is_present)

    async def _rotate(self, family: Row, now: datetime) -> Refreshed | None:
        expires_at = min(now + IDLE, from_text(family["created_at"]) + LONGEST)
        values = (now.timestamp(), to_text(now), to_text(expires_at), family["id"], family["counter"])
        row = await self._db.first(_ROTATE, *values)
        return None if row is None else self._refreshed(family, row["counter"], is_new=True)

    async def _end_for_reuse(self, family: Row) -> None:
        sql = f"{_END} id = ? AND counter = ? RETURNING id"
        values = (to_text(self._clock.now()), End.REUSE, family["id"], family["counter"])
        if await self._db.first(sql, *values):
            raise ReuseFound(family["id"], family["user_id"])

    async def end(self, text: str) -> str | None:
        """End the session of a refresh token, of any age; return its id, None for an unknown token."""
        try:
            session_id, _ = self._read(text)
        except TokenUnknown:
            return None
        await self._db.run(f"{_END} id = ?", to_text(self._clock.now()), End.REVOKED, session_id)
        return session_id

    async def end_one(self, session_id: str, user_id: str) -> bool:
        """End a session of a user; False if the user has no open session with this id."""
        sql = f"{_END} id = ? AND user_id = ? AND expires_at > ? RETURNING id"
        now = to_text(self._clock.now())
        return await self._db.first(sql, now, End.REVOKED, session_id, user_id, now) is not None

    def ending_all(self, user_id: str, password_hash: str | None = None) -> Statement:
        """Return the statement that ends all sessions of a user, if the password hash still matches (when given).

        Its rows are the ids of the sessions.
        """
        sql = f"{_END} user_id = ?"
        values = [to_text(self._clock.now()), End.REVOKED, user_id]
        if password_hash is not None:
            sql += " AND EXISTS (SELECT 1 FROM user_passwords p WHERE p.user_id = ? AND p.hash = ?)"
            values += [user_id, password_hash]
        return Statement(f"{sql} RETURNING id", values)

    def ending_oldest(self, user_id: str) -> Statement:
        """Return the statement that ends the least recently used sessions of a user beyond `MOST_SESSIONS`.

        Its rows are the ids of the sessions.
        """
        oldest = (
            "SELECT id FROM refresh_tokens WHERE user_id = ? AND ended_at IS NULL "
            "ORDER BY last_used_at DESC, rowid DESC LIMIT -1 OFFSET ?"
        )
        values = (to_text(self._clock.now()), End.REVOKED, user_id, MOST_SESSIONS)
        return Statement(f"{_END} id IN ({oldest}) RETURNING id", values)

    async def all_of(self, user_id: str) -> list[Row]:
        """Return the open sessions of a user, the most recently used one first."""
        sql = (
            "SELECT id, client, created_at, last_used_at, expires_at FROM refresh_tokens "
            "WHERE user_id = ? AND ended_at IS NULL AND expires_at > ? ORDER BY last_used_at DESC, id LIMIT 200"
        )
        return await self._db.all(sql, user_id, to_text(self._clock.now()))

    def network_mark(self, network: str) -> str:
        """Return a keyed hash of a network, which does not reveal it."""
        return digest(self._keys[0].encode(), f"network {network}".encode(), "sha256").hex()[:32]

    def _token(self, session_id: str, counter: int) -> str:
        return self._proofs.prove(f"{session_id}.{counter}")

    def _read(self, text: str) -> tuple[str, int]:
        """Return the session and counter of a token; `TokenUnknown` unless it is one of ours."""
        session_id, _, rest = text.partition(".")
        counter = rest.partition(".")[0]
        if not self._proofs.check(text) or not session_id.startswith(PREFIX) or not counter.isdecimal():
            raise TokenUnknown("send a refresh token that this service has issued")
        return session_id, int(counter)

    def _refreshed(self, family: Row, counter: int, *, is_new: bool) -> Refreshed:
        return Refreshed(family["id"], family["user_id"], self._token(family["id"], counter), is_new)


class SessionRows:
    """Looks up sessions by their ids, for the cache of credentials."""

    def __init__(self, db: SystemDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def now(self) -> float:
        """Return the present instant in Unix seconds."""
        return self._clock.now().timestamp()

    async def look_up(self, key_id: str) -> Actor:
        """Return the member of a session; `Unauthorized` if it has ended."""
        row = await self._db.first(_LIVE, key_id, to_text(self._clock.now()))
        if row is None:
            raise Unauthorized("the session has ended: log in again")
        return member(row["user_id"], key_id)


def member(user_id: str, session_id: str) -> Actor:
    """Return a user as a caller."""
    return Actor(user_id, READER, fingerprint=session_id, is_member=True)


def is_session(fingerprint: Any) -> bool:
    """Tell whether a caller's fingerprint is a session's id."""
    return isinstance(fingerprint, str) and fingerprint.startswith(PREFIX)


_REASONS = {Verdict.REUSE: End.REUSE, Verdict.EXPIRED: End.EXPIRED, Verdict.REVOKED: End.REVOKED}


def _refusal(verdict: Verdict) -> Unauthorized:
    reason = _REASONS.get(verdict)
    return TokenUnknown("the refresh token is not known") if reason is None else SessionEnded(reason)
