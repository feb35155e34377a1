"""`/api/feeds`: secret links to one's calendar, and `/calendars/{token}.ics`, which calendar apps read."""

import secrets
from hashlib import sha256
from typing import Annotated, Literal, TypedDict
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from edge import PUBLIC, READER, Actor, Body, Clock, Header, Operation, Problem, Response, Routes
from edge.auth.limits import TooManyRequests, bound
from edge.data import ScopedDatabase
from edge.http import has_current
from edge.instants import to_text
from edge.ports import OutOfScope
from edge.rows import row_as
from klear_karma.calendars.feeds import FeedNotFound, Feeds, Side, hash_of
from klear_karma.calendars.writer import MEDIA_TYPE
from klear_karma.cursors import utc
from klear_karma.members import MEMBER
from klear_karma.settings import KarmaSettings
from klear_karma.tables import MOST_LINKS

routes = Routes("/api/feeds", tag="calendars", access=READER, reach=MEMBER)
public = Routes("/calendars", tag="calendars", access=PUBLIC)

_TOKEN_BYTES = 32
_SUFFIX = ".ics"
_TYPE = "text/calendar"

type Tags = Annotated[str, Field(max_length=1_000)] | None


class TooManyLinks(Problem):
    """Too many links."""

    title = "Too many links"
    status = 409


class LinkBody(BaseModel):
    """A new link: to the bookings you made as a customer, or to those made with you as a practitioner."""

    model_config = ConfigDict(extra="forbid")

    side: Side
    has_notes: bool = Field(False, description="for practitioners: include the notes of customers")


class FeedLink(TypedDict):
    """A link to a calendar; anyone with the link can read it until it is revoked."""

    id: str
    side: Literal["customer", "practitioner"]
    has_notes: bool
    created_at: str


class NewFeedLink(FeedLink):
    """A new link; its `url` is returned only once."""

    url: str


@routes.get()
async def list_feeds(db: ScopedDatabase) -> list[FeedLink]:
    """List your links."""
    rows = await db.all("SELECT id, side, has_notes, created_at FROM feed_links ORDER BY created_at, id")
    return [row_as(FeedLink, row, has_notes=bool(row["has_notes"]), created_at=utc(row["created_at"])) for row in rows]


@routes.post("", TooManyLinks, status=201)
async def add_feed(
    new: Body[LinkBody], actor: Actor, db: ScopedDatabase, settings: KarmaSettings, clock: Clock
) -> NewFeedLink:
    """Create a link to your calendar."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    now = to_text(clock.now())
    row = {"id": str(uuid4()), "side": new.side, "has_notes": new.has_notes, "created_at": now}
    stored = row | {"user_id": actor.name, "token_hash": hash_of(token), "has_notes": int(new.has_notes)}
    try:
        await db.insert("feed_links", [stored])
    except OutOfScope:
        raise TooManyLinks(f"there are {MOST_LINKS} links: revoke one") from None
    url = f"{settings.site}{public.prefix}/{token}{_SUFFIX}"
    return row_as(NewFeedLink, row, created_at=utc(now), url=url)


@routes.delete("/{feed_id}", FeedNotFound, status=204)
async def revoke_feed(feed_id: str, db: ScopedDatabase) -> None:
    """Revoke a link; from now on it answers 404."""
    if not (await db.delete("feed_links", "id = ?", feed_id)).changes:
        raise FeedNotFound(f"there is no link {feed_id[:80]}")


@public.get("/{file}", FeedNotFound, TooManyRequests, operation=Operation({200: {_TYPE: str}, 304: {}}))
async def read_feed(
    file: str, if_none_match: Header[Tags], feeds: Feeds, settings: KarmaSettings, clock: Clock
) -> Response:
    """Read a calendar by its secret link; the Accept header is ignored."""
    link = await feeds.find(file.removesuffix(_SUFFIX))
    await bound(settings.feed_limiter, f"feed {link['id']}")
    body = await feeds.read(link, f"{settings.site_name}: {link['side']}", clock.now())
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = [("etag", etag), ("cache-control", "private, no-cache"), ("x-robots-tag", "noindex")]
    if has_current(etag, if_none_match):
        return Response(status=304, headers=headers)
    content = [("content-type", MEDIA_TYPE), ("content-disposition", 'inline; filename="appointments.ics"')]
    return Response(body, 200, [*headers, *content])
