"""A small app with accounts: notes of members' own, reviews that stay when their author goes, and live events."""

from typing import Literal

from tests.edge.accounts.site.schema import SCHEMA

from edge.access import PUBLIC, READER
from edge.app import App
from edge.auth.accounts.models import Myself, NewAccount
from edge.auth.accounts.routes import Accounts
from edge.auth.accounts.settings import AccountSettings
from edge.auth.accounts.tables import PRIVATE, RULES, USERS
from edge.auth.limits import Limits, admit
from edge.data import MEMBER, ScopedDatabase, Table, Tables
from edge.data.retention import retention_routes
from edge.endpoint import Body
from edge.http import Response
from edge.injection import singleton
from edge.live.routes import Live
from edge.live.settings import LiveSettings
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.middleware.security_headers import security_headers
from edge.pipeline import Next
from edge.ports import Clock, Database, Limit, Row, Statement, SystemDatabase
from edge.ports.crypto import ScryptCost
from edge.request import Request
from edge.routes import Routes

OWN = {MEMBER: "owner_id = :caller"}
TABLES = Tables(
    SCHEMA,
    USERS,
    *PRIVATE,
    Table("notes", read=READER, write=READER, own=OWN),
    Table("reviews", read=READER, write=READER, own={MEMBER: "author_id = :caller"}),
    Table("tickets", private=True),
)
routes = Routes("/notes", tag="notes", access=READER)


def erase(user_id: str) -> list[Statement]:
    """Return the statements that remove a user's name from shared rows."""
    return [Statement("UPDATE reviews SET author_id = NULL, author_name = NULL WHERE author_id = ?", (user_id,))]


class SiteAccount(NewAccount):
    """A new account of a customer or healer."""

    kind: Literal["customer", "healer"] = "customer"


class SiteMyself(Myself):
    """The user's own account, with the app's data about it."""

    kind: str


accounts = Accounts(registration=SiteAccount, myself=SiteMyself, erase=erase, cost=ScryptCost(2**10, 8, 1))
live = Live()


class SiteSettings(AccountSettings, LiveSettings):
    """Settings of the app."""

    db: Database


@routes.get()
async def list_notes(db: ScopedDatabase) -> list[Row]:
    """List the caller's notes."""
    return await db.all("SELECT id, owner_id, text FROM notes ORDER BY id")


@routes.post(status=201)
async def add_note(note: Body[dict[str, str]], db: ScopedDatabase) -> Row:
    """Add a note."""
    added = await db.insert("notes", [{"text": note["text"], "owner_id": note["owner_id"]}], returning=["id"])
    return added.rows[0]


@routes.post("/later", access=PUBLIC, status=204)
async def age_sessions(db: SystemDatabase) -> None:
    """Let the last rotation of all sessions be a quarter of an hour ago."""
    await db.run("UPDATE refresh_tokens SET rotated_at = rotated_at - 900, used_at = used_at - 900")


async def delay(request: Request, call_next: Next, clock: Clock) -> Response:
    """Delay an answer by the request's number of milliseconds."""
    response = await call_next(request)
    held_ms = request.headers.get("x-delay-ms")
    if held_ms:
        await clock.sleep(int(held_ms) / 1000)
    return response


def make_limits(settings: SiteSettings, clock: Clock) -> Limits:
    """Return the limits of strangers and members."""
    return Limits(settings.rate_limiter, None, clock)


app = App(
    "accounts",
    version="1",
    settings=SiteSettings,
    authenticate=live.authenticate,
    admit=admit,
    middleware=[request_id, access_log, cors, security_headers, delay],
    providers=[singleton(make_limits)],
    tables=TABLES,
    migrations="../tests/edge/accounts/worker/migrations",
    limits={"RATE_LIMITER": Limit(1000, 60)},
    resources=[accounts, live, routes, retention_routes("0 3 * * *", RULES)],
)
