"""Scheduled jobs: reminders of events that are near, and a weekly digest; each is posted once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from discord_bot.content import Document, Site
from discord_bot.notices import SENT, Notice, Notices
from edge import ADMIN, Clock, Log, Problem, Routes, SystemDatabase, Tick
from edge.clients.discord import Embed, listed
from edge.ports import PortError

routes = Routes(tag="jobs", access=ADMIN)

REMIND = "0 14 * * *"
DIGEST = "0 14 * * MON"
"""14:00 UTC on Mondays, by name: Cloudflare counts the days of a week from 1 = Sunday, unlike cron."""
DIGEST_WEEKDAY, DIGEST_HOUR = 0, 14
"""The same as Python counts, from 0 = Monday."""
NEAR = timedelta(hours=48)
WEEK = timedelta(days=7)
MOST_LISTED = 20
TEXT, FIELD = 2_900, 1_024
"""Characters of a digest's text and field that Discord shows of both."""
EARLY, LATE = timedelta(minutes=1), timedelta(hours=1)
"""How early by its own clock a tick may come, and when one was missed."""
BEFORE = "was posted before"

LAST_DIGEST = """
SELECT max(subject) AS subject FROM notices WHERE subject >= 'digest:' AND subject < 'digest;' AND status = 'sent'
"""


class Posting(BaseModel):
    """A message of a job: `outcome` is posted, was posted before, would be posted, uncertain, or failed: `problem`."""

    outcome: str
    kind: str
    subject: str
    message_id: str | None = None
    problem: str | None = None
    message: dict[str, Any]


class Posts:
    """Posts the notices of jobs, or returns them in a dry run."""

    def __init__(self, notices: Notices, site: Site, db: SystemDatabase, log: Log) -> None:
        self._notices = notices
        self.site = site
        self._db = db
        self._log = log

    async def post(self, notices: Sequence[Notice], *, is_dry: bool) -> list[Posting]:
        """Post each notice that was not posted before; one that fails is left for the next time, and holds up none."""
        return [await (self._foreseen(notice) if is_dry else self._posted(notice)) for notice in notices]

    async def owes_digest(self, now: datetime) -> bool:
        """Return whether this week's digest was missed; before the first one none can be missed."""
        last = await self._last_digest()
        week = week_of(now + EARLY)
        return last is not None and last < _named(week) and now > week + LATE

    async def has_digests(self) -> bool:
        """Tell whether a digest was posted ever."""
        return await self._last_digest() is not None

    async def _last_digest(self) -> str | None:
        row = await self._db.first(LAST_DIGEST)
        return row["subject"] if row else None

    async def _foreseen(self, notice: Notice) -> Posting:
        existing = await self._notices.record(notice)
        outcome = "would be posted" if existing is None else BEFORE if existing["status"] == SENT else "uncertain"
        body = await self._notices.body(notice)
        message_id = existing["message_id"] if existing else None
        return Posting(outcome=outcome, kind=notice.kind, subject=notice.subject, message_id=message_id, message=body)

    async def _posted(self, notice: Notice) -> Posting:
        body = await self._notices.body(notice)
        posting = Posting(outcome="posted", kind=notice.kind, subject=notice.subject, message=body)
        try:
            sent = await self._notices.send(notice)
        except (Problem, PortError) as fault:
            self._log("error", "notice not posted", subject=notice.subject, error=f"{type(fault).__name__}: {fault}")
            title = fault.title if isinstance(fault, Problem) else type(fault).__name__
            return posting.model_copy(update={"outcome": "failed", "problem": f"{title}: {fault}"})
        details = {"message_id": sent.message_id} | ({} if sent.is_new else {"outcome": BEFORE})
        return posting.model_copy(update=details)


@routes.cron(REMIND)
async def remind(tick: Tick, posts: Posts, clock: Clock) -> list[Posting]:
    """Remind of the events of the next 48 hours, each of them once, and post a digest that its own tick has missed."""
    site = posts.site
    events = await site.upcoming_now()
    notices = [_reminder(event, site) for event in site.within(events, NEAR)]
    if await posts.owes_digest(clock.now()):
        notices += await _digest(events, site, clock.now())
    return await posts.post(notices, is_dry=tick.is_dry)


@routes.cron(DIGEST)
async def digest(tick: Tick, posts: Posts, clock: Clock) -> list[Posting]:
    """Post the week's events and the last week's posts: once a week, however often it runs.

    A bot that starts for the first time has missed none, so it waits for its first Monday.
    """
    site = posts.site
    if tick.is_late and not await posts.has_digests():
        return []
    notices = await _digest(await site.upcoming_now(), site, clock.now())
    return await posts.post(notices, is_dry=tick.is_dry)


def week_of(now: datetime) -> datetime:
    """Return the beginning of the week of a digest: the latest instant at which one is due."""
    today = now.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    due = today - timedelta(days=(today.weekday() - DIGEST_WEEKDAY) % 7)
    return due if due <= now else due - WEEK


def _reminder(event: Document, site: Site) -> Notice:
    begins = site.begins(event)
    key = f"{event.id} {begins.timestamp():.0f}"  # a postponed event gets another reminder
    return Notice("event", f"remind:{event.id}", key, site.card(event), "clock", "remind")


async def _digest(events: Sequence[Document], site: Site, now: datetime) -> list[Notice]:
    """Return the week's digest; an empty list without events and posts."""
    week = week_of(now + EARLY)
    ahead = [event for event in events if site.begins(event) <= now + WEEK]
    posts = [post for post in await site.newest("posts") if _is_new(post, now)]
    if not ahead and not posts:
        return []
    parts = [f"{_linked(event, 'events', site)}\n{site.when(event)}" for event in ahead[:MOST_LISTED]]
    links = [_linked(post, "posts", site) for post in posts[:MOST_LISTED]]
    fields = [("Written in the last week", listed(links, FIELD, more=len(posts) - len(links)))] if posts else []
    text = listed(parts, TEXT, "\n\n", more=len(ahead) - len(parts)) or "No event is planned this week."
    embed = Embed("This week", text, site.settings.site_url, fields)
    return [Notice("announcement", _named(week), _named(week), embed, "clock", "digest", mentions=False)]


def _named(week: datetime) -> str:
    return f"digest:{week:%Y-%m-%d}"


def _is_new(post: Document, now: datetime) -> bool:
    at = post.published_at
    return at is not None and now - WEEK < (at if at.tzinfo else at.replace(tzinfo=now.tzinfo)) <= now


def _linked(document: Document, kind: str, site: Site) -> str:
    link = site.link(document, kind)
    name = document.name.replace("[", "(").replace("]", ")")
    return f"[{name}]({link})" if link else name
