"""`/api/discogs`: the best release of a search, and the price of a release."""

from typing import Annotated, TypedDict, cast

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from edge import PUBLIC, Query, Request, Routes
from edge.auth.limits import TooManyRequests, address, bound
from edge.clients.upstream import UpstreamFailed, UpstreamTimeout
from edge.errors import Fault, InvalidParameter, ServiceAway
from vinyl_vault.discogs.answers import Answer
from vinyl_vault.discogs.budget import DiscogsBusy
from vinyl_vault.discogs.client import DiscogsNotFound, Json
from vinyl_vault.discogs.covers import PENDING
from vinyl_vault.discogs.money import Currency
from vinyl_vault.discogs.prices import Prices
from vinyl_vault.discogs.search import Search
from vinyl_vault.discogs.settings import DiscogsSettings
from vinyl_vault.formats import Carrier

routes = Routes("/api/discogs", tag="discogs", access=PUBLIC)

MOST_ID = 2**53 - 1

_PROBLEMS = (
    InvalidParameter,
    DiscogsNotFound,
    DiscogsBusy,
    TooManyRequests,
    UpstreamFailed,
    UpstreamTimeout,
    ServiceAway,
)

type Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class SearchOptions(BaseModel):
    """A search by one of: artist and album, a barcode, a catalogue number."""

    model_config = ConfigDict(extra="forbid")

    artist: Name | None = None
    album: Name | None = None
    barcode: Annotated[str, StringConstraints(max_length=40)] | None = None
    catno: Name | None = None
    currency: Currency | None = Field(None, description="currency of the price; absent for the default")


class PriceOptions(BaseModel):
    """A release at Discogs, and the currency of its price."""

    model_config = ConfigDict(extra="forbid")

    release_id: Annotated[int, Field(ge=1, le=MOST_ID)]
    currency: Currency | None = Field(None, description="currency of the price; absent for the default")


class FoundRelease(TypedDict):
    """A release at Discogs: `id` is always that of a release, never of a master. `cover` is an address on this site.

    `price` is the lowest price of a copy for sale, in `currency`, and `price_minor` the same in minor units; both are
    null if none is for sale. `cached` is true if Discogs was not called; `age_s` is the age of the answer.
    """

    id: int
    kind: str
    title: str
    artist: str
    artist_shown: str
    year: int | None
    label: str
    catalogue_number: str
    format: str
    formats: list[Carrier]
    genre: list[str]
    style: list[str]
    country: str
    barcode: str
    master_id: int | None
    cover: str | None
    cover_source: str | None
    price: float | None
    price_minor: int | None
    currency: str
    for_sale: int | None
    cached: bool
    age_s: int


class ReleasePrice(TypedDict):
    """The lowest price of a release in a currency, null if no copy is for sale, and the number of copies."""

    release_id: int
    currency: str
    lowest_price: float | None
    lowest_price_minor: int | None
    for_sale: int | None
    blocked: bool
    cached: bool
    age_s: int


@routes.get("/search", *_PROBLEMS)
async def search_release(
    query: Query[SearchOptions], request: Request, search: Search, prices: Prices, settings: DiscogsSettings
) -> FoundRelease:
    """Find the best release: by artist and album, by barcode, or by catalogue number."""
    await bound(settings.search_limiter, f"discogs {address(request)}")
    answer = await _searched(query, search)
    release = _data_of(answer)
    currency = query.currency or settings.discogs_currency
    if release["currency"] != currency:
        price = _data_of(await prices.get(int(release["id"]), currency))
        release |= {"price": price["lowest_price"], "price_minor": price["lowest_price_minor"], "currency": currency}
        release["for_sale"] = price["for_sale"]
    if release["cover"] == PENDING:
        release["cover"] = None
    return cast("FoundRelease", release | {"cached": answer.was_cached, "age_s": answer.age_s})


@routes.get("/price", *_PROBLEMS)
async def get_price(
    query: Query[PriceOptions], request: Request, prices: Prices, settings: DiscogsSettings
) -> ReleasePrice:
    """Get the lowest price of a release, and the number of copies for sale."""
    await bound(settings.search_limiter, f"discogs {address(request)}")
    answer = await prices.get(query.release_id, query.currency or settings.discogs_currency)
    return cast("ReleasePrice", _data_of(answer) | {"cached": answer.was_cached, "age_s": answer.age_s})


async def _searched(query: SearchOptions, search: Search) -> Answer:
    by_names = query.artist is not None or query.album is not None
    if sum((by_names, query.barcode is not None, query.catno is not None)) != 1:
        raise InvalidParameter([Fault(pointer="", detail="give artist and album, or barcode, or catno")])
    if query.barcode is not None:
        return await search.by_barcode(query.barcode)
    if query.catno is not None:
        return await search.by_catalogue_number(query.catno)
    if query.artist is None or query.album is None:
        missing = "album" if query.album is None else "artist"
        raise InvalidParameter([Fault(pointer=missing, detail="give artist and album together")])
    return await search.by_names(query.artist, query.album)


def _data_of(answer: Answer) -> Json:
    if answer.data is None:
        raise DiscogsNotFound
    return dict(answer.data)
