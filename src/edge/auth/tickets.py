"""Tickets: each lets one connection in, once and soon, for clients such as browsers that can set no header on it."""

import secrets
from datetime import timedelta
from hashlib import sha256

from pydantic import BaseModel
from pydantic_core import from_json, to_json

from edge.access import ADMIN, READER, Actor, Role
from edge.auth.callers import Callers
from edge.errors import Unauthorized
from edge.instants import to_text
from edge.ports import Clock, Database, Row, Statement
from edge.request import Request
from edge.routes import Routes

routes = Routes("/ws/ticket", tag="live", access=READER)

LIFETIME = timedelta(seconds=30)
ROUTES = frozenset({"/ws", "/events"})
"""The routes that take a ticket, in `?ticket=`; only a GET of them."""

_INSERT = (
    "INSERT INTO tickets (id, actor, role, subjects, daily_calls, ends_at, fingerprint, expires_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_UNKNOWN = "the ticket was used already, has expired, or never was: POST /ws/ticket gives a new one"


class Ticket(BaseModel):
    """A ticket and the paths that it opens; it is worth nothing after its first use, or after `expires_at`."""

    ticket: str
    expires_at: str
    ws: str
    events: str


@routes.post("", status=201)
async def make_ticket(actor: Actor, db: Database, clock: Clock, callers: Callers) -> Ticket:
    """Get a ticket for one connection to /ws or /events, good for 30 seconds."""
    ticket, now = secrets.token_urlsafe(32), clock.now()
    if callers.signing:
        ticket = callers.signing.tickets.prove(ticket)
    lifetime = LIFETIME
    if actor.expires_at is not None:
        lifetime = min(lifetime, timedelta(seconds=actor.expires_at - now.timestamp()))
    expires_at = to_text(now + lifetime)
    subjects = None if actor.subjects is None else to_json(sorted(actor.subjects)).decode()
    caller = (actor.name, int(actor.role), subjects, actor.daily_calls, actor.expires_at, actor.fingerprint)
    row = (_hashed(ticket), *caller, expires_at)
    await db.batch(
        [
            Statement("DELETE FROM tickets WHERE expires_at < ?", (to_text(now),)),
            Statement(_INSERT, row),
        ]
    )
    return Ticket(ticket=ticket, expires_at=expires_at, ws=f"/ws?ticket={ticket}", events=f"/events?ticket={ticket}")


def presented(request: Request) -> str | None:
    """Return the ticket in a request's query, where its route takes one."""
    if request.route not in ROUTES or request.method != "GET" or "ticket=" not in request.query:
        return None
    return next((value for name, value in request.query_items() if name == "ticket"), None)


async def redeem(ticket: str, request: Request, callers: Callers, db: Database, clock: Clock) -> Actor:
    """Use a ticket up and return its caller; `Unauthorized` where it is none, or its key has ended since."""
    if callers.signing is None:
        await callers.count_look_up(request)
    elif not callers.signing.tickets.check(ticket):
        raise Unauthorized(_UNKNOWN)
    row = await db.first("DELETE FROM tickets WHERE id = ? RETURNING *", _hashed(ticket))
    if row is None or row["expires_at"] < to_text(clock.now()):
        raise Unauthorized(_UNKNOWN)
    return await callers.revalidate(_actor_of(row), fresh=True)


def _actor_of(row: Row) -> Actor:
    subjects = None if row["subjects"] is None else frozenset(from_json(row["subjects"]))
    if subjects is not None and row["role"] >= ADMIN:
        raise Unauthorized("the ticket is an administrator's and bound to subjects: it opens nothing")
    return Actor(
        row["actor"],
        Role(row["role"]),
        subjects,
        row["daily_calls"],
        is_token=True,
        expires_at=row["ends_at"],
        fingerprint=row["fingerprint"],
    )


def _hashed(ticket: str) -> str:
    return sha256(ticket.encode(errors="surrogatepass")).hexdigest()
