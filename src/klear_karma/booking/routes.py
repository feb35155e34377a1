"""`/api/appointments`: book, confirm, move and cancel; other users' bookings answer 404."""

from hashlib import sha256
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import to_json

from edge import READER, Actor, Body, Clock, Database, Header, Operation, Query, Response, Routes
from edge.errors import Overloaded
from edge.instants import to_text
from klear_karma.analytics.points import Usage
from klear_karma.booking.news import AppointmentNews
from klear_karma.booking.problems import (
    AppointmentNotFound,
    ChangeRefused,
    KeyReused,
    NotWelcome,
    OwnService,
    ServiceNotFound,
    SlotNotOffered,
    SlotTaken,
    TooManyRequested,
)
from klear_karma.booking.states import Action, Side
from klear_karma.booking.store import Bookings, Change, Wish
from klear_karma.booking.views import (
    Appointment,
    AppointmentList,
    Listing,
    Shifted,
    appointment_view,
    page,
    shifted_bookings,
)
from klear_karma.members import MEMBER
from klear_karma.practitioners.profile import PractitionerNotFound
from klear_karma.tables import LISTED
from klear_karma.values import Id, Instant, Line, Text, moment_of

routes = Routes("/api/appointments", tag="appointments", access=READER, reach=MEMBER)

JSON = "application/json"

type Key = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]


class NewAppointment(BaseModel):
    """A new booking: one of the listed free slots of a service."""

    model_config = ConfigDict(extra="forbid")

    practitioner_id: Id
    service_id: Id
    starts_at: Instant
    note: Annotated[Text, Field(max_length=2_000, description="for the practitioner")] = ""


class AppointmentChange(BaseModel):
    """A change of a booking: `reschedule` requires a new start, `cancel` may have a reason."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["confirm", "reschedule", "cancel", "no_show"]
    starts_at: Instant | None = None
    reason: Annotated[Line, Field(description="for the other side")] = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.action == "reschedule") != (self.starts_at is not None):
            raise ValueError("`starts_at` is required for `reschedule` and not allowed otherwise")
        if self.reason and self.action != "cancel":
            raise ValueError("a reason is allowed only for `cancel`")
        return self


_BOOKED = Operation({201: {JSON: Appointment}, 200: {JSON: Appointment}})


@routes.post(
    "",
    PractitionerNotFound,
    ServiceNotFound,
    SlotTaken,
    SlotNotOffered,
    NotWelcome,
    OwnService,
    TooManyRequested,
    KeyReused,
    Overloaded,
    status=201,
    operation=_BOOKED,
)
async def book_appointment(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
    new: Body[NewAppointment],
    idempotency_key: Header[Key | None],
    actor: Actor,
    db: Database,
    bookings: Bookings,
    news: AppointmentNews,
) -> Response:
    """Book a slot. Of simultaneous requests for one slot, one succeeds; the others are answered 409.

    If the practitioner confirms bookings, that must happen before `expires_at`; until then the slot is reserved.
    With an `Idempotency-Key` a repeated request returns the same booking (200) and `Idempotency-Replayed: true`.
    """
    wish = Wish(
        actor.name,
        new.practitioner_id,
        new.service_id,
        int(moment_of(new.starts_at).timestamp()),
        new.note,
        idempotency_key,
        sha256(to_json(new)).hexdigest() if idempotency_key else "",
    )
    if wish.is_to_oneself:
        raise OwnService("choose another practitioner")
    sql = f"SELECT 1 AS n FROM practitioners WHERE id = ? AND {LISTED}"
    if await db.first(sql, new.practitioner_id) is None:
        raise PractitionerNotFound(f"there is no practitioner {new.practitioner_id}")
    row, is_new = await bookings.book(wish)
    response = Response.json(appointment_view(row, actor.name), status=201 if is_new else 200)
    response.headers.append(("location", f"{routes.prefix}/{row['id']}"))
    if is_new:
        news.publish(row)
    else:
        response.headers.append(("idempotency-replayed", "true"))
    return response


@routes.get()
async def list_appointments(query: Query[Listing], actor: Actor, db: Database) -> AppointmentList:
    """List your bookings as customer and as practitioner, in the order of their starts."""
    return await page(query, actor.name, db)


@routes.get("/shifted", alone=True)
async def list_shifted(db: Database, clock: Clock) -> list[Shifted]:
    """List your future bookings with a shifted wall time, after the rules of their time zone changed.

    They stay at the booked instant until one of the two sides moves them.
    """
    return await shifted_bookings(to_text(clock.now()), db)


@routes.get("/{appointment_id}", AppointmentNotFound)
async def get_appointment(appointment_id: str, actor: Actor, db: Database) -> Appointment:
    """Get one of your bookings."""
    row = await db.first("SELECT * FROM appointments WHERE id = ?", appointment_id)
    if row is None:
        raise AppointmentNotFound(appointment_id)
    return appointment_view(row, actor.name)


@routes.patch("/{appointment_id}", AppointmentNotFound, ChangeRefused, SlotTaken, SlotNotOffered, Overloaded)
async def change_appointment(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
    appointment_id: str,
    change: Body[AppointmentChange],
    actor: Actor,
    db: Database,
    bookings: Bookings,
    news: AppointmentNews,
    usage: Usage,
) -> Appointment:
    """Confirm, move or cancel a booking, or mark it as a no-show.

    Customers can cancel and move until `cancellation_hours` before the start. A moved booking is `rescheduled` until
    the other side confirms the new time.
    """
    row = await db.first("SELECT * FROM appointments WHERE id = ?", appointment_id)
    if row is None:
        raise AppointmentNotFound(appointment_id)
    received = await db.first("SELECT 1 AS n FROM practitioner_appointments WHERE id = ?", appointment_id)
    side = Side.PRACTITIONER if received else Side.CUSTOMER
    start = int(moment_of(change.starts_at).timestamp()) if change.starts_at else None
    row = await bookings.change(row, Change(Action(change.action), side, start, change.reason))
    if change.action == "cancel":
        usage.count("cancellation")
    news.publish(row)
    return appointment_view(row, actor.name)
