"""Users: their rows and passwords."""

import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edge.instants import to_text
from edge.ports import Clock, Result, Row, Statement, SystemDatabase, Value

PREFIX = "usr_"

_BY_EMAIL = "SELECT u.id, u.email, p.hash FROM users u JOIN user_passwords p ON p.user_id = u.id WHERE u.email_key = ?"
_BY_ID = "SELECT u.*, p.hash, p.changed_at FROM users u JOIN user_passwords p ON p.user_id = u.id WHERE u.id = ?"
_SET_PASSWORD = "UPDATE user_passwords SET hash = ?, changed_at = ? WHERE user_id = ? AND hash = ? RETURNING user_id"
_RESET_PASSWORD = "UPDATE user_passwords SET hash = ?, changed_at = ? WHERE user_id = ? RETURNING user_id"
_CONFIRM = "UPDATE users SET confirmed_at = coalesce(confirmed_at, ?), updated_at = ? WHERE id = ?"
_SET_EMAIL = "UPDATE users SET email = ?, email_key = ?, confirmed_at = ?, updated_at = ? WHERE id = ? RETURNING id"
_REHASH = "UPDATE user_passwords SET hash = ? WHERE user_id = ? AND hash = ?"


class User(NamedTuple):
    """A user with the stored hash of the password."""

    id: str
    email: str
    hash: str


class Users:
    """Finds and changes users."""

    def __init__(self, db: SystemDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def by_email(self, email: str) -> User | None:
        """Return the user with an address, in any case, or None."""
        row = await self._db.first(_BY_EMAIL, key_of(email))
        return User(row["id"], row["email"], row["hash"]) if row else None

    async def by_id(self, user_id: str) -> User | None:
        """Return the user with an id, or None."""
        row = await self.row(user_id)
        return User(row["id"], row["email"], row["hash"]) if row else None

    async def row(self, user_id: str) -> Row | None:
        """Return the whole row of a user, with the columns of the app, or None."""
        return await self._db.first(_BY_ID, user_id)

    def adding(
        self, email: str, password_hash: str, profile: Mapping[str, Value], *, is_confirmed: bool = False
    ) -> tuple[str, list[Statement]]:
        """Return the id of a new user and the statements that add it; `profile` has columns of the app."""
        user_id = PREFIX + secrets.token_hex(12)
        now = to_text(self._clock.now())
        own: dict[str, Value] = {
            "id": user_id,
            "email": email,
            "email_key": key_of(email),
            "confirmed_at": now if is_confirmed else None,
            "created_at": now,
            "updated_at": now,
        }
        columns = {**profile, **own}
        marks = ", ".join("?" * len(columns))
        return user_id, [
            Statement(f"INSERT INTO users ({', '.join(columns)}) VALUES ({marks})", [*columns.values()]),
            Statement(
                "INSERT INTO user_passwords (user_id, hash, changed_at) VALUES (?, ?, ?)",
                (user_id, password_hash, now),
            ),
        ]

    def changing_password(self, user: User, password_hash: str) -> Statement:
        """Return the statement that replaces the password, unless it was replaced meanwhile."""
        return Statement(_SET_PASSWORD, (password_hash, to_text(self._clock.now()), user.id, user.hash))

    def resetting_password(self, user_id: str, password_hash: str) -> list[Statement]:
        """Return the statements that replace a user's password and confirm the address, after a reset by mail."""
        now = to_text(self._clock.now())
        return [Statement(_RESET_PASSWORD, (password_hash, now, user_id)), Statement(_CONFIRM, (now, now, user_id))]

    def changing_email(self, user_id: str, email: str) -> Statement:
        """Return the statement that replaces the address; it raises `UniqueViolation` if another user has it."""
        now = to_text(self._clock.now())
        return Statement(_SET_EMAIL, (email, key_of(email), now, now, user_id))

    def removing(self, user_id: str) -> Statement:
        """Return the statement that removes a user and, by foreign keys, the user's rows."""
        return Statement("DELETE FROM users WHERE id = ? RETURNING id", (user_id,))

    async def rehash(self, user: User, password_hash: str) -> None:
        """Replace a hash by one of the present cost, unless the password was changed meanwhile."""
        await self._db.run(_REHASH, password_hash, user.id, user.hash)

    async def commit(self, statements: Sequence[Statement]) -> list[Result]:
        """Run statements in one transaction and return the result of each."""
        return await self._db.batch(statements)


def key_of(email: str) -> str:
    """Return the normal form of an address, by which users are identified."""
    return email.strip().lower()
