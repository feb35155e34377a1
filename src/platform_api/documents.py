"""Documents of the site, as read from Sanity and returned."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field

from edge.instants import IN_ANY_ZONE
from platform_api.queries import NAMES

TIERS = ("diamond", "platinum", "gold", "silver", "bronze", "community")
"""Tiers of sponsors, the highest first; a `rank` of Sanity's goes before them."""


def _present(value: object) -> object:
    """Return a list without its nulls, which dangling references leave; None if nothing is left."""
    return [item for item in value if item is not None] or None if isinstance(value, list) else value


Instant = Annotated[AwareDatetime, IN_ANY_ZONE]
Present = BeforeValidator(_present)


class Hotspot(BaseModel):
    """The part of a picture that matters, in fractions of its width and height; `x` and `y` are its centre."""

    x: float
    y: float
    width: float
    height: float


class Picture(BaseModel):
    """A picture: its size in pixels, and its alternative text."""

    url: str
    alt: str | None = None
    width: int | None = None
    height: int | None = None
    hotspot: Hotspot | None = None


class Document(BaseModel):
    """A document of the site. Fields that its type lacks, or its editor left empty, are left out."""

    id: str = Field(validation_alias="_id")
    type: Annotated[str, AfterValidator(lambda name: NAMES.get(name, name))] = Field(
        validation_alias="_type", description="as in the path"
    )
    slug: str
    title: str | None = None
    summary: str | None = None
    text: str | None = Field(None, description="the whole text, in the answer of a single document")
    body: Annotated[list[dict[str, Any]] | None, Present] = Field(
        None, description="the same as Portable Text; its pictures have `url`, `width` and `height`"
    )
    starts_at: Instant | None = Field(None, validation_alias="startsAt")
    ends_at: Instant | None = Field(None, validation_alias="endsAt")
    time_zone: str | None = Field(
        None, validation_alias="timeZone", description="the IANA zone that an event takes place in"
    )
    location: str | None = None
    published_at: Instant | None = Field(None, validation_alias="publishedAt")
    people: Annotated[list[str] | None, Present] = Field(None, description="speakers, authors or maintainers")
    role: str | None = None
    tier: str | None = None
    rank: float | None = Field(None, description="of a sponsor's tier, the highest first")
    url: str | None = None
    image: str | None = Field(None, description="the URL of the picture")
    picture: Picture | None = None
    tags: Annotated[list[str] | None, Present] = None
    updated_at: datetime | None = Field(None, validation_alias="_updatedAt")


def tier_place(sponsor: Mapping[str, Any]) -> tuple[float, int]:
    """Return the place of a sponsor among all, by the rank of its tier, else by the tier's name."""
    tier = str(sponsor.get("tier", "")).strip().casefold()
    return sponsor.get("rank", float("inf")), TIERS.index(tier) if tier in TIERS else len(TIERS)
