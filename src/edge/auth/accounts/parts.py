"""The parts that the routes of accounts share."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from edge.auth.accounts import texts
from edge.auth.accounts.attempts import Attempts
from edge.auth.accounts.hashes import Hasher
from edge.auth.accounts.letters import Letters
from edge.auth.accounts.links import Links
from edge.auth.accounts.members import Members
from edge.auth.accounts.password_rules import check_password
from edge.auth.accounts.sessions import End, Refreshed, ReuseFound, SessionEnded, Sessions
from edge.auth.accounts.settings import AccountSettings
from edge.auth.accounts.transport import Transport
from edge.auth.accounts.users import User, Users
from edge.auth.callers import Callers
from edge.auth.limits import address
from edge.errors import Unauthorized
from edge.http import Response
from edge.ports import Background, Clock, Result, Statement, SystemDatabase
from edge.request import Request


class WrongCredentials(Unauthorized):
    """The e-mail or password is wrong."""

    title = "The e-mail or password is wrong"


class Erase(NamedTuple):
    """Returns the statements that remove or anonymise a user's rows, beyond those that foreign keys handle."""

    statements: Callable[[str], Sequence[Statement]]

    def __call__(self, user_id: str) -> Sequence[Statement]:
        """Return the statements for a user."""
        return self.statements(user_id)


class Parts(NamedTuple):
    """The parts of accounts for one event."""

    users: Users
    sessions: Sessions
    hasher: Hasher
    attempts: Attempts
    letters: Letters
    members: Members
    transport: Transport
    links: Links
    settings: AccountSettings
    background: Background
    erase: Erase

    async def check(self, password: str, user: User | None) -> User:
        """Return the user if the password fits; `WrongCredentials` else. An unknown user takes the same time."""
        checked = await self.hasher.check(password, user.hash if user else None)
        if user is None or not checked.fits:
            raise WrongCredentials("the e-mail or password is wrong, or the address is not confirmed yet")
        if checked.is_old:
            self.background.add(self._rehash(user, password))
        return user

    async def _rehash(self, user: User, password: str) -> None:
        await self.users.rehash(user, await self.hasher.make(password))

    def check_new_password(self, password: str, email: str, pointer: str = "/password") -> None:
        """Raise `InvalidBody` for a password that is easy to guess."""
        settings = self.settings
        check_password(password, [email, settings.site_name, settings.jwt_issuer, settings.site_url or ""], pointer)

    async def commit_password(self, user_id: str, password_hash: str, statements: Sequence[Statement]) -> bool:
        """Run the statement that sets a password, end all sessions and drop all links; return whether it was set."""
        ending = self.sessions.ending_all(user_id, password_hash)
        results = await self.users.commit([*statements, ending, self.links.dropping(user_id)])
        for row in results[len(statements)].rows:
            self.members.forget(row["id"])
        return bool(results[0].rows)

    async def end_all(self, user_id: str, statements: Sequence[Statement] = ()) -> list[Result]:
        """End all sessions of a user, with more statements in the same transaction; return the results."""
        results = await self.users.commit([self.sessions.ending_all(user_id), *statements])
        for row in results[0].rows:
            self.members.forget(row["id"])
        return results

    async def open_session(
        self, request: Request, user_id: str, password_hash: str | None = None, *, status: int = 200
    ) -> Response | None:
        """Begin a session and return the response with its tokens; None if the password has changed since."""
        refreshed, statement = self.sessions.begin(user_id, _client(request), address(request), password_hash)
        result, ended = await self.users.commit([statement, self.sessions.ending_oldest(user_id)])
        for row in ended.rows:
            self.members.forget(row["id"])
        return self.respond(request, refreshed, status=status) if result.rows else None

    def respond(self, request: Request, refreshed: Refreshed, *, status: int = 200) -> Response:
        """Return the response with a session's tokens."""
        access_token = self.members.issue(refreshed.user_id, refreshed.session_id)
        return self.transport.answer(request, access_token, refreshed, status=status)

    async def refresh(self, request: Request, in_body: str | None) -> Response:
        """Answer a refresh; only the definite end of a session clears the cookie."""
        try:
            return self.respond(request, await self.sessions.refresh(self.transport.presented(request, in_body)))
        except ReuseFound as reuse:
            self.members.forget(reuse.session_id)
            user = await self.users.by_id(reuse.user_id)
            if user is not None:
                self.letters.post(user.email, texts.reuse(self.letters.site))
            fault = SessionEnded(End.REUSE)
        except SessionEnded as refused:
            fault = refused
        if self.transport.is_browser(request):
            fault.headers = [*fault.headers, *self.transport.cookie_header("")]
        raise fault


def _client(request: Request) -> str:
    """Return a browser's or program's own name, in printable characters."""
    name = request.headers.get("user-agent") or ""
    return "".join(mark for mark in name if mark.isprintable())


def make_sessions(db: SystemDatabase, clock: Clock, settings: AccountSettings) -> Sessions:
    """Return the sessions; `NotConfigured` without a signing key."""
    return Sessions(db, clock, settings.signing_keys())


def make_attempts(db: SystemDatabase, clock: Clock, settings: AccountSettings) -> Attempts:
    """Return the count of attempts; `NotConfigured` without a signing key."""
    return Attempts(db, clock, settings.signing_keys()[0])


def make_callers(members: Members) -> Callers:
    """Return the members as the callers of the app."""
    return members
