"""Callers of an app with accounts: members by a session of their own, and the administrator by its key."""

from copy import copy
from datetime import UTC, datetime, timedelta

from edge import Statement
from edge.auth.accounts.members import ACCESS_LIFETIME
from edge.auth.accounts.sessions import Sessions, member
from edge.auth.tokens import Tokens
from edge.testing import Client


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for nothing."""


def signed_in[C: Client](
    client: C, user_id: str, secret: str, lifetime: timedelta = ACCESS_LIFETIME
) -> tuple[C, Statement]:
    """Return a client with a user's access token, and the statement that begins its session."""
    sessions = Sessions(client.ports.settings.db, SystemClock(), (secret,))
    session, statement = sessions.begin(user_id, "a test", "127.0.0.1")
    tokens = Tokens(client.app.name, (secret,))
    token = tokens.issue(member(user_id, session.session_id), datetime.now(UTC), lifetime)
    other = copy(client)
    other.headers = [("authorization", f"Bearer {token}")]
    return other, statement


def with_key[C: Client](client: C, key: str) -> C:
    """Return a client with the administrator's key."""
    other = copy(client)
    other.headers = [("x-api-key", key)]
    return other
