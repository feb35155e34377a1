"""Tickets: each opens one stream or socket, for clients such as browsers that cannot set headers.

A ticket is used soon or never. It can open the same stream again for some hours, as an `EventSource` repeats its
URL after each break: the same route and types of events, for the caller as its credential stands then.
"""

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
"""The time within which a ticket is used first."""
RESUMED = timedelta(hours=12)
"""The time for which its stream can be resumed, from when it was made."""

_INSERT = (
    "INSERT INTO tickets (id, actor, role, subjects, daily_calls, ends_at, fingerprint, expires_at, resumes_until) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_USE = (
    "UPDATE tickets SET target = ?, expires_at = coalesce(resumes_until, expires_at), updated_at = CURRENT_TIMESTAMP "
    "WHERE id = ? AND expires_at >= ? AND coalesce(target, ?) = ? RETURNING *"
)
_UNKNOWN = "the ticket has expired, is another stream's, or never was: POST to the ticket route for a new one"


class NewTicket(NamedTuple):
    """A ticket, the instant by which it is used first, and that until which its stream can be resumed."""

    text: str
    expires_at: str
    resumes_until: str


async def issue(actor: Actor, callers: Callers, db: SystemDatabase, clock: Clock) -> NewTicket:
    """Store a ticket of the caller and return it; it expires with the caller's credential at the latest."""
    actor = callers.for_ticket(actor)
    ticket = secrets.token_urlsafe(32)
    now = clock.now()
    if callers.signing:
        ticket = callers.signing.tickets.prove(ticket)
    left = RESUMED if actor.expires_at is None else timedelta(seconds=actor.expires_at - now.timestamp())
    expires_at = to_text(now + min(LIFETIME, left))
    resumes_until = to_text(now + min(RESUMED, left))
    subjects = None if actor.subjects is None else to_json(sorted(actor.subjects)).decode()
    caller = (actor.name, int(actor.role), subjects, actor.daily_calls, actor.expires_at, actor.fingerprint)
    row = (_hashed(ticket), *caller, expires_at, resumes_until)
    await db.batch(
        [
            Statement("DELETE FROM tickets WHERE expires_at < ?", (to_text(now),)),
            Statement(_INSERT, row),
        ]
    )
    return NewTicket(ticket, expires_at, resumes_until)


async def redeem(ticket: str, request: Request, callers: Callers, db: SystemDatabase, clock: Clock) -> Actor:
    """Use a ticket to open its stream, and return its caller.

    `Unauthorized` if it is unknown, was used for another stream, or its caller's credential has ended.
    """
    if callers.signing is None:
        await callers.count_look_up(request)
    elif not callers.signing.tickets.check(ticket):
        raise Unauthorized(_UNKNOWN)
    target = _target(request)
    row = await db.first(_USE, target, _hashed(ticket), to_text(clock.now()), target, target)
    if row is None:
        raise Unauthorized(_UNKNOWN)
    return await callers.revalidate(_actor_of(row), fresh=True)


def mark_of(ticket: str) -> str:
    """Return the mark of a ticket, by which its open connections are counted; empty for no ticket."""
    return ticket and _hashed(ticket)[:16]


def _target(request: Request) -> str:
    """Return the mark of a request's stream: its route and types of events, without the number that it resumes at."""
    types = [value for name, value in request.query_items() if name == "types"]
    return _hashed(f"{request.route} {types}")


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
