"""`/api/practitioners/search`: practitioners near a place, by words and filters, as JSON or GeoJSON."""

import re
from hashlib import sha256

from pydantic_core import from_json, to_json

from edge import PUBLIC, Clock, Database, Header, KeyValue, Log, Operation, Query, Response, Routes
from edge.negotiation import NotAcceptable, best
from edge.ports import PortError, Row
from edge.reach import OPEN
from klear_karma.search.available import FreeSlotFilter
from klear_karma.search.query import Position, Search, cursor_of, page_of, position_of
from klear_karma.search.results import Coordinates, FeatureCollection, SearchPage, collection_of, result_of

routes = Routes("/api/practitioners", tag="search", access=PUBLIC, reach=OPEN)

OLDEST_S = 60
"""Maximum age of a cached page, in seconds."""
CHUNK = 50
"""Number of candidates checked for free slots per query."""
MOST_CHECKED = 500
"""Most candidates checked for free slots per page; beyond, the page is `truncated`."""
JSON = "application/json"
GEOJSON = "application/geo+json"

_ENTRY = re.compile(rb"([0-9]{1,12})\n(.*)", re.DOTALL)


class SearchCache:
    """Caches pages in KV by search, each with the time of its creation; 60 s old at most."""

    def __init__(self, kv: KeyValue | None, clock: Clock, log: Log) -> None:
        self._kv = kv
        self._clock = clock
        self._log = log

    async def get(self, search: Search) -> tuple[SearchPage, int] | None:
        """Return a cached page and its age in seconds, or None."""
        if self._kv is None:
            return None
        try:
            entry = _ENTRY.fullmatch(await self._kv.get(key_of(search)) or b"")
        except PortError as fault:
            self._log("warning", "search cache not read", error=str(fault)[:300])
            return None
        if entry is None:
            return None
        age = int(self._clock.now().timestamp()) - int(entry[1])
        return (from_json(entry[2]), age) if 0 <= age < OLDEST_S else None

    async def put(self, search: Search, page: SearchPage, made_at: int) -> None:
        """Cache a page that was read at `made_at`, in Unix seconds."""
        if self._kv is None:
            return
        try:
            await self._kv.put(key_of(search), b"%d\n%s" % (made_at, to_json(page)), ttl=OLDEST_S)
        except PortError as fault:
            self._log("warning", "search cache not written", error=str(fault)[:300])


class Searcher:
    """Answers searches from the cache, or from publicly readable rows."""

    def __init__(self, db: Database, free: FreeSlotFilter, cache: SearchCache, clock: Clock) -> None:
        self._db = db
        self._free = free
        self._cache = cache
        self._clock = clock

    async def answer(self, search: Search) -> tuple[SearchPage, int]:
        """Return a page of a search and its age in seconds."""
        after = position_of(search)
        cached = await self._cache.get(search)
        if cached is not None:
            return cached
        made_at = int(self._clock.now().timestamp())
        page = await self.find(search, after)
        await self._cache.put(search, page, made_at)
        return page, 0

    async def find(self, search: Search, after: Position | None) -> SearchPage:
        """Return a page of a search from the database."""
        if search.available_on is not None:
            return await self._available(search, after)
        rows = await self._rows(search, after, search.limit + 1)
        return _page(search, rows[: search.limit], rows[search.limit - 1] if len(rows) > search.limit else None)

    async def _available(self, search: Search, after: Position | None) -> SearchPage:
        """Return the next practitioners with free slots; the next page continues after the last one checked."""
        matches = list[Row]()
        for _ in range(MOST_CHECKED // CHUNK):
            rows = await self._rows(search, after, CHUNK + 1)
            are_free = await self._free.among([row["id"] for row in rows[:CHUNK]], search)
            for number, row in enumerate(rows[:CHUNK]):
                if row["id"] in are_free:
                    matches.append(row)
                    if len(matches) == search.limit:
                        return _page(search, matches, row if number + 1 < len(rows) else None)
            if len(rows) <= CHUNK:
                return _page(search, matches, None)
            after = Position(rows[CHUNK - 1]["rank"], rows[CHUNK - 1]["id"])
        return _page(search, matches, rows[CHUNK - 1], is_truncated=True)

    async def _rows(self, search: Search, after: Position | None, limit: int) -> list[Row]:
        sql, values = page_of(search, after, limit)
        return await self._db.all(sql, *values)


def key_of(search: Search) -> str:
    """Return the KV key of a search."""
    return f"search:1:{sha256(search.key().encode(errors='surrogatepass')).hexdigest()}"


_BODIES = {JSON: SearchPage, GEOJSON: FeatureCollection}


@routes.get("/search", NotAcceptable, operation=Operation({200: _BODIES}))
async def search_practitioners(query: Query[Search], accept: Header[str | None], searcher: Searcher) -> Response:
    """Search for practitioners: the nearest first if there is a place, otherwise the best rated."""
    media_type = best(accept, [JSON, GEOJSON])
    if media_type is None:
        raise NotAcceptable([JSON, GEOJSON])
    page, age = await searcher.answer(query)
    response = Response.json(page if media_type == JSON else collection_of(page), media_type=media_type)
    response.headers += [("vary", "accept"), ("cache-control", f"public, max-age={OLDEST_S}"), ("age", str(age))]
    return response


def _page(search: Search, rows: list[Row], last: Row | None, *, is_truncated: bool = False) -> SearchPage:
    """Return a page; if there is a `last` row, the next page begins after it."""
    place = search.place
    return SearchPage(
        practitioners=[result_of(row, has_distance=place is not None) for row in rows],
        next=None if last is None else cursor_of(search, Position(last["rank"], last["id"])),
        truncated=is_truncated,
        place=None if place is None else Coordinates(lat=place.lat, lng=place.lng),
        radius_km=None if place is None else search.radius,
    )
