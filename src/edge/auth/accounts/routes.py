"""The routes of accounts, under any prefix; an app lists `Accounts()` among its resources."""

from collections.abc import Callable, Sequence
from typing import Any

from edge.access import PUBLIC, READER, Actor
from edge.auth.accounts import changes, entry
from edge.auth.accounts.changes import AccountNotFound, SessionNotFound
from edge.auth.accounts.entry import EmailTaken
from edge.auth.accounts.hashes import POLICY, Hasher
from edge.auth.accounts.letters import Letters, Pages
from edge.auth.accounts.links import LinkNotValid, Links, Purpose
from edge.auth.accounts.members import Members
from edge.auth.accounts.models import MailUnderWay, Myself, NewAccount, Reauthentication
from edge.auth.accounts.pages import page
from edge.auth.accounts.parts import Erase, Parts, WrongCredentials, make_attempts, make_callers, make_sessions
from edge.auth.accounts.sessions import SessionEnded, TokenUnknown
from edge.auth.accounts.settings import AccountSettings
from edge.auth.accounts.transport import ForeignOrigin, Tokens, Transport
from edge.auth.accounts.users import Users
from edge.auth.limits import TooManyRequests
from edge.data import MEMBER, Tables
from edge.endpoint import Body, Operation, PlanError
from edge.errors import NotConfigured, Overloaded, Problem
from edge.http import Response
from edge.injection import Provider, event, singleton
from edge.ports import Background, Clock, Log, Mailer, Result, Statement
from edge.ports.crypto import Crypto, ScryptCost
from edge.reach import SELF
from edge.request import Request
from edge.routes import Composition, Routes
from edge.rows import row_as

JSON = "application/json"
LARGEST_BODY = 16 * 1024
_ACCOUNTS = frozenset({"users", "user_passwords", "refresh_tokens", "account_links", "auth_attempts"})
_REFUSALS: tuple[type[Problem], ...] = (NotConfigured, TooManyRequests, Overloaded)


def nothing(_user_id: str) -> Sequence[Statement]:
    """Return no statements: foreign keys handle all rows."""
    return ()


def nobody(_request: Request, _results: Sequence[Result]) -> None:
    """Tell nobody of a deletion."""


class Accounts(Routes):
    """The routes of accounts, and the identification of their members.

    An app lists it among its resources and sets `authenticate=edge.auth.callers.authenticate`, or that of `Live`.
    `registration` adds columns of `users` to the body of a new account, `myself` to the answer of `GET /me`. `erase`
    returns for a user's id the statements that remove or anonymise rows when the account is deleted. Rows with a
    foreign key to `users` need none: they go, or stay without their user, as the key says. `erased` is called after
    their batch, and never without it, with the request, their results, and any ports that its signature requests.
    `pages` are the site's pages for links in mails, None for the group's own plain ones; `cost` is that of new hashes.
    """

    def __init__(  # noqa: PLR0913 - what an app may choose
        self,
        prefix: str = "/api/auth",
        *,
        registration: type[NewAccount] = NewAccount,
        myself: type[Myself] = Myself,
        erase: Callable[[str], Sequence[Statement]] = nothing,
        erased: Callable[..., None] = nobody,
        pages: Pages | None = None,
        cost: ScryptCost = POLICY,
    ) -> None:
        super().__init__(prefix, tag="accounts", access=READER, reach=SELF)
        self._erase = erase
        self._erased = erased
        self._tables: frozenset[str] = frozenset()
        self.cost = cost
        self.providers = [
            *(event(make) for make in (Members, make_callers, Users, make_sessions, make_attempts, Links, Parts)),
            *_providers(prefix, Erase(erase), pages or _own_pages(prefix), cost),
        ]
        self._declare_entry(registration)
        self._declare_links()
        self._declare_own(myself)
        if pages is None:
            self._declare_pages()

    def compose(self, app: Composition) -> None:
        """Plan the call after a deletion; `PlanError` if a deletion would leave rows of its user's own."""
        self._erased = app.injector.bind(self._erased, 2)
        tables = app.tables
        if not isinstance(tables, Tables):
            return
        self._tables = frozenset(tables.schema.relations)
        named = {word for statement in self._erase("") for word in statement.sql.replace("(", " ").split()}
        reached = {"users", *named}
        while more := {name for name, parents in _parents(tables).items() if parents & reached} - reached:
            reached |= more
        left = {rows.relation.name for rows in tables.rows.values() if MEMBER in rows.own} - reached
        if left:
            raise PlanError(f"{', '.join(sorted(left))}: a deleted user's rows stay: refer to users, or give erase=")

    def _declare_entry(self, registration: type[NewAccount]) -> None:
        session = Operation({200: {JSON: Tokens}})
        created = Operation({201: {JSON: Tokens}, 202: {JSON: MailUnderWay}})
        public: dict[str, Any] = {"access": PUBLIC, "body_limit": LARGEST_BODY}

        @self.post("/register", EmailTaken, ForeignOrigin, *_REFUSALS, operation=created, status=201, **public)
        async def register(
            request: Request,
            body: Body[registration],  # type: ignore[valid-type] # the app's own
            parts: Parts,
        ) -> Response:
            """Register an account, and log in or confirm the address by mail, as the service is configured.

            If no mail confirms it, 409 tells that an address has an account already.
            """
            return await entry.register(request, body, parts)

        refusals = (WrongCredentials, ForeignOrigin, *_REFUSALS)
        self.post("/login", *refusals, operation=session, **public)(entry.log_in)
        refusals = (TokenUnknown, SessionEnded, ForeignOrigin, NotConfigured)
        self.post("/refresh", *refusals, operation=session, **public)(entry.refresh)
        nobody = Operation({204: {}})
        self.post("/logout", ForeignOrigin, NotConfigured, operation=nobody, status=204, **public)(entry.log_out)

    def _declare_links(self) -> None:
        public: dict[str, Any] = {"access": PUBLIC, "body_limit": LARGEST_BODY}
        created = Operation({201: {JSON: Tokens}})
        refusals = (LinkNotValid, EmailTaken, ForeignOrigin, NotConfigured, Overloaded)
        confirm = self.post("/register/confirm", *refusals, operation=created, status=201, **public)
        confirm(entry.confirm_registration)
        self.post("/email/confirm", LinkNotValid, EmailTaken, AccountNotFound, **public, status=204)(
            changes.confirm_email
        )
        self.post("/reset", NotConfigured, TooManyRequests, **public, status=202)(changes.ask_for_reset)
        self.post("/reset/confirm", LinkNotValid, AccountNotFound, Overloaded, **public, status=204)(
            changes.reset_password
        )

    def _declare_pages(self) -> None:
        prefix = self.prefix
        html = Operation({200: {"text/html": None}})

        @self.get("/pages/{purpose}", access=PUBLIC, operation=html)
        async def show_page(purpose: Purpose, parts: Parts) -> Response:
            """Show the page for a mail's link: it posts the link's token when its button is pressed."""
            return page(purpose, prefix, parts.letters.site)

    def _declare_own(self, myself: type[Myself]) -> None:
        bodies: dict[str, Any] = {"body_limit": LARGEST_BODY}
        checked = (WrongCredentials, AccountNotFound, *_REFUSALS)
        session = Operation({200: {JSON: Tokens}})
        empty = Operation({204: {}})

        @self.get("/me", AccountNotFound)
        async def get_myself(actor: Actor, parts: Parts) -> myself:  # type: ignore[valid-type] # the app's own
            """Get the user's own account."""
            row = await parts.users.row(actor.name)
            if row is None:
                raise AccountNotFound("this caller has no account")
            more = {"password_changed_at": row["changed_at"], "session_id": actor.fingerprint}
            return row_as(myself, row, is_confirmed=row["confirmed_at"] is not None, **more)

        @self.delete("/me", *checked, operation=empty, status=204, **bodies)
        async def delete_account(
            request: Request, body: Body[Reauthentication], actor: Actor, parts: Parts
        ) -> Response:
            """Delete the user's account and all of its rows; rows that others share stay, without the user's name."""
            results = await changes.delete_account(body.password, actor, parts, self._tables)
            self._erased(request, results)
            return parts.transport.end_session_response(request)

        self.get("/sessions")(changes.list_sessions)
        self.delete("/sessions", operation=empty, status=204)(changes.end_all_sessions)
        self.get("/sessions/{session_id}", SessionNotFound)(changes.get_session)
        self.delete("/sessions/{session_id}", SessionNotFound, status=204)(changes.end_session)
        self.post("/password", ForeignOrigin, *checked, operation=session, **bodies)(changes.change_password)
        self.post("/email", *checked, status=202, **bodies)(changes.change_email)


def _own_pages(prefix: str) -> Pages:
    """Return the paths of the group's own pages."""
    return Pages(*(f"{prefix}/pages/{purpose}" for purpose in (Purpose.REGISTER, Purpose.RESET, Purpose.EMAIL)))


def _parents(tables: Tables) -> dict[str, set[str]]:
    """Return the tables to which each table's foreign keys lead."""
    return {name: {*relation.references.values()} for name, relation in tables.schema.relations.items()}


def _providers(prefix: str, erase: Erase, pages: Pages, cost: ScryptCost) -> list[Provider]:
    """Return the providers that depend on one group's options."""

    def make_transport(settings: AccountSettings) -> Transport:
        return Transport(prefix, settings)

    def make_letters(settings: AccountSettings, mailer: Mailer | None, background: Background, log: Log) -> Letters:
        return Letters(settings, mailer, background, log, pages)

    def make_hasher(crypto: Crypto, clock: Clock) -> Hasher:
        return Hasher(crypto, clock, cost)

    def make_erase() -> Erase:
        return erase

    return [event(make_transport), event(make_letters), singleton(make_hasher), singleton(make_erase)]
