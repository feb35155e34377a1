"""`/api/practitioners/me/services`: the services of a practitioner, with price, length and buffers."""

from typing import Annotated, Any, Self
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge import READER, Actor, Body, Clock, Database, NotFound, Problem, Routes
from edge.data import ScopedDatabase
from edge.errors import Overloaded
from edge.instants import to_text
from klear_karma.members import MEMBER
from klear_karma.practitioners.profile import Service, service_view
from klear_karma.practitioners.store import Change, PractitionerStore, ProfileMissing, Snapshot
from klear_karma.values import Name, Price, Text

routes = Routes("/api/practitioners/me/services", tag="practitioners", access=READER, reach=MEMBER)

MOST_SERVICES = 50


class ServiceNotFound(NotFound):
    """There is no such service."""

    title = "There is no such service"


class TooManyServices(Problem):
    """Too many services."""

    title = "Too many services"
    status = 409


class ServiceBody(BaseModel):
    """A complete service. Its price is in the minor unit of the profile's currency."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    description: Annotated[Text, Field(max_length=2_000)] = ""
    minutes: int = Field(ge=5, le=1_440)
    increment_minutes: int = Field(15, ge=5, le=1_440, description="interval between possible starts")
    buffer_before_minutes: int = Field(0, ge=0, le=480)
    buffer_after_minutes: int = Field(0, ge=0, le=480)
    price: Price
    is_active: bool = True

    @model_validator(mode="after")
    def _fits_into_a_day(self) -> Self:
        if self.minutes + self.buffer_before_minutes + self.buffer_after_minutes > 1_440:
            raise ValueError("a service with its buffers must not exceed one day")
        return self


@routes.get()
async def list_services(db: Database) -> list[Service]:
    """List your services, including inactive ones."""
    rows = await db.all("SELECT * FROM own_services ORDER BY created_at, id")
    return [service_view(row) for row in rows]


@routes.post("", ProfileMissing, TooManyServices, Overloaded, status=201)
async def add_service(
    new: Body[ServiceBody], actor: Actor, db: ScopedDatabase, store: PractitionerStore, clock: Clock
) -> Service:
    """Add a service."""
    service_id = str(uuid4())
    now = to_text(clock.now())

    def edit(before: Snapshot) -> Change:
        if before.profile is None:
            raise ProfileMissing("write a profile first: PUT /api/practitioners/me")
        if len(before.services) >= MOST_SERVICES:
            raise TooManyServices(f"there are {MOST_SERVICES} services: remove one")
        row = {"id": service_id, "practitioner_id": actor.name, **_values(new), "currency": before.profile["currency"]}
        row |= {"created_at": now, "updated_at": now}
        added = db.prepare.insert("services", [row]).statement
        return Change([added], Snapshot(before.profile, [*before.services, row]))

    after = await store.change(actor.name, edit)
    return service_view(after.services[-1])


@routes.put("/{service_id}", ServiceNotFound, ProfileMissing, Overloaded)
async def put_service(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
    service_id: str, new: Body[ServiceBody], actor: Actor, db: ScopedDatabase, store: PractitionerStore, clock: Clock
) -> Service:
    """Change a service; existing bookings keep their price and length."""
    now = to_text(clock.now())

    def edit(before: Snapshot) -> Change:
        _find(before, service_id)
        row = _values(new)
        changed = db.prepare.update("services", row | {"updated_at": now}, "id = ?", service_id).statement
        services = [{**old, **row} if old["id"] == service_id else old for old in before.services]
        return Change([changed], Snapshot(before.profile, services))

    return service_view(_find(await store.change(actor.name, edit), service_id))


@routes.delete("/{service_id}", ServiceNotFound, ProfileMissing, Overloaded, status=204)
async def remove_service(service_id: str, actor: Actor, db: ScopedDatabase, store: PractitionerStore) -> None:
    """Remove a service; its bookings stay valid."""

    def edit(before: Snapshot) -> Change:
        _find(before, service_id)
        removed = db.prepare.delete("services", "id = ?", service_id).statement
        services = [service for service in before.services if service["id"] != service_id]
        return Change([removed], Snapshot(before.profile, services))

    await store.change(actor.name, edit)


def _values(new: ServiceBody) -> dict[str, Any]:
    return new.model_dump() | {"is_active": int(new.is_active)}


def _find(snapshot: Snapshot, service_id: str) -> Any:
    """Return a service of the snapshot; raises `ServiceNotFound` otherwise."""
    row = next((service for service in snapshot.services if service["id"] == service_id), None)
    if row is None:
        raise ServiceNotFound(f"there is no service {service_id[:80]}")
    return row
