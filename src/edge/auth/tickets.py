"""Tickets: each opens one stream or socket, once and soon, for clients such as browsers that cannot set headers."""

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple

from pydantic_core import from_json, to_json

from edge.access import ADMIN, Actor, Role
from edge.auth.callers import Callers
from edge.errors import Unauthorized
from edge.instants import to_text
from edge.ports import Clock, Row, Statement, SystemDatabase
from edge.request import Request

LIFETIME = timedelta(seconds=30)

_INSERT = (
    "INSERT INTO tickets (id, actor, role, subjects, daily_calls, ends_at, fingerprint, expires_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_UNKNOWN = "the ticket was used already, has expired, or never existed: POST to the ticket route for a new one"


class NewTicket(NamedTuple):
    """A ticket, and the instant at which it expires."""

    text: str
    expires_at: str


async def issue(actor: Actor, callers: Callers, db: SystemDatabase, clock: Clock) -> NewTicket:
    """Store a ticket of the caller and return it; it expires with the caller's credential at the latest."""
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
    return NewTicket(ticket, expires_at)


async def redeem(ticket: str, request: Request, callers: Callers, db: SystemDatabase, clock: Clock) -> Actor:
    """Use a ticket up and return its caller; `Unauthorized` if it is unknown, or its key has ended since."""
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
