"""The site's content from the platform API: through the cache for people, past it for jobs."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ValidationError
from pydantic_core import from_json

from discord_bot.settings import BotSettings
from discord_bot.times import aware, span, zone_of
from edge import Clock, Fetch, Log, NotFound
from edge.clients.cache import Cache, Terms
from edge.clients.discord import LINK, Embed
from edge.clients.lenient import read, read_all
from edge.clients.upstream import Call, RetryPolicy, Upstream, UpstreamFailed
from edge.ports import Fetched

TERMS = Terms(fresh=60, keep=86_400)
PATIENCE = RetryPolicy(attempts=3, attempt=4.0, deadline=10.0)
"""For people: they wait for seconds at most."""
PATIENCE_OF_JOBS = RetryPolicy(attempts=4, attempt=8.0, deadline=100.0)
"""Waits for a limit of the site's to pass, which counts by the minute."""
OLDEST = 10
"""Most seconds of age of the content that a job acts on, as its posts are final."""
PAUSES = (0.3, 1.0, 3.0, *[5.0] * 14)
"""Seconds before content that was too old is requested again; the site refetches meanwhile, within a minute or so."""
TYPES = ("events", "posts", "people", "projects")
MOST = 100

LONGEST_LINK = 500

_PLAIN = ":/?#@!$&'*+,;=%~-._"
"""Characters that stay unescaped in a link; brackets are escaped, as a link may stand in some."""


def _in_a_calendar(moment: datetime | None) -> datetime | None:
    """Return a moment that can be converted to any zone; None for one at the ends of the calendar."""
    return moment if moment is None or 2 <= moment.year <= 9998 else None


Moment = Annotated[datetime | None, AfterValidator(_in_a_calendar)]


class Document(BaseModel):
    """A document of the site, as far as the bot shows it."""

    id: str
    slug: str
    type: str = ""
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    starts_at: Moment = None
    ends_at: Moment = None
    time_zone: str | None = None
    location: str | None = None
    url: str | None = None
    published_at: Moment = None
    people: list[str | None] | None = None
    tags: list[str] | None = None

    @property
    def name(self) -> str:
        """The title, or the slug without one."""
        return self.title or self.slug


class Listed(BaseModel):
    """A page of documents, each to be read by itself."""

    documents: list[Any]


class EventNotFound(NotFound):
    """I know no such event."""

    title = "I know no such event"


class Site:
    """Reads the content."""

    def __init__(self, settings: BotSettings, fetch: Fetch, clock: Clock, cache: Cache, log: Log) -> None:
        self.settings = settings
        self._clock = clock
        self._cache = cache
        self._log = log
        self._upstream = Upstream("the site", fetch, clock, PATIENCE)
        self._patient = Upstream("the site", fetch, clock, PATIENCE_OF_JOBS)

    async def upcoming(self) -> list[Document]:
        """Return the events to come, soonest first, perhaps a minute late."""
        return self._ahead(_documents(await self._cached("events", f"events?upcoming=true&limit={MOST}")))

    async def upcoming_now(self) -> list[Document]:
        """Return the same without the cache."""
        return self._ahead(_documents(await self._read_now(f"events?upcoming=true&limit={MOST}")))

    async def newest(self, kind: str) -> list[Document]:
        """Return the newest documents of a type, without the cache."""
        return _documents(await self._read_now(f"{kind}?limit={MOST}"))

    async def all_of(self, kind: str) -> list[Document]:
        """Return the documents of a type, without their whole texts."""
        body = await self._cached(f"all:{kind}", f"{kind}?limit={MOST}")
        return [document.model_copy(update={"type": kind}) for document in _documents(body)]

    async def whole(self, kind: str, slug: str) -> Document:
        """Return one document, with its text."""
        body = await self._cached(f"one:{kind}:{slug}", f"{kind}/{quote(slug, safe='')}")
        return _document(body).model_copy(update={"type": kind})

    async def event(self, slug: str) -> Document:
        """Return one of the events to come; `EventNotFound` if there is none."""
        match = next((event for event in await self.upcoming() if slug in {event.slug, event.name}), None)
        if match is None:
            raise EventNotFound(f"there is no event {slug[:80]} to come; /events lists them")
        return match

    def zone(self, document: Document) -> ZoneInfo:
        """Return the zone that an event takes place in."""
        return zone_of(document.time_zone, self.settings.time_zone)

    def begins(self, document: Document) -> datetime:
        """Return when an event begins; the event must have a beginning."""
        assert document.starts_at is not None
        return aware(document.starts_at, self.zone(document))

    def link(self, document: Document, kind: str) -> str | None:
        """Return the URL of a document, or None."""
        url = quote(document.url or "", safe=_PLAIN)
        if len(url) <= LONGEST_LINK and re.fullmatch(LINK, url):
            return url
        return f"{self.settings.site_url}/{kind}/{quote(document.slug, safe='')}" if self.settings.site_url else None

    def card(self, event: Document) -> Embed:
        """Return an event as a card."""
        parts = [("When", self.when(event)), ("Where", event.location or "")]
        parts.append(("With", ", ".join(filter(None, event.people or []))))
        fields = [(name, text) for name, text in parts if text]
        return Embed(event.name, event.summary or "", self.link(event, "events"), fields)

    def when(self, event: Document) -> str:
        """Return when an event is, in its own zone and in its reader's."""
        return span(self.begins(event), event.ends_at, self.zone(event))

    def _ahead(self, events: list[Document]) -> list[Document]:
        """Return the events that have not begun: a cached list may be older than some beginnings."""
        now = self._clock.now()
        ahead = [event for event in events if event.starts_at is not None and self.begins(event) > now]
        return sorted(ahead, key=self.begins)

    def within(self, events: list[Document], span: timedelta) -> list[Document]:
        """Return the events that begin that soon."""
        until = self._clock.now() + span
        return [event for event in events if self.begins(event) <= until]

    async def _cached(self, name: str, path: str) -> bytes:
        return (await self._cache.get(f"site:{name}", lambda: self._read(path), TERMS)).body

    async def _read(self, path: str) -> bytes:
        return self._sound(await self._upstream.send(self._call(path)))

    async def _read_now(self, path: str) -> bytes:
        """Return an answer that is at most `OLDEST` seconds old; `UpstreamFailed` if the site gives none."""
        age = 0
        for pause in (0.0, *PAUSES):
            await self._clock.sleep(pause)
            fetched = await self._patient.send(self._call(path, ("cache-control", "no-cache")))
            body = self._sound(fetched)
            age = _age(fetched)
            if age <= OLDEST:
                return body
        raise UpstreamFailed(f"the site's answer is {age} s old: set PLATFORM_API_KEY to the platform's API_KEY")

    def _call(self, path: str, *headers: tuple[str, str]) -> Call:
        key = self.settings.platform_api_key
        key_header = (("x-api-key", key.get_secret_value()),) if key else ()
        url = f"{self.settings.platform_api_url}/api/v1/content/{path}"
        return Call("GET", url, (("accept", "application/json"), *key_header, *headers))

    def _sound(self, fetched: Fetched) -> bytes:
        """Return the body of an answer that holds content, so that only sound bodies are cached."""
        if fetched.status != 200:
            raise UpstreamFailed(f"the site answered {fetched.status}", upstream_status=fetched.status)
        if b'"documents"' not in fetched.body:
            _document(fetched.body)
        elif unreadable := _page(fetched.body)[1]:
            self._log("warning", "unreadable documents of the site left out", count=unreadable)
        return fetched.body


def _age(fetched: Fetched) -> int:
    """Return how many seconds old an answer is by its `Age` (RFC 9111, 5.1)."""
    age = (fetched.header("age") or "").strip()
    return int(age) if age.isascii() and age.isdecimal() and len(age) < 10 else 0


def _documents(body: bytes) -> list[Document]:
    return _page(body)[0]


def _page(body: bytes) -> tuple[list[Document], int]:
    """Return a page's documents, and how many of it are unreadable; `UpstreamFailed` if all are."""
    listed = _validated(Listed, body).documents
    documents, unreadable = read_all(Document, listed)
    if listed and not documents:
        raise UpstreamFailed("the site's answer has no readable document")
    return documents, unreadable


def _document(body: bytes) -> Document:
    document = read(Document, _json(body)).value
    if document is None:
        raise UpstreamFailed("the site's document is unreadable")
    return document


def _json(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        raise UpstreamFailed("the site's answer is not JSON") from None


def _validated[M: BaseModel](model: type[M], body: bytes) -> M:
    try:
        return model.model_validate_json(body)
    except ValidationError as fault:
        raise UpstreamFailed(f"the site's answer is not content: {fault.error_count()} errors") from None
