"""Members: callers by the access tokens of their sessions, beside the administrator."""

from datetime import timedelta

from edge.access import Actor
from edge.auth.accounts.sessions import SessionRows, is_session, member
from edge.auth.accounts.settings import AccountSettings
from edge.auth.callers import Callers
from edge.auth.keys import presented_key
from edge.auth.limits import Limits
from edge.errors import NotConfigured, Unauthorized
from edge.ports import Clock, SystemDatabase
from edge.request import Request

ACCESS_LIFETIME = timedelta(minutes=15)


class Members(Callers):
    """Identifies members. A token is valid as long as its session, which is looked up at most every 30 seconds."""

    def __init__(self, settings: AccountSettings, db: SystemDatabase | None, clock: Clock, limits: Limits) -> None:
        super().__init__(settings, db, clock, limits)
        self._sessions = SessionRows(db, clock) if db else None

    async def identify(self, request: Request) -> Actor:
        """Return the caller; `Unauthorized` if it is unknown, `NotConfigured` without a signing key."""
        presented = presented_key(request)
        if self._is_administrators(presented):
            return self._administrator
        if presented.count(".") != 2:
            self._settings.check("admin_api_key")
            raise Unauthorized("send the access token of a log-in")
        return await self.revalidate(self.tokens().read(presented))

    async def revalidate(self, actor: Actor, *, fresh: bool = False) -> Actor:
        """Return a caller with its session's current state; `Unauthorized` if the session has ended."""
        session_id = actor.fingerprint
        if not is_session(session_id):
            if actor.is_member or session_id is None:
                raise Unauthorized("the token names no session")
            return await super().revalidate(actor, fresh=fresh)
        if actor.expires_at is not None and actor.expires_at <= self._clock.now().timestamp():
            raise Unauthorized("the token has expired: refresh it")
        current = await self._look_up(str(session_id), fresh=fresh)
        if current.name != actor.name:
            raise Unauthorized("the session is another user's")
        return current._replace(is_token=actor.is_token, expires_at=actor.expires_at)

    def for_ticket(self, actor: Actor) -> Actor:
        """Return a caller as a ticket stores it: a member's ticket ends with the session, not with the access token."""
        return actor._replace(expires_at=None) if is_session(actor.fingerprint) else actor

    def issue(self, user_id: str, session_id: str) -> str:
        """Return an access token of a session."""
        return self.tokens().issue(member(user_id, session_id), self._clock.now(), ACCESS_LIFETIME)

    def forget(self, session_id: str) -> None:
        """Drop a session that has ended from this process's cache; elsewhere it is looked up within 30 seconds."""
        if self.signing:
            self.signing.key_cache.drop(session_id)

    async def _look_up(self, session_id: str, *, fresh: bool) -> Actor:
        if self._sessions is None:
            raise NotConfigured("DB")
        if fresh or self.signing is None:
            return await self._sessions.look_up(session_id)
        return await self.signing.key_cache.look_up(session_id, self._sessions)
