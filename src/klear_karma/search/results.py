"""Results of a search: practitioners as JSON and GeoJSON show them."""

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from pydantic_core import from_json

from edge.ports import Row


class Coordinates(TypedDict):
    """A place to about a kilometre."""

    lat: float
    lng: float


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


def rating_of(row: Mapping[str, Any]) -> float | None:
    """Return the average of a practitioner's ratings, to two places."""
    return round(row["rating_sum"] / row["rating_count"], 2) if row["rating_count"] else None


def found_of(row: Row, *, has_distance: bool) -> Found:
    """Return a row of a search as it is shown."""
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


def collection_of(page: FoundPage) -> FeatureCollection:
    """Return a page as GeoJSON."""
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
