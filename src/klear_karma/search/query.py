"""Searches in SQL: candidates by map cells, words or rating, in pages without repetition."""

import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import from_json, to_json

from edge import Statement
from edge.errors import Fault, InvalidParameter
from edge.ports import Value
from edge.text import Matching
from klear_karma.search.geography import DISTANCE_KM, FINE, Place, circle_words
from klear_karma.search.words import LONGEST_QUERY, match, one_word, quote
from klear_karma.tables import LISTED
from klear_karma.values import Currency, Day, Latitude, Longitude, Price, Zone

USUAL_RADIUS_KM = 25.0
LARGEST_RADIUS_KM = 500.0
PLACE_DIGITS = 2
"""Decimal digits to which a search's place is rounded, in degrees: for the cache key and for distances."""

_COLUMNS = (
    "p.id, p.name, p.headline, p.specializations, p.languages, p.city, p.country, p.coarse_lat, "
    "p.coarse_lng, p.time_zone, p.currency, p.min_price, p.rating_sum, p.rating_count, p.photo_id"
)
_BY_CELLS = (
    "json_each(?) AS cells CROSS JOIN practitioners AS p ON p.cell BETWEEN cells.value ->> 0 AND cells.value ->> 1"
)
_BY_WORDS = "practitioner_texts AS t CROSS JOIN practitioners AS p ON p.number = t.rowid"
_BY_RATING = "practitioners AS p"
_DISTANCE = DISTANCE_KM.format(lat="p.coarse_lat", lng="p.coarse_lng")

Cursor = Annotated[
    str, Field(max_length=200), Matching(r"[A-Za-z0-9_=-]*", "`next` of the previous page"), Field(examples=[""])
]


class Search(BaseModel):
    """A search: near a place, by specialization, by words; results are sorted by distance if there is a place."""

    model_config = ConfigDict(extra="forbid")

    lat: Latitude | None = None
    lng: Longitude | None = None
    radius: float = Field(USUAL_RADIUS_KM, gt=0, le=LARGEST_RADIUS_KM, allow_inf_nan=False, description="in km")
    specialization: str | None = Field(None, min_length=1, max_length=40)
    q: str | None = Field(None, max_length=LONGEST_QUERY, description="words; the last may be a prefix")
    min_rating: float | None = Field(None, ge=1, le=5, allow_inf_nan=False)
    max_price: Price | None = None
    currency: Currency = Field("EUR", description="currency of `max_price`")
    available_on: Day | None = Field(None, description="a day on which a service has a free slot")
    zone: Zone | None = Field(None, description="time zone of that day; absent for the practitioner's")
    limit: int = Field(20, ge=1, le=50)
    after: Cursor | None = Field(None, description="`next` of the previous page")

    @model_validator(mode="after")
    def _has_whole_place(self) -> Self:
        if (self.lat is None) != (self.lng is None):
            raise ValueError("give both lat and lng, or neither")
        return self

    @property
    def place(self) -> Place | None:
        """The rounded place from which distances are measured, or None."""
        if self.lat is None or self.lng is None:
            return None
        return Place(round(self.lat, PLACE_DIGITS) + 0.0, round(self.lng, PLACE_DIGITS) + 0.0)

    def key(self) -> str:
        """Return the cache key of a search."""
        return self._folded(set()).decode()

    def fingerprint(self) -> str:
        """Return the fingerprint that ties a cursor to its search: searches that share a cache key have one."""
        return sha256(self._folded({"limit", "after"})).hexdigest()[:12]

    def _folded(self, without: set[str]) -> bytes:
        """Return the search with its place rounded and its words folded, without some members."""
        values = self.model_dump(exclude={"lat", "lng", *without}) | {"place": self.place, "q": match(self.q or "")}
        if self.specialization is not None:
            values["specialization"] = one_word(self.specialization)
        return to_json(values)


class Position(NamedTuple):
    """A position in the order of a search: a distance or a score, and the practitioner's id."""

    rank: float
    practitioner_id: str


def position_of(search: Search) -> Position | None:
    """Return the position after which a page begins; raises `InvalidParameter` for a cursor of another search."""
    if not search.after:
        return None
    try:
        rank, name, fingerprint = from_json(urlsafe_b64decode(search.after + "=" * (-len(search.after) % 4)))
        is_position = isinstance(rank, float | int) and math.isfinite(rank) and isinstance(name, str)
    except (ValueError, TypeError):
        is_position = False
        rank = 0.0
        name = ""
        fingerprint = ""
    if not is_position or fingerprint != search.fingerprint():
        raise InvalidParameter([Fault(pointer="after", detail="must be the `next` of a page of the same search")])
    return Position(float(rank), name)


def cursor_of(search: Search, position: Position) -> str:
    """Return a position as the `after` of the next page."""
    text = to_json([position.rank, position.practitioner_id, search.fingerprint()])
    return urlsafe_b64encode(text).decode().rstrip("=")


def page_of(search: Search, after: Position | None, limit: int) -> Statement:
    """Return the query of the next candidates; their `rank` is the distance, or the score if there is no place."""
    place = search.place
    expression = _match(search)
    values: list[Value] = []
    if place is not None:
        values += [place.lat, place.lat, place.lng]
    if expression:
        source = _BY_WORDS
        bound = [expression]
        conditions = ["practitioner_texts MATCH ?"]
    elif place is not None:
        ranges = FINE.ranges(place, search.radius)
        source = _BY_CELLS
        bound = [to_json(ranges).decode()]
        conditions = []
    else:
        source = _BY_RATING
        bound = []
        conditions = []
    values += bound
    for text, bindings in _filters(search):
        conditions.append(text)
        values += bindings
    rank = _DISTANCE if place is not None else "p.score"
    inner = f"SELECT {_COLUMNS}, {rank} AS rank FROM {source} WHERE {' AND '.join([*conditions, *_listed()])}"
    return _ordered(search, inner, values, (after, limit))


def _ordered(search: Search, inner: str, values: list[Value], bounds: tuple[Position | None, int]) -> Statement:
    after, limit = bounds
    conditions = ["true"]
    direction = "DESC"
    if search.place is not None:
        conditions = ["rank <= ?"]
        direction = "ASC"
        values.append(search.radius)
    if after is not None:
        conditions.append(f"(rank, id) {'>' if direction == 'ASC' else '<'} (?, ?)")
        values += [after.rank, after.practitioner_id]
    order = f"rank {direction}, id {direction}"
    sql = f"SELECT * FROM ({inner}) WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ?"
    return Statement(sql, [*values, limit])


def _listed() -> list[str]:
    """Return the condition of listed practitioners, by which the indexes begin too."""
    return [f"p.{part}" for part in LISTED.split(" AND ")]


def _filters(search: Search) -> Iterator[tuple[str, list[Value]]]:
    if search.min_rating is not None:
        yield "p.rating_count > 0 AND p.rating_sum >= ? * p.rating_count", [search.min_rating]
    if search.max_price is not None:
        yield "p.min_price <= ? AND p.currency = ?", [search.max_price, search.currency]


def _match(search: Search) -> str:
    """Return the MATCH expression of a search; empty without words and specialization."""
    words = match(search.q or "")
    parts = [f"words : ({words})"] if words else []
    if search.specialization is not None:
        parts.append(f"marks : {quote('s' + one_word(search.specialization))}")
    if parts and search.place is not None:
        cells = circle_words(search.place, search.radius)
        parts.append(f"marks : ({' OR '.join(map(quote, cells))})")
    return " AND ".join(parts)
