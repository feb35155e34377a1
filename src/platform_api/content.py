"""`/api/v1/content`: the site's content out of Sanity, through a cache that outlives it."""

from datetime import datetime
from itertools import dropwhile
from typing import Annotated, Any, NamedTuple, TypedDict

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import from_json, to_json

from edge import (
    PUBLIC,
    READER,
    Background,
    BadRequest,
    Body,
    Clock,
    Log,
    NotConfigured,
    NotFound,
    Operation,
    Query,
    Response,
    Routes,
)
from edge.clients.cache import Cache, CacheEntry, Terms
from edge.clients.upstream import UpstreamFailed, UpstreamTimeout
from edge.instants import IN_ANY_ZONE
from edge.reach import OPEN
from platform_api import NAME
from platform_api.content_index import ContentIndex
from platform_api.queries import CONTENT, NAMES, UPCOMING
from platform_api.sanity import Sanity, sound

routes = Routes("/api/v1/content", tag="content", access=PUBLIC)

TERMS = Terms(fresh=60)
PURGE = "/api/v1/content/purge"

Slug = Annotated[str, WithJsonSchema({"type": "string", "maxLength": 200})]
Instant = Annotated[AwareDatetime, IN_ANY_ZONE]
ContentName = Annotated[str, WithJsonSchema({"type": "string", "enum": [*CONTENT]})]


class ContentTypeNotFound(NotFound):
    """No such type of content."""

    title = "No such type of content"


class ContentNotFound(NotFound):
    """No such document."""

    title = "No such document"


class Document(BaseModel):
    """A document of the site. What a type does not have, or its editor left empty, is left out."""

    id: str = Field(validation_alias="_id")
    type: str = Field(validation_alias="_type")
    slug: str
    title: str | None = None
    summary: str | None = None
    text: str | None = Field(None, description="the whole text, where one document is asked for")
    starts_at: Instant | None = Field(None, validation_alias="startsAt")
    ends_at: Instant | None = Field(None, validation_alias="endsAt")
    time_zone: str | None = Field(
        None, validation_alias="timeZone", description="the IANA zone that an event takes place in"
    )
    location: str | None = None
    published_at: Instant | None = Field(None, validation_alias="publishedAt")
    people: list[str | None] | None = Field(None, description="speakers, authors or maintainers")
    role: str | None = None
    tier: str | None = None
    url: str | None = None
    image: str | None = Field(None, description="the URL of a picture")
    tags: list[str] | None = None
    updated_at: datetime | None = Field(None, validation_alias="_updatedAt")


class Documents(TypedDict):
    """A page of documents; `total` is how many there are."""

    type: str
    total: int
    documents: list[Document]


class Every(TypedDict):
    """Sanity's documents of a type, each to be validated by itself."""

    documents: list[Any]
    total: int


class Page(BaseModel):
    """Which documents to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=100)
    offset: int = Field(0, ge=0, le=1000)
    upcoming: bool = Field(False, description="of events, those that have not begun, soonest first")


class SlugField(BaseModel):
    """Sanity's slug."""

    current: str = Field(max_length=1_000)


class Changed(BaseModel):
    """A changed document in Sanity's webhook: its projection needs these two members."""

    type: str = Field(alias="_type", max_length=100)
    slug: SlugField | None = None


class Purged(TypedDict):
    """The cache's entries that were dropped, by name."""

    dropped: list[str]


class Names(NamedTuple):
    """The cache's entries of one type."""

    every: str
    upcoming: str
    one: str


def names(content: str, slug: str = "") -> Names:
    """Return what the entries of a type, and of one of its documents, are called in KV."""
    return Names(f"content:{content}:all", f"content:{content}:upcoming", f"content:{content}:doc:{slug}")


class Site:
    """The content, out of the cache or Sanity. A list is kept as lines: how many there are, then a document each."""

    def __init__(self, sanity: Sanity, cache: Cache, clock: Clock, log: Log) -> None:
        self._sanity, self._cache, self._clock, self._log = sanity, cache, clock, log

    async def every(self, name: str) -> CacheEntry:
        """Return all documents of a type."""

        async def make() -> bytes:
            found = await self._sanity.query(Every, CONTENT[name].every)
            return self._lines(found["documents"], found["total"])

        return await self._cache.get(names(name).every, make, TERMS)

    async def upcoming(self) -> CacheEntry:
        """Return the events to come, soonest first."""

        async def make() -> bytes:
            found = await self._sanity.query(list[Any], UPCOMING, now=self._clock.now().replace(microsecond=0))
            return self._lines(found, len(found))

        return await self._cache.get(names("events").upcoming, make, TERMS)

    async def one(self, name: str, slug: str) -> CacheEntry:
        """Return a document; `ContentNotFound` where the list of its type has none of this slug."""

        async def make() -> bytes:
            listed = await self.every(name)
            if b'"slug":%s' % to_json(slug) not in listed.body:
                raise ContentNotFound(f"there is no document {slug[:80]} among {name}")
            found = self._document(await self._sanity.query(Any, CONTENT[name].one, slug=slug))
            if found is None:
                raise ContentNotFound(f"there is no document {slug[:80]} among {name}")
            return found

        return await self._cache.get(names(name, slug).one, make, TERMS)

    def has_begun(self, line: bytes) -> bool:
        """Tell whether an event of a list has begun: one that is kept is older than some beginnings."""
        begins = from_json(line).get("starts_at")
        return begins is not None and datetime.fromisoformat(begins) <= self._clock.now()

    def _lines(self, documents: list[Any], total: int) -> bytes:
        read = [line for one in documents if (line := self._document(one)) is not None]
        return b"\n".join([b"%d" % (total - len(documents) + len(read)), *read])

    def _document(self, given: Any) -> bytes | None:
        """Return a document as JSON, None for what is none."""
        document = None if given is None else sound(Document, given, self._log)
        return document.model_dump_json(exclude_none=True).encode() if document else None


@routes.get(
    "/{type}",
    ContentTypeNotFound,
    UpstreamFailed,
    UpstreamTimeout,
    operation=Operation({200: {"application/json": Documents}}),
)
async def list_content(type: ContentName, page: Query[Page], site: Site) -> Response:  # noqa: A002 - the path's name for it
    """List the documents of a type.

    The answer is fresh for 60 s; after that it is served as it was while one request fetches it anew, and for a week
    where Sanity is down. `Age` and `Cache-Status` tell.
    """
    _check(type)
    if page.upcoming and type != "events":
        raise BadRequest("of events alone it is known which are to come")
    kept = await (site.upcoming() if page.upcoming else site.every(type))
    total, *documents = kept.body.split(b"\n")
    if page.upcoming:
        documents = [*dropwhile(site.has_begun, documents)]
        total = b"%d" % len(documents)
    chosen = b",".join(documents[page.offset : page.offset + page.limit])
    body = b'{"type":"%s","total":%s,"documents":[%s]}' % (type.encode(), total, chosen)
    return CacheEntry(body, kept.age, kept.was_cached, kept.terms).response(NAME)


@routes.get(
    "/{type}/{slug}",
    ContentTypeNotFound,
    ContentNotFound,
    UpstreamFailed,
    UpstreamTimeout,
    operation=Operation({200: {"application/json": Document}}),
)
async def get_content(type: ContentName, slug: Slug, site: Site) -> Response:  # noqa: A002 - the path's name for it
    """Get one document, with its whole text."""
    _check(type)
    if len(slug) > 200:
        raise ContentNotFound("a slug has at most 200 characters")
    return (await site.one(type, slug)).response(NAME)


@routes.post("/purge", NotConfigured, access=READER, reach=OPEN)
async def purge_content(changed: Body[Changed], cache: Cache, index: ContentIndex, background: Background) -> Purged:
    """Drop what the cache has of a document that changed: Sanity's webhook calls this, and signs what it sends.

    Its projection is `{_type, slug}`. The document and the lists of its type are dropped, and nothing else.
    """
    name = NAMES.get(changed.type)
    if name is None:
        return Purged(dropped=[])
    kept = names(name, changed.slug.current if changed.slug else "")
    dropped = [kept.every, *([kept.upcoming] if name == "events" else []), *([kept.one] if changed.slug else [])]
    await cache.drop(*dropped)
    background.add(index.refresh())
    return Purged(dropped=dropped)


def _check(name: str) -> None:
    if name not in CONTENT:
        raise ContentTypeNotFound(f"there are {', '.join(CONTENT)}")
