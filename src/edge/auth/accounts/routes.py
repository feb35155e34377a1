"""The routes of accounts, under any prefix; an app lists `Accounts()` among its resources."""

from collections.abc import Callable
from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from edge.access import PUBLIC, READER, Actor
from edge.auth.accounts.attempts import BY_SENDER
from edge.auth.accounts.hashes import POLICY, Hasher
from edge.auth.accounts.members import Members
from edge.auth.accounts.parts import (
    Parts,
    WrongCredentials,
    make_attempts,
    make_callers,
    make_letters,
    make_sessions,
)
from edge.auth.accounts.sessions import SessionEnded, TokenUnknown
from edge.auth.accounts.settings import AccountSettings, EmailAddress
from edge.auth.accounts.transport import LONGEST_TOKEN, ForeignOrigin, Tokens, Transport
from edge.auth.accounts.users import Users
from edge.auth.limits import TooManyRequests, address
from edge.endpoint import Body, Operation
from edge.errors import NotConfigured, NotFound, Overloaded, Problem, StorageConflict
from edge.http import Response
from edge.injection import event, singleton
from edge.ports import Clock, UniqueViolation
from edge.ports.crypto import Crypto, ScryptCost
from edge.reach import SELF
from edge.request import Request
from edge.routes import Routes

JSON = "application/json"
LONGEST_PASSWORD = 256
SHORTEST_PASSWORD = 8
LARGEST_BODY = 16 * 1024

Password = Annotated[str, Field(max_length=LONGEST_PASSWORD, min_length=1, description="exactly as it was chosen")]
NewPassword = Annotated[
    str,
    Field(max_length=LONGEST_PASSWORD, min_length=SHORTEST_PASSWORD, description="no common one, nor the site's words"),
]


class EmailTaken(StorageConflict):
    """There is an account with this address."""

    title = "There is an account with this address"


class Credentials(BaseModel):
    """An address and a password."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(min_length=1, max_length=254)]
    password: Password


class NewAccount(BaseModel):
    """A new account."""

    model_config = ConfigDict(extra="forbid")

    email: EmailAddress
    password: NewPassword


class Refresh(BaseModel):
    """A refresh token; a browser has it in a cookie and sends none here."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: Annotated[str, Field(max_length=LONGEST_TOKEN)] | None = None


class Myself(TypedDict):
    """The user's own account."""

    id: str
    email: str
    created_at: str
    password_changed_at: str
    session_id: str


class Accounts(Routes):
    """The routes of accounts, and what tells their members apart.

    An app lists it among its resources and gives `authenticate=edge.auth.callers.authenticate`, or that of `Live`.
    `cost` is that of new password hashes.
    """

    def __init__(self, prefix: str = "/api/auth", *, cost: ScryptCost = POLICY) -> None:
        super().__init__(prefix, tag="accounts", access=READER, reach=SELF)
        self.cost = cost
        self.providers = [
            event(Members),
            event(make_callers),
            event(Users),
            event(make_sessions),
            event(make_attempts),
            event(make_letters),
            event(self._make_transport()),
            event(Parts),
            singleton(self._make_hasher()),
        ]
        answer = Operation({200: {JSON: Tokens}})
        created = Operation({201: {JSON: Tokens}})
        refusals: tuple[type[Problem], ...] = (NotConfigured, TooManyRequests, Overloaded, ForeignOrigin)
        options = {"access": PUBLIC, "body_limit": LARGEST_BODY}
        self.post("/register", EmailTaken, *refusals, operation=created, status=201, **options)(register)
        self.post("/login", WrongCredentials, *refusals, operation=answer, **options)(log_in)
        self.post("/refresh", TokenUnknown, SessionEnded, *refusals, operation=answer, **options)(refresh)
        self.post("/logout", ForeignOrigin, NotConfigured, status=204, **options)(log_out)
        self.get("/me", NotFound)(get_myself)

    def _make_hasher(self) -> Callable[..., Hasher]:
        cost = self.cost

        def make_hasher(crypto: Crypto, clock: Clock) -> Hasher:
            return Hasher(crypto, clock, cost)

        return make_hasher

    def _make_transport(self) -> Callable[..., Transport]:
        prefix = self.prefix

        def make_transport(settings: AccountSettings) -> Transport:
            return Transport(prefix, settings)

        return make_transport


async def register(request: Request, wanted: Body[NewAccount], parts: Parts) -> Response:
    """Register an account and log in."""
    parts.transport.check_origin(request)
    await parts.attempts.count((f"register {address(request)}", BY_SENDER))
    hashed = await parts.hasher.make(wanted.password)
    user_id, statements = parts.users.adding(wanted.email, hashed, {})
    try:
        await parts.users.commit(statements)
    except UniqueViolation:
        raise EmailTaken("log in, or reset the password") from None
    return await parts.open_session(request, user_id, status=201)


async def log_in(request: Request, wanted: Body[Credentials], parts: Parts) -> Response:
    """Log in. A browser gets the refresh token in a cookie, a program in the answer."""
    parts.transport.check_origin(request)
    network = address(request)
    counted = await parts.attempts.log_in(network, parts.sessions.network_mark(network), wanted.email)
    user = await parts.check(wanted.password, await parts.users.by_email(wanted.email))
    await parts.attempts.give_back(counted)
    return await parts.open_session(request, user.id)


async def refresh(request: Request, wanted: Body[Refresh], parts: Parts) -> Response:
    """Get a new access token, and from time to time a new refresh token.

    Send the newest refresh token. The one before is good for ten seconds more, and for a day if its answer was lost;
    an older one ends the session, as it was copied.
    """
    return await parts.refresh(request, wanted.refresh_token)


async def log_out(request: Request, wanted: Body[Refresh], parts: Parts) -> Response:
    """End the session of a refresh token; its access tokens end within half a minute."""
    try:
        session_id = await parts.sessions.end(parts.transport.presented(request, wanted.refresh_token))
    except TokenUnknown:
        session_id = None
    if session_id:
        parts.members.forget(session_id)
    headers = parts.transport.cookie_header("") if parts.transport.is_browser(request) else []
    return Response(status=204, headers=headers)


async def get_myself(actor: Actor, parts: Parts) -> Myself:
    """Get the user's own account."""
    row = await parts.users.row(actor.name)
    if row is None:
        raise NotFound("an administrator has no account")
    return Myself(
        id=row["id"],
        email=row["email"],
        created_at=row["created_at"],
        password_changed_at=row["changed_at"],
        session_id=actor.fingerprint or "",
    )
