"""Feeds: the bookings of one side as an iCalendar, within a window around the present."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

from edge import READER, Actor, NotFound, SystemDatabase
from edge.instants import to_text
from edge.ports import Database, Row
from klear_karma import NAME
from klear_karma.calendars.writer import Event, calendar
from klear_karma.tables import TABLES

type Side = Literal["customer", "practitioner"]

PAST = timedelta(days=90)
COMING = timedelta(days=366)
CANCELLED_SHOWN = timedelta(days=30)
"""How long a cancelled booking stays in a feed: calendar apps keep an event that disappears unchanged."""
MOST_EVENTS = 2_000

_STATUS = {"requested": "TENTATIVE", "cancelled": "CANCELLED", "expired": "CANCELLED"}
_EVENTS = (
    "SELECT id, customer_name, practitioner_id, practitioner_name, service_name, state, starts_at, ends_at, note, "
    "sequence, updated_at FROM {side}_appointments WHERE starts_at > ? AND starts_at < ? "
    "AND (state NOT IN ('cancelled', 'expired') OR updated_at > ?) ORDER BY starts_at DESC, id LIMIT ?"
)


class FeedNotFound(NotFound):
    """There is no such calendar."""

    title = "There is no such calendar"


class Feeds:
    """Reads the feed of a link. Only the link is looked up without a scope; bookings are read as its owner."""

    def __init__(self, db: SystemDatabase) -> None:
        self._db = db

    async def find(self, token: str) -> Row:
        """Return the row of a link; raises `FeedNotFound` if it was revoked or never existed."""
        row = await self._db.first(
            "SELECT id, user_id, side, has_notes FROM feed_links WHERE token_hash = ?", hash_of(token)
        )
        if row is None:
            raise FeedNotFound("the link was revoked or never existed")
        return row

    async def read(self, link: Row, name: str, now: datetime) -> bytes:
        """Return the calendar of a link."""
        db = TABLES.scoped(self._db, Actor(link["user_id"], READER, is_member=True))
        rows = await _bookings(db, link, now)
        return calendar(name, [event_of(row, link["side"], has_notes=bool(link["has_notes"])) for row in rows])


def hash_of(token: str) -> str:
    """Return a token's hash; one round is enough for 256 random bits."""
    return sha256(token.encode(errors="surrogatepass")).hexdigest()


def event_of(row: Mapping[str, Any], side: Side, *, has_notes: bool) -> Event:
    """Return a booking as an event for one side; a customer's feed includes the customer's own note."""
    other = row["customer_name"] if side == "practitioner" else row["practitioner_name"]
    is_open = row["state"] == "requested"
    return Event(
        uid=f"{row['id']}@{NAME}",
        sequence=row["sequence"],
        stamp=row["updated_at"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        status=_STATUS.get(row["state"], "CONFIRMED"),
        summary=f"{row['service_name']}: {other}" + (" (requested)" if is_open else ""),
        description=row["note"] if has_notes or side == "customer" else "",
    )


async def _bookings(db: Database, link: Row, now: datetime) -> list[Row]:
    sql = _EVENTS.format(side=link["side"])
    bounds = [to_text(moment) for moment in (now - PAST, now + COMING, now - CANCELLED_SHOWN)]
    return await db.all(sql, *bounds, MOST_EVENTS)
