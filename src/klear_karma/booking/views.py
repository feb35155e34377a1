"""Bookings in responses, and pages of them."""

from typing import Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from edge import Database
from edge.instants import from_text, to_text
from edge.ports import Row, Value
from edge.zones import UnknownZone, zone_of
from klear_karma.availability.zones import wall_of
from klear_karma.booking.states import State
from klear_karma.cursors import LONGEST, Cursor, utc, utc_or_none
from klear_karma.values import Instant, moment_of

type SideName = Literal["customer", "practitioner"]
type StateName = Literal["requested", "confirmed", "rescheduled", "completed", "no_show", "cancelled", "expired"]

MOST_SHIFTED = 500


class Party(TypedDict):
    """One side of a booking; the id is null if the account was deleted."""

    id: str | None
    name: str


class Appointment(TypedDict):
    """A booking. Instants are in UTC; `wall_time` is the start as it was agreed, on the clocks of `time_zone`.

    `price` is in the minor unit of `currency`. `side` is the caller's; `note` is the customer's.
    """

    id: str
    side: SideName
    state: StateName
    customer: Party
    practitioner: Party
    service: Party
    starts_at: str
    ends_at: str
    time_zone: str
    wall_time: str
    minutes: int
    price: int
    currency: str
    note: str
    cancellation_hours: int
    expires_at: str | None
    confirmed_at: str | None
    moved_by: str | None
    cancelled_at: str | None
    cancelled_by: str | None
    cancel_reason: str
    sequence: int
    created_at: str
    updated_at: str


class AppointmentList(TypedDict):
    """A page of bookings in the order of their starts; `next` is null on the last page."""

    appointments: list[Appointment]
    next: str | None


class Shifted(TypedDict):
    """A future booking with a start that, by current time-zone data, differs from the agreed wall time.

    `now` is null if the time zone no longer exists.
    """

    appointment_id: str
    starts_at: str
    agreed: str
    now: str | None


class Listing(BaseModel):
    """Filters of the list of bookings, and its page."""

    model_config = ConfigDict(extra="forbid")

    side: SideName | None = Field(None, description="absent: as customer and as practitioner")
    state: StateName | None = None
    first: Instant | None = Field(None, alias="from", description="only bookings that end after it")
    last: Instant | None = Field(None, alias="to", description="only bookings that start before it")
    limit: int = Field(50, ge=1, le=200)
    after: str | None = Field(None, max_length=LONGEST, description="the `next` of the previous page")


def appointment_view(row: Row, caller: str) -> Appointment:
    """Return a booking as seen by one of its sides."""
    return Appointment(
        id=row["id"],
        side="practitioner" if row["practitioner_id"] == caller else "customer",
        state=row["state"],
        customer=Party(id=row["customer_id"], name=row["customer_name"]),
        practitioner=Party(id=row["practitioner_id"], name=row["practitioner_name"]),
        service=Party(id=row["service_id"], name=row["service_name"]),
        starts_at=utc(row["starts_at"]),
        ends_at=utc(row["ends_at"]),
        time_zone=row["time_zone"],
        wall_time=row["wall_time"],
        minutes=row["minutes"],
        price=row["price"],
        currency=row["currency"],
        note=row["note"],
        cancellation_hours=row["cancellation_hours"],
        expires_at=utc_or_none(row["expires_at"]),
        confirmed_at=utc_or_none(row["confirmed_at"]),
        moved_by=row["moved_by"],
        cancelled_at=utc_or_none(row["cancelled_at"]),
        cancelled_by=row["cancelled_by"],
        cancel_reason=row["cancel_reason"],
        sequence=row["sequence"],
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
    )


async def page(query: Listing, caller: str, db: Database) -> AppointmentList:
    """Return a page of the caller's bookings."""
    conditions: list[str] = []
    params: list[Value] = []

    def where(condition: str, *values: Value) -> None:
        conditions.append(condition)
        params.extend(values)

    if query.state:
        where("state = ?", query.state)
    if query.first:
        where("ends_at > ?", to_text(moment_of(query.first)))
    if query.last:
        where("starts_at < ?", to_text(moment_of(query.last)))
    if query.after:
        cursor = Cursor.of(query.after)
        where("(starts_at, id) > (?, ?)", cursor.at, cursor.row_id)
    table = f"{query.side}_appointments" if query.side else "appointments"
    sql = f"SELECT * FROM {table} WHERE {' AND '.join(conditions) or 'true'} ORDER BY starts_at, id LIMIT ?"
    rows = await db.all(sql, *params, query.limit + 1)
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    following = str(Cursor(rows[-1]["starts_at"], rows[-1]["id"])) if more else None
    return AppointmentList(appointments=[appointment_view(row, caller) for row in rows], next=following)


async def shifted_bookings(now: str, db: Database) -> list[Shifted]:
    """Return the practitioner's future bookings with a wall time that differs from the agreed one."""
    sql = (
        "SELECT id, starts_at, wall_time, time_zone FROM practitioner_appointments WHERE starts_at > ? "
        f"AND state IN ('{State.REQUESTED}', '{State.CONFIRMED}', '{State.RESCHEDULED}') ORDER BY starts_at LIMIT ?"
    )
    shifts = []
    for row in await db.all(sql, now, MOST_SHIFTED):
        wall = _wall(row)
        if wall != row["wall_time"]:
            starts_at = utc(row["starts_at"])
            shifts.append(Shifted(appointment_id=row["id"], starts_at=starts_at, agreed=row["wall_time"], now=wall))
    return shifts


def _wall(row: Row) -> str | None:
    try:
        zone = zone_of(row["time_zone"])
    except UnknownZone:
        return None
    return wall_of(zone, int(from_text(row["starts_at"]).timestamp())).isoformat()
