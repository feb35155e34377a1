"""`/api/practitioners/{id}`: public profiles, and a practitioner's own."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypedDict

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import from_json, to_json

from edge import PUBLIC, READER, Actor, Body, Clock, Database, Forbidden, NotFound, Problem, Routes, Statement
from edge.errors import Overloaded
from edge.instants import to_text
from edge.ports import Row
from edge.reach import OPEN
from edge.text import Matching
from klear_karma.cursors import utc
from klear_karma.members import MEMBER
from klear_karma.practitioners.store import Change, PractitionerStore, ProfileMissing, Snapshot, cell_of
from klear_karma.search.geography import COARSE, Place
from klear_karma.search.results import Coordinates, rating_of
from klear_karma.values import Currency, Id, Latitude, Line, Longitude, Name, Text, Word, Zone

routes = Routes("/api/practitioners", tag="practitioners", access=PUBLIC)

Verification = Literal["unverified", "pending", "verified", "rejected"]
Language = Annotated[str, Matching(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", "a language of BCP 47, such as de")]
Country = Annotated[str, Matching(r"(?:[A-Z]{2})?", "a country's two letters, such as DE, or none")]

_SERVICES = (
    "SELECT id, name, description, minutes, increment_minutes, buffer_before_minutes, buffer_after_minutes, price, "
    "currency, is_active FROM services WHERE practitioner_id = ? AND is_active = 1 ORDER BY created_at, id"
)


class PractitionerNotFound(NotFound):
    """There is no such practitioner."""

    title = "There is no such practitioner"


class HealersOnly(Forbidden):
    """This account is a customer's."""

    title = "This account is a customer's"


class PhotoNotFound(NotFound):
    """You have no published picture of this id: another's is answered as none is."""

    title = "You have no published picture of this id"


class CurrencyInUse(Problem):
    """Services have prices in another currency."""

    title = "Services have prices in another currency"
    status = 409


class PlaceBody(BaseModel):
    """A place of work; the public sees it rounded to about a kilometre, and no address."""

    model_config = ConfigDict(extra="forbid")

    lat: Latitude
    lng: Longitude
    address: Line = ""


class ProfileBody(BaseModel):
    """A complete profile; omitted members get their defaults."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    headline: Annotated[Line, Field(max_length=140)] = ""
    bio: Text = ""
    specializations: list[Word] = Field([], max_length=20)
    languages: list[Language] = Field([], max_length=20)
    city: Annotated[Line, Field(max_length=80)] = ""
    country: Country = ""
    place: PlaceBody | None = Field(None, description="without a place, searches by place do not find the practitioner")
    time_zone: Zone
    currency: Currency = "EUR"
    is_listed: bool = True
    needs_confirmation: bool = Field(True, description="false: bookings are confirmed immediately")
    notice_minutes: int = Field(120, ge=0, le=43_200, description="minimum time between booking and start")
    horizon_days: int = Field(90, ge=1, le=730, description="how far ahead customers can book")
    cancellation_hours: int = Field(
        24, ge=0, le=720, description="hours before the start until which customers can cancel"
    )
    photo_id: Id | None = Field(None, description="a published upload of yours")

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        for values in (self.specializations, self.languages):
            if len({value.casefold() for value in values}) < len(values):
                raise ValueError("a list must not repeat a value")
        return self


class ExactPlace(TypedDict):
    """A place as entered by its owner, not rounded."""

    lat: float
    lng: float
    address: str


class Service(TypedDict):
    """A service: its price in the currency's minor unit, its length and buffers in minutes."""

    id: str
    name: str
    description: str
    minutes: int
    increment_minutes: int
    buffer_before_minutes: int
    buffer_after_minutes: int
    price: int
    currency: str
    is_active: bool


class Practitioner(TypedDict):
    """A public profile; `rating` is null before the first review, `place` is rounded."""

    id: str
    name: str
    headline: str
    bio: str
    specializations: list[str]
    languages: list[str]
    city: str
    country: str
    place: Coordinates | None
    time_zone: str
    currency: str
    verification: Verification
    rating: float | None
    rating_count: int
    photo_id: str | None
    needs_confirmation: bool
    notice_minutes: int
    horizon_days: int
    cancellation_hours: int
    created_at: str
    services: list[Service]


class OwnProfile(Practitioner):
    """A practitioner's own profile, with the exact place and all services."""

    is_listed: bool
    exact_place: ExactPlace | None
    min_price: int | None
    updated_at: str


@routes.get("/me", ProfileMissing, access=READER, reach=MEMBER)
async def get_own_profile(db: Database) -> OwnProfile:
    """Get your profile with all services."""
    return await own_profile(db)


@routes.put("/me", HealersOnly, CurrencyInUse, PhotoNotFound, Overloaded, access=READER, reach=MEMBER)
async def put_own_profile(
    new: Body[ProfileBody], actor: Actor, store: PractitionerStore, db: Database, clock: Clock
) -> OwnProfile:
    """Create or replace your profile; a new one must be verified before others can find it."""
    if await store.user_type(actor.name) != "healer":
        raise HealersOnly("register as a healer to offer services")
    if new.photo_id is not None:
        await _require_published(new.photo_id, db)
    now = to_text(clock.now())
    await store.change(actor.name, lambda before: _written(actor.name, new, before, now))
    return await own_profile(db)


@routes.get("/{practitioner_id}", PractitionerNotFound, reach=OPEN)
async def get_practitioner(practitioner_id: str, db: Database) -> Practitioner:
    """Get a practitioner with all bookable services."""
    return await practitioner_of(practitioner_id, db)


async def practitioner_of(practitioner_id: str, db: Database) -> Practitioner:
    """Return a public profile; raises `PractitionerNotFound` if it is not listed."""
    row = await db.first("SELECT * FROM practitioners WHERE id = ?", practitioner_id)
    if row is None:
        raise PractitionerNotFound(f"there is no practitioner {practitioner_id[:80]}")
    return _practitioner_view(row, await db.all(_SERVICES, practitioner_id))


async def own_profile(db: Database) -> OwnProfile:
    """Return a practitioner's own profile; raises `ProfileMissing` if there is none."""
    row = await db.first("SELECT * FROM own_profiles")
    if row is None:
        raise ProfileMissing("write a profile first: PUT /api/practitioners/me")
    place = await db.first("SELECT lat, lng, address FROM practitioner_places")
    services = await db.all("SELECT * FROM own_services ORDER BY created_at, id")
    return OwnProfile(
        **_practitioner_view(row, services),
        is_listed=bool(row["is_listed"]),
        exact_place=ExactPlace(lat=place["lat"], lng=place["lng"], address=place["address"]) if place else None,
        min_price=row["min_price"],
        updated_at=utc(row["updated_at"]),
    )


def service_view(row: Mapping[str, Any]) -> Service:
    """Return a service from a row of `services`."""
    return Service(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        minutes=row["minutes"],
        increment_minutes=row["increment_minutes"],
        buffer_before_minutes=row["buffer_before_minutes"],
        buffer_after_minutes=row["buffer_after_minutes"],
        price=row["price"],
        currency=row["currency"],
        is_active=bool(row["is_active"]),
    )


def _practitioner_view(row: Row, services: list[Row]) -> Practitioner:
    has_place = row["coarse_lat"] is not None
    return Practitioner(
        id=row["id"],
        name=row["name"],
        headline=row["headline"],
        bio=row["bio"],
        specializations=from_json(row["specializations"]),
        languages=from_json(row["languages"]),
        city=row["city"],
        country=row["country"],
        place=Coordinates(lat=row["coarse_lat"], lng=row["coarse_lng"]) if has_place else None,
        time_zone=row["time_zone"],
        currency=row["currency"],
        verification=row["verification"],
        rating=rating_of(row),
        rating_count=row["rating_count"],
        photo_id=row["photo_id"],
        needs_confirmation=bool(row["needs_confirmation"]),
        notice_minutes=row["notice_minutes"],
        horizon_days=row["horizon_days"],
        cancellation_hours=row["cancellation_hours"],
        created_at=utc(row["created_at"]),
        services=[service_view(service) for service in services],
    )


def _written(user_id: str, new: ProfileBody, before: Snapshot, now: str) -> Change:
    """Return the change that replaces a profile."""
    if before.services and any(service["currency"] != new.currency for service in before.services):
        raise CurrencyInUse("remove the services first: their prices are in another currency")
    columns = _columns(new)
    if before.profile is None:
        profile = {"id": user_id, "verification": "pending", "created_at": now, "updated_at": now} | columns
        names = ", ".join(profile)
        marks = ", ".join("?" * len(profile))
        statements = [Statement(f"INSERT INTO practitioners ({names}) VALUES ({marks})", tuple(profile.values()))]
    else:
        if before.profile["verification"] not in {"verified", "pending"}:
            columns["verification"] = "pending"
        profile = {**before.profile, **columns, "updated_at": now}
        settings = ", ".join(f"{name} = ?" for name in columns)
        sql = f"UPDATE practitioners SET updated_at = ?, {settings} WHERE id = ?"
        statements = [Statement(sql, (now, *columns.values(), user_id))]
    return Change([*statements, *_place(user_id, new.place, now)], Snapshot(profile, before.services))


async def _require_published(upload_id: str, db: Database) -> None:
    if await db.first("SELECT 1 FROM uploads WHERE id = ? AND is_published = 1", upload_id) is None:
        raise PhotoNotFound("photo_id must be a published upload of yours")


def _columns(new: ProfileBody) -> dict[str, Any]:
    place = None if new.place is None else COARSE.centre(Place(new.place.lat, new.place.lng))
    return {
        "name": new.name,
        "headline": new.headline,
        "bio": new.bio,
        "specializations": to_json(new.specializations).decode(),
        "languages": to_json(new.languages).decode(),
        "city": new.city,
        "country": new.country,
        "coarse_lat": None if place is None else round(place.lat, 6),
        "coarse_lng": None if place is None else round(place.lng, 6),
        "cell": cell_of(place),
        "time_zone": new.time_zone,
        "currency": new.currency,
        "is_listed": int(new.is_listed),
        "needs_confirmation": int(new.needs_confirmation),
        "notice_minutes": new.notice_minutes,
        "horizon_days": new.horizon_days,
        "cancellation_hours": new.cancellation_hours,
        "photo_id": new.photo_id,
    }


def _place(user_id: str, place: PlaceBody | None, now: str) -> list[Statement]:
    removed = Statement("DELETE FROM practitioner_places WHERE practitioner_id = ?", (user_id,))
    if place is None:
        return [removed]
    sql = "INSERT INTO practitioner_places (practitioner_id, lat, lng, address, updated_at) VALUES (?, ?, ?, ?, ?)"
    return [removed, Statement(sql, (user_id, place.lat, place.lng, place.address, now))]
