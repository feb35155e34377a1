"""`/api/v1/content`: the site's content out of Sanity, through a cache that outlives it."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple, Self, TypedDict

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator
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
    Request,
    Response,
    Routes,
)
from edge.clients.cache import Cache, CacheEntry, Terms, oldest_accepted
from edge.clients.upstream import UpstreamFailed, UpstreamTimeout
from edge.reach import OPEN
from platform_api import NAME
from platform_api.content_index import ContentIndex
from platform_api.documents import Document, tier_place
from platform_api.queries import CONTENT, MOST, NAMES, UPCOMING
from platform_api.sanity import Sanity, sound

routes = Routes("/api/v1/content", tag="content", access=PUBLIC)

TERMS = Terms(fresh=60)
PURGE = "/api/v1/content/purge"
SEARCHED = 10_000
"""Documents of a type that are looked through for a tag or words."""

Slug = Annotated[str, WithJsonSchema({"type": "string", "maxLength": 200})]
ContentName = Annotated[str, WithJsonSchema({"type": "string", "enum": [*CONTENT]})]


class ContentTypeNotFound(NotFound):
    """No such type of content."""

    title = "No such type of content"


class ContentNotFound(NotFound):
    """No such document."""

    title = "No such document"


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
    offset: int = Field(0, ge=0, le=1_000_000)
    upcoming: bool = Field(False, description="of events, those that have not begun, soonest first")
    tag: str | None = Field(None, min_length=1, max_length=100, description="those with this tag")
    q: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description=f"those with all these words in title, summary, tags, people or location, of the first {SEARCHED}",
    )

    @property
    def chooses(self) -> bool:
        """Whether some documents of the list are wanted alone."""
        return self.tag is not None or self.q is not None

    def fits(self, line: bytes) -> bool:
        """Tell whether a document has the tag and the words."""
        document = from_json(line)
        tags = [tag.casefold() for tag in document.get("tags", ())]
        if self.tag is not None and self.tag.casefold() not in tags:
            return False
        texts = [document.get(name, "") for name in ("title", "summary", "location")]
        text = " ".join([*texts, *document.get("people", ()), *tags]).casefold()
        return all(word in text for word in (self.q or "").casefold().split())


class SlugField(BaseModel):
    """Sanity's slug."""

    current: str = Field(max_length=1_000)


class Changed(BaseModel):
    """A changed document in Sanity's webhook: its projection has one of these two members, or both."""

    type: str | None = Field(None, alias="_type", max_length=100)
    slug: SlugField | Annotated[str, Field(max_length=1_000)] | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.type is None and not self.slug:
            raise ValueError("give _type, slug or both")
        return self


class Purged(TypedDict):
    """The cache's entries that were purged, by name."""

    dropped: list[str]


class Names(NamedTuple):
    """The cache's entries of one type."""

    every: str
    upcoming: str
    document: str


def names(content: str, slug: str = "") -> Names:
    """Return the KV names of the entries of a type, and of one of its documents."""
    return Names(f"content:{content}:all", f"content:{content}:upcoming", f"content:{content}:doc:{slug}")


def _part(content: str, begin: int) -> str:
    """Return the KV name of a type's documents from `begin` on."""
    return f"{names(content).every}:{begin}" if begin else names(content).every


class Site:
    """The content, out of the cache or Sanity. A list is cached as lines: the total, then a document each."""

    def __init__(self, sanity: Sanity, cache: Cache, clock: Clock, log: Log) -> None:
        self._sanity = sanity
        self._cache = cache
        self._clock = clock
        self._log = log

    async def every(self, name: str, oldest: int | None = None, begin: int = 0) -> CacheEntry:
        """Return the documents of a type from `begin` on, `MOST` at most, none older than `oldest` seconds."""

        async def make() -> bytes:
            page = await self._sanity.query(Every, CONTENT[name].every(begin))
            return await self._lines(_part(name, begin), page["documents"], page["total"])

        return await self._cache.get(_part(name, begin), make, TERMS, oldest)

    async def range(self, name: str, begin: int, end: int, oldest: int | None = None) -> tuple[CacheEntry, list[bytes]]:
        """Return the documents of a type in a range, as lines, behind the first part of the list."""
        first = await self.every(name, oldest)
        end = min(end, _total(first))
        lines = list[bytes]()
        for start in range(begin // MOST * MOST, end, MOST):
            part = await self.every(name, oldest, start) if start else first
            lines += part.body.split(b"\n")[1:][max(0, begin - start) : end - start]
        return first, lines

    async def entries(self, name: str, slug: str | None = None) -> list[str]:
        """Return the names of the cache's entries of a type's lists, and of one of its documents."""
        entry = await self._cache.cached(names(name).every) or b"0"
        parts = [_part(name, begin) for begin in range(0, max(1, int(entry.partition(b"\n")[0])), MOST)]
        upcoming = [names("events").upcoming] if name == "events" else []
        return [*parts, *upcoming, *([names(name, slug).document] if slug is not None else [])]

    async def upcoming(self, oldest: int | None = None) -> CacheEntry:
        """Return the events to come, soonest first, none older than `oldest` seconds."""

        async def make() -> bytes:
            documents = await self._sanity.query(list[Any], UPCOMING, now=self._clock.now().replace(microsecond=0))
            return await self._lines(names("events").upcoming, documents, len(documents))

        return await self._cache.get(names("events").upcoming, make, TERMS, oldest)

    async def document(self, name: str, slug: str, oldest: int | None = None) -> CacheEntry:
        """Return a document; `ContentNotFound` if the list of its type has none of this slug."""

        async def make() -> bytes:
            listed = await self.every(name, oldest)
            if b'"slug":%s' % to_json(slug) not in listed.body and _total(listed) <= MOST:
                raise ContentNotFound(f"there is no document {slug[:80]} among {name}")
            answer = await self._sanity.query(Any, CONTENT[name].single, slug=slug)
            if answer is None:
                raise ContentNotFound(f"there is no document {slug[:80]} among {name}")
            document = self._document(answer)
            if document is None:
                raise UpstreamFailed(f"Sanity's document {slug[:80]} is unreadable", upstream="Sanity")
            return document

        return await self._cache.get(names(name, slug).document, make, TERMS, oldest)

    def is_ahead(self, line: bytes) -> bool:
        """Return whether an event of a list begins later than now: a cached list is older than some beginnings."""
        begins = from_json(line).get("starts_at")
        return begins is not None and datetime.fromisoformat(begins) > self._clock.now()

    async def _lines(self, entry: str, documents: list[Any], total: int) -> bytes:
        """Return a list as it is cached. An unreadable document stays as it was; a loss of documents is logged."""
        read = [self._document(document) for document in documents]
        before = await self._before(entry)
        if None in read:
            ids = [document.get("_id") if isinstance(document, dict) else None for document in documents]
            read = [line or before.get(id_) for line, id_ in zip(read, ids, strict=True)]
        lines = [line for line in read if line is not None]
        if len(lines) < len(before) and entry != names("events").upcoming:  # events that have begun are no loss
            lost = [*before.keys() - {_id_of(line) for line in lines}]
            level = "warning" if lines else "error"
            self._log(level, "list has fewer documents than before", entry=entry, lost=len(lost), ids=lost[:10])
        if entry == names("sponsors").every:
            lines.sort(key=lambda line: tier_place(from_json(line)))
        return b"\n".join([b"%d" % (total - len(documents) + len(lines)), *lines])

    async def _before(self, entry: str) -> dict[Any, bytes]:
        """Return the lines of a cached list, by the documents' ids."""
        _, *lines = (await self._cache.cached(entry) or b"").split(b"\n")
        return {_id_of(line): line for line in lines}

    def _document(self, raw: Any) -> bytes | None:
        """Return a document as JSON; None if it is null or unreadable."""
        document = None if raw is None else sound(Document, raw, self._log)
        return document.model_dump_json(exclude_none=True).encode() if document else None


def _id_of(line: bytes) -> Any:
    return from_json(line).get("id")


@routes.get(
    "/{type}",
    ContentTypeNotFound,
    UpstreamFailed,
    UpstreamTimeout,
    operation=Operation({200: {"application/json": Documents}}),
)
async def list_content(type: ContentName, page: Query[Page], site: Site, request: Request) -> Response:  # noqa: A002 - the path's name for it
    """List the documents of a type.

    The answer is fresh for 60 s, and for five minutes more it is served as it was while one request fetches it anew;
    an older one is served while Sanity is down, for a week. `Age` and `Cache-Status` show it. With the key,
    `Cache-Control: no-cache` or `max-age` asks for one that is no older.
    """
    _check(type)
    if page.upcoming and type != "events":
        raise BadRequest("upcoming=true works for type 'events' only")
    entry, total, lines = await _chosen(type, page, site, accepted_age(request))
    body = b'{"type":"%s","total":%d,"documents":[%s]}' % (type.encode(), total, b",".join(lines))
    return entry._replace(body=body).response(NAME, request.headers.get("if-none-match"))


@routes.get(
    "/{type}/{slug}",
    ContentTypeNotFound,
    ContentNotFound,
    UpstreamFailed,
    UpstreamTimeout,
    operation=Operation({200: {"application/json": Document}}),
)
async def get_content(type: ContentName, slug: Slug, site: Site, request: Request) -> Response:  # noqa: A002 - the path's name for it
    """Get one document, with its whole text."""
    _check(type)
    if len(slug) > 200:
        raise ContentNotFound("a slug has at most 200 characters")
    entry = await site.document(type, slug, accepted_age(request))
    return entry.response(NAME, request.headers.get("if-none-match"))


@routes.post("/purge", NotConfigured, access=READER, reach=OPEN)
async def purge_content(
    changed: Body[Changed], site: Site, cache: Cache, index: ContentIndex, background: Background
) -> Purged:
    """Purge a changed document from the cache: for Sanity's webhook, which signs its requests.

    Its projection is `{_type, slug}`, or `{_type, "slug": slug.current}`; without a type it is purged in all. The
    next reader of the document, or of a list of its type, gets a new one; the old one is kept for as long as Sanity is
    down.
    """
    types = [*CONTENT] if changed.type is None else [NAMES[changed.type]] if changed.type in NAMES else []
    slug = changed.slug.current if isinstance(changed.slug, SlugField) else changed.slug
    dropped = [entry for name in types for entry in await site.entries(name, slug)]
    if not dropped:
        return Purged(dropped=[])
    await cache.purge(*dropped)
    background.add(index.refresh())
    return Purged(dropped=dropped)


def accepted_age(request: Request) -> int | None:
    """Return how old, in seconds, the answer to a caller with the key may be; a stranger's wish does not count."""
    return oldest_accepted(request.headers.get("cache-control")) if request.actor else None


async def _chosen(name: str, page: Page, site: Site, oldest: int | None) -> tuple[CacheEntry, int, list[bytes]]:
    """Return the page of a list as lines, how many there are on all pages, and the entry that it comes from."""
    end = page.offset + page.limit
    if not page.upcoming and not page.chooses:
        entry, lines = await site.range(name, page.offset, end, oldest)
        return entry, _total(entry), lines
    if page.upcoming:
        entry = await site.upcoming(oldest)
        lines = [*filter(site.is_ahead, entry.body.split(b"\n")[1:])]
    else:
        entry, lines = await site.range(name, 0, SEARCHED, oldest)
    lines = [*filter(page.fits, lines)] if page.chooses else lines
    return entry, len(lines), lines[page.offset : end]


def _total(entry: CacheEntry) -> int:
    return int(entry.body.partition(b"\n")[0])


def _check(name: str) -> None:
    if name not in CONTENT:
        raise ContentTypeNotFound(f"the types are {', '.join(CONTENT)}")
