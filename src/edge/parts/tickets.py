"""Tickets: each lets one connection in, once and soon, for clients such as browsers that can set no header on it."""

import secrets
from datetime import timedelta
from hashlib import sha256

from pydantic import BaseModel
from pydantic_core import from_json, to_json

from edge.access import READER, Actor, Role
from edge.errors import Unauthorized
from edge.http import Request
from edge.instants import to_text
from edge.ports import Clock, Database, Statement
from edge.routes import Routes

routes = Routes("/ws/ticket", tag="live", access=READER)

LIFETIME = timedelta(seconds=30)
ROUTES = frozenset({"/ws", "/events"})
"""The routes that take a ticket, in `?ticket=`; only a GET of them."""

_INSERT = "INSERT INTO tickets (id, actor, role, subjects, daily_calls, expires_at) VALUES (?, ?, ?, ?, ?, ?)"


class Ticket(BaseModel):
    """A ticket and the paths that it opens; it is worth nothing after its first use, or after `expires_at`."""

    ticket: str
    expires_at: str
    ws: str
    events: str


@routes.post("", status=201)
async def make_ticket(actor: Actor, db: Database, clock: Clock) -> Ticket:
    """Get a ticket for one connection to /ws or /events, good for 30 seconds."""
    ticket, now = secrets.token_urlsafe(32), clock.now()
    expires_at = to_text(now + LIFETIME)
    subjects = None if actor.subjects is None else to_json(sorted(actor.subjects)).decode()
    row = (_hashed(ticket), actor.name, int(actor.role), subjects, actor.daily_calls, expires_at)
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


async def redeem(ticket: str, db: Database, clock: Clock) -> Actor:
    """Return whose ticket this is, and use it up; `Unauthorized` where it was used, has expired, or never was."""
    row = await db.first("DELETE FROM tickets WHERE id = ? RETURNING *", _hashed(ticket))
    if row is None or row["expires_at"] < to_text(clock.now()):
        raise Unauthorized("the ticket was used already, has expired, or never was: POST /ws/ticket gives a new one")
    subjects = None if row["subjects"] is None else frozenset(from_json(row["subjects"]))
    return Actor(row["actor"], Role(row["role"]), subjects, row["daily_calls"], is_token=True)


def _hashed(ticket: str) -> str:
    return sha256(ticket.encode()).hexdigest()
