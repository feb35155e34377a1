"""`/api/practitioners/search`: practitioners near a place, by words and filters, as JSON or GeoJSON."""

import re
from hashlib import sha256
from typing import Any, Literal, TypedDict

from pydantic_core import from_json, to_json

from edge import PUBLIC, Clock, Database, Header, KeyValue, Log, Operation, Query, Response, Routes
from edge.negotiation import NotAcceptable, best
from edge.ports import PortError, Row
from edge.reach import OPEN
from klear_karma.practitioners.profile import Coordinates, rating_of
from klear_karma.search.available import FreeOn
from klear_karma.search.query import Position, Search, cursor_of, page_of, position_of

routes = Routes("/api/practitioners", tag="search", access=PUBLIC, reach=OPEN)

OLDEST_S = 60
"""The most that an answer out of the cache is old."""
CHUNK = 50
"""Candidates whose free slots are computed at once."""
MOST_CHECKED = 500
"""Candidates whose free slots one page computes; beyond, the page is `truncated`."""
JSON = "application/json"
GEOJSON = "application/geo+json"

_ENTRY = re.compile(rb"([0-9]{1,12})\n(.*)", re.DOTALL)


class Found(TypedDict):
    """A practitioner as a search shows it: the place is coarse, the distance in km is from the rounded place."""

    id: str
    name: str
    headline: str
    specializations: list[str]
    languages: list[str]
    city: str
    country: str
    place: Coordinates | None
    distance_km: float | None
    rating: float | None
    rating_count: int
    min_price: int | None
    currency: str
    time_zone: str
    photo_id: str | None


class FoundPage(TypedDict):
    """A page of a search. `next` is null on the last.

    `truncated` says that the page ends because enough practitioners were asked for free slots: `next` goes on there.
    """

    practitioners: list[Found]
    next: str | None
    truncated: bool
    place: Coordinates | None
    radius_km: float | None


class Point(TypedDict):
    """A point of GeoJSON: longitude, latitude."""

    type: Literal["Point"]
    coordinates: list[float]


class Feature(TypedDict):
    """A practitioner as a feature of GeoJSON."""

    type: Literal["Feature"]
    id: str
    geometry: Point | None
    properties: Found


class FeatureCollection(TypedDict):
    """A page of a search as GeoJSON (RFC 7946)."""

    type: Literal["FeatureCollection"]
    features: list[Feature]
    next: str | None
    truncated: bool


class SearchCache:
    """Answers in KV by the search they are for, each with the second of its making; 60 s old at most."""

    def __init__(self, kv: KeyValue | None, clock: Clock, log: Log) -> None:
        self._kv, self._clock, self._log = kv, clock, log

    async def get(self, search: Search) -> tuple[FoundPage, int] | None:
        """Return an answer and its age in seconds, or None."""
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

    async def put(self, search: Search, page: FoundPage, made_at: int) -> None:
        """Store an answer that was begun at an instant."""
        if self._kv is None:
            return
        try:
            await self._kv.put(key_of(search), b"%d\n%s" % (made_at, to_json(page)), ttl=OLDEST_S)
        except PortError as fault:
            self._log("warning", "search cache not written", error=str(fault)[:300])


class Searcher:
    """Answers searches: out of the cache, or from the rows that everybody may read."""

    def __init__(self, db: Database, free: FreeOn, cache: SearchCache, clock: Clock) -> None:
        self._db, self._free, self._cache, self._clock = db, free, cache, clock

    async def answer(self, search: Search) -> tuple[FoundPage, int]:
        """Return a page of a search and its age in seconds."""
        after = position_of(search)
        cached = await self._cache.get(search)
        if cached is not None:
            return cached
        made_at = int(self._clock.now().timestamp())
        page = await self.find(search, after)
        await self._cache.put(search, page, made_at)
        return page, 0

    async def find(self, search: Search, after: Position | None) -> FoundPage:
        """Return a page of a search as the database has it."""
        if search.available_on is not None:
            return await self._available(search, after)
        rows = await self._rows(search, after, search.limit + 1)
        return _page(search, rows[: search.limit], rows[search.limit - 1] if len(rows) > search.limit else None)

    async def _available(self, search: Search, after: Position | None) -> FoundPage:
        """Return the next practitioners with free slots; a page that is not full says how far it looked."""
        found = list[Row]()
        for _ in range(MOST_CHECKED // CHUNK):
            rows = await self._rows(search, after, CHUNK + 1)
            are_free = await self._free.among([row["id"] for row in rows[:CHUNK]], search)
            for number, row in enumerate(rows[:CHUNK]):
                if row["id"] in are_free:
                    found.append(row)
                    if len(found) == search.limit:
                        return _page(search, found, row if number + 1 < len(rows) else None)
            if len(rows) <= CHUNK:
                return _page(search, found, None)
            after = Position(rows[CHUNK - 1]["rank"], rows[CHUNK - 1]["number"])
        return _page(search, found, rows[CHUNK - 1], is_truncated=True)

    async def _rows(self, search: Search, after: Position | None, limit: int) -> list[Row]:
        sql, values = page_of(search, after, limit)
        return await self._db.all(sql, *values)


def key_of(search: Search) -> str:
    """Return the name of an answer in KV."""
    return f"search:1:{sha256(search.key().encode(errors='surrogatepass')).hexdigest()}"


_BODIES = {JSON: FoundPage, GEOJSON: FeatureCollection}


@routes.get("/search", NotAcceptable, operation=Operation({200: _BODIES}))
async def search_practitioners(query: Query[Search], accept: Header[str | None], searcher: Searcher) -> Response:
    """Search for practitioners: with a place the nearest first, else the best rated."""
    media_type = best(accept, [JSON, GEOJSON])
    if media_type is None:
        raise NotAcceptable([JSON, GEOJSON])
    page, age = await searcher.answer(query)
    response = Response.json(page if media_type == JSON else _collection(page), media_type=media_type)
    response.headers += [("vary", "accept"), ("cache-control", f"public, max-age={OLDEST_S}"), ("age", str(age))]
    return response


def _page(search: Search, rows: list[Row], last: Row | None, *, is_truncated: bool = False) -> FoundPage:
    """Return a page; the next begins behind `last`, where there is one."""
    place = search.place
    return FoundPage(
        practitioners=[_found(row, has_distance=place is not None) for row in rows],
        next=None if last is None else cursor_of(search, Position(last["rank"], last["number"])),
        truncated=is_truncated,
        place=None if place is None else Coordinates(lat=place.lat, lng=place.lng),
        radius_km=None if place is None else search.radius,
    )


def _found(row: Row, *, has_distance: bool) -> Found:
    has_place = row["coarse_lat"] is not None
    return Found(
        id=row["id"],
        name=row["name"],
        headline=row["headline"],
        specializations=from_json(row["specializations"]),
        languages=from_json(row["languages"]),
        city=row["city"],
        country=row["country"],
        place=Coordinates(lat=row["coarse_lat"], lng=row["coarse_lng"]) if has_place else None,
        distance_km=round(row["rank"], 3) if has_distance else None,
        rating=rating_of(row),
        rating_count=row["rating_count"],
        min_price=row["min_price"],
        currency=row["currency"],
        time_zone=row["time_zone"],
        photo_id=row["photo_id"],
    )


def _collection(page: FoundPage) -> FeatureCollection:
    return FeatureCollection(
        type="FeatureCollection",
        features=[_feature(found) for found in page["practitioners"]],
        next=page["next"],
        truncated=page["truncated"],
    )


def _feature(found: Any) -> Feature:
    place = found["place"]
    point = None if place is None else Point(type="Point", coordinates=[place["lng"], place["lat"]])
    return Feature(type="Feature", id=found["id"], geometry=point, properties=found)
