"""`/notifications`: posts the news of other services in Discord, once each and not too often."""

from datetime import datetime
from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from discord_bot.notices import Notice, Notices, NoticeUncertain, NoticeUnderWay, TooManyNotices, key_of
from discord_bot.settings import BotSettings
from discord_bot.subscriptions import NAMES
from discord_bot.times import span, zone_of
from edge import OPERATOR, Body, Database, Operation, Query, Request, Response, Routes
from edge.clients.discord import LINK, DiscordBusy, DiscordRefused, Embed, WebhookMissing
from edge.clients.upstream import UpstreamTimeout
from edge.instants import IN_ANY_ZONE, from_text
from edge.reach import OPEN
from edge.rows import row_as
from edge.text import Matching

routes = Routes("/notifications", tag="notifications", access=OPERATOR, reach=OPEN)

JSON = "application/json"
COLOURS = {"sponsor-update": 0xF1C40F, "event": 0x57F287, "announcement": 0x5865F2}

Url = Annotated[str, Field(max_length=2000), Matching(LINK, "an address such as https://example.org/a, in ASCII")]
Id = Annotated[str, Field(description="the subject's", max_length=100), Matching(r"[A-Za-z0-9][\w.:-]*", "an id")]
Text = Annotated[str, Field(max_length=20_000)]
Short = Annotated[str, Field(max_length=1000)]


class News(BaseModel):
    """News about a subject. Texts longer than Discord's limits are cut."""

    model_config = ConfigDict(extra="forbid")

    id: Id
    title: Annotated[str, Field(min_length=1, max_length=1000)]
    text: Text = ""
    url: Url | None = None

    def card(self, zone: str) -> dict[str, str | None]:  # noqa: ARG002 - for kinds that have times
        """Return the fields of the card by name; `zone` is that of times that name none."""
        return {}


class Announcement(News):
    """News for everybody."""

    author: Short | None = None

    def card(self, zone: str) -> dict[str, str | None]:  # noqa: ARG002 - it has no times
        """Return the fields of the card by name."""
        return {"From": self.author}


class SponsorUpdate(News):
    """News of a sponsor, or about one."""

    sponsor: Short | None = None
    tier: Short | None = None

    def card(self, zone: str) -> dict[str, str | None]:  # noqa: ARG002 - it has no times
        """Return the fields of the card by name."""
        return {"Sponsor": self.sponsor, "Tier": self.tier}


class EventNews(News):
    """News about an event; a time without a zone is one of `time_zone`."""

    starts_at: Annotated[datetime, IN_ANY_ZONE] | None = None
    ends_at: Annotated[datetime, IN_ANY_ZONE] | None = None
    time_zone: Short | None = Field(None, description="the IANA zone that it takes place in")
    location: Short | None = None

    def card(self, zone: str) -> dict[str, str | None]:
        """Return the fields of the card by name; `zone` is that of times that name none."""
        when = span(self.starts_at, self.ends_at, zone_of(self.time_zone, zone)) if self.starts_at else None
        return {"When": when, "Where": self.location}


class PostedNotice(TypedDict):
    """A notice that is in its channel; `message_id` is Discord's."""

    id: str
    kind: str
    subject: str
    message_id: str | None


class NoticeOptions(BaseModel):
    """How a notice is to be sent."""

    model_config = ConfigDict(extra="forbid")

    repeat: bool = Field(False, description="true: send it also if it is unknown whether it was sent before")


class Listing(BaseModel):
    """How many entries to list, of which kind."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=100)
    kind: str | None = Field(None, max_length=40, description="notification, remind, digest, slash, button, …")


class AuditEntry(TypedDict):
    """One thing that the bot did, with its actor."""

    id: int
    kind: str
    subject: str
    actor: str
    outcome: str
    detail: str
    message_id: str | None
    request_id: str | None
    created_at: datetime


_FAULTS = (
    WebhookMissing,
    DiscordBusy,
    DiscordRefused,
    UpstreamTimeout,
    TooManyNotices,
    NoticeUncertain,
    NoticeUnderWay,
)
_SENT = Operation({200: {JSON: PostedNotice}, 201: {JSON: PostedNotice}})


class NoticeSender:
    """The routes that turn news into notices."""

    def __init__(self, notices: Notices, settings: BotSettings) -> None:
        self._notices = notices
        self._zone = settings.time_zone

    async def send(self, kind: str, news: News, query: NoticeOptions, request: Request) -> Response:
        """Send news once, and say how it was sent."""
        fields = [(name, text) for name, text in news.card(self._zone).items() if text]
        embed = Embed(news.title.strip() or NAMES[kind], news.text, news.url, fields, COLOURS[kind])
        key = key_of(news.model_dump(mode="json", exclude_none=True))
        actor = request.actor
        notice = Notice(
            kind,
            news.id,
            key,
            embed,
            actor.name if actor else "",
            is_limited=True,
            repeats=query.repeat,
            request_id=request.id,
        )
        sent = await self._notices.send(notice)
        posted = PostedNotice(id=sent.id, kind=kind, subject=news.id, message_id=sent.message_id)
        return Response.json(posted, 201 if sent.is_new else 200)


@routes.post("/sponsor-update", *_FAULTS, status=201, operation=_SENT)
async def tell_sponsor_update(
    news: Body[SponsorUpdate], query: Query[NoticeOptions], request: Request, sender: NoticeSender
) -> Response:
    """Post news of a sponsor: 201 if it was posted now, 200 if it was before."""
    return await sender.send("sponsor-update", news, query, request)


@routes.post("/event", *_FAULTS, status=201, operation=_SENT)
async def tell_event(
    news: Body[EventNews], query: Query[NoticeOptions], request: Request, sender: NoticeSender
) -> Response:
    """Post news about an event: 201 if it was posted now, 200 if it was before."""
    return await sender.send("event", news, query, request)


@routes.post("/announcement", *_FAULTS, status=201, operation=_SENT)
async def tell_announcement(
    news: Body[Announcement], query: Query[NoticeOptions], request: Request, sender: NoticeSender
) -> Response:
    """Post news for everybody: 201 if it was posted now, 200 if it was before."""
    return await sender.send("announcement", news, query, request)


@routes.get("")
async def list_entries(query: Query[Listing], db: Database) -> list[AuditEntry]:
    """List the bot's last actions, with their actors and outcomes."""
    where, values = ("WHERE kind = ? ", [query.kind]) if query.kind else ("", [])
    rows = await db.all(f"SELECT * FROM audit {where}ORDER BY id DESC LIMIT ?", *values, query.limit)
    return [row_as(AuditEntry, row, created_at=from_text(row["created_at"])) for row in rows]
