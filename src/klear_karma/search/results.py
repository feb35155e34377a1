"""Results of a search: practitioners in JSON and GeoJSON."""

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from pydantic_core import from_json

from edge.ports import Row


class Coordinates(TypedDict):
    """A place, rounded to about a kilometre."""

    lat: float
    lng: float


class SearchResult(TypedDict):
    """A result of a search; `place` is rounded, and the distance in km is from the search's rounded place."""

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


class SearchPage(TypedDict):
    """A page of a search. `next` is null on the last page.

    `truncated` means that the page ended at the limit of free-slot checks: `next` continues from there.
    """

    practitioners: list[SearchResult]
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
    properties: SearchResult


class FeatureCollection(TypedDict):
    """A page of a search as GeoJSON (RFC 7946)."""

    type: Literal["FeatureCollection"]
    features: list[Feature]
    next: str | None
    truncated: bool


def rating_of(row: Mapping[str, Any]) -> float | None:
    """Return a practitioner's average rating, rounded to two decimals; None without reviews."""
    return round(row["rating_sum"] / row["rating_count"], 2) if row["rating_count"] else None


def result_of(row: Row, *, has_distance: bool) -> SearchResult:
    """Return a result from a row of a search."""
    has_place = row["coarse_lat"] is not None
    return SearchResult(
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


def collection_of(page: SearchPage) -> FeatureCollection:
    """Return a page as GeoJSON."""
    return FeatureCollection(
        type="FeatureCollection",
        features=[_feature(practitioner) for practitioner in page["practitioners"]],
        next=page["next"],
        truncated=page["truncated"],
    )


def _feature(practitioner: Any) -> Feature:
    place = practitioner["place"]
    point = None if place is None else Point(type="Point", coordinates=[place["lng"], place["lat"]])
    return Feature(type="Feature", id=practitioner["id"], geometry=point, properties=practitioner)
