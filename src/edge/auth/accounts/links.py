"""Single-use links of mails: only a hash is stored, and one conditional DELETE uses the link up."""

import secrets
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256

from edge.auth.accounts.users import User
from edge.errors import NotFound
from edge.instants import to_text
from edge.ports import Clock, Row, Statement, SystemDatabase

LONGEST_TOKEN = 100

_INSERT = (
    "INSERT INTO account_links (id, purpose, user_id, email, profile, expires_at) SELECT ?1, ?2, ?3, ?4, ?5, ?6 "
    "WHERE ?3 IS NULL OR EXISTS (SELECT 1 FROM user_passwords WHERE user_id = ?3 AND hash = ?7) RETURNING id"
)
_FIND = "SELECT user_id, email, profile FROM account_links WHERE id = ? AND purpose = ? AND expires_at > ?"
_USE = "DELETE FROM account_links WHERE id = ? AND purpose = ? AND expires_at > ? RETURNING user_id, email, profile"


class Purpose(StrEnum):
    """The purpose of a link; each has its own lifetime."""

    REGISTER = "register"
    RESET = "reset"
    EMAIL = "email"


LIFETIMES = {
    Purpose.REGISTER: timedelta(hours=24),
    Purpose.RESET: timedelta(minutes=30),
    Purpose.EMAIL: timedelta(hours=1),
}


class LinkNotValid(NotFound):
    """The link was used already, has expired, or never existed."""

    title = "The link was used already, has expired, or never existed"


class Links:
    """Makes and uses links."""

    def __init__(self, db: SystemDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def make(
        self, purpose: Purpose, email: str, user: User | None = None, profile: str | None = None
    ) -> str | None:
        """Store a link and return its token of 256 random bits; None if its user's password has changed since."""
        token = secrets.token_urlsafe(32)
        expires_at = to_text(self._clock.now() + LIFETIMES[purpose])
        of_user = (None, None) if user is None else (user.id, user.hash)
        values = (_hashed(token), purpose, of_user[0], email, profile, expires_at, of_user[1])
        return token if await self._db.first(_INSERT, *values) else None

    async def find(self, purpose: Purpose, token: str) -> Row:
        """Return a link without using it: its user's id, address and profile; `LinkNotValid` if there is none."""
        return self._require_link(await self._db.first(_FIND, *self._values(purpose, token)))

    async def use(self, purpose: Purpose, token: str) -> Row:
        """Use a link up and return it; `LinkNotValid` if there is none, or another request was quicker."""
        return self._require_link(await self._db.first(_USE, *self._values(purpose, token)))

    def dropping(self, user_id: str) -> Statement:
        """Return the statement that drops all links of a user."""
        return Statement("DELETE FROM account_links WHERE user_id = ?", (user_id,))

    def _values(self, purpose: Purpose, token: str) -> tuple[str, str, str]:
        return _hashed(token), purpose, to_text(self._clock.now())

    def _require_link(self, row: Row | None) -> Row:
        if row is None:
            raise LinkNotValid("ask for a new one")
        return row


def _hashed(token: str) -> str:
    return sha256(token.encode(errors="surrogatepass")).hexdigest()
