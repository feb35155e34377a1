"""The store of bookings: it sees the rows of both sides, and writes each change of a booking in one batch.

Callers must have read the appointment or the practitioner from the user's own rows first.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, NamedTuple
from uuid import uuid4

from edge import Clock, Statement, SystemDatabase, Unauthorized
from edge.errors import Overloaded
from edge.instants import from_epoch, from_text, to_text
from edge.ports import CheckViolation, ForeignKeyViolation, Row, UniqueViolation
from klear_karma.availability.slots import Refusal, Terms, refusal
from klear_karma.availability.timetables import Timetable, Timetables
from klear_karma.availability.zones import Span, wall_of
from klear_karma.booking import statements
from klear_karma.booking.problems import (
    ChangeRefused,
    KeyReused,
    NotWelcome,
    ServiceNotFound,
    SlotNotOffered,
    SlotTaken,
    TooManyRequested,
)
from klear_karma.booking.states import Action, Booking, Refused, Side, State, next_state
from klear_karma.notifications.notices import notice
from klear_karma.practitioners.profile import PractitionerNotFound
from klear_karma.ratings import withdraw
from klear_karma.reminders.rows import remove_reminders, replace_reminders
from klear_karma.settings import KarmaSettings
from klear_karma.tables import LISTED

ATTEMPTS = 5
"""Attempts of a booking if the calendar or the booking is changed concurrently."""
NAMELESS = "a customer"
USUAL_INCREMENT = 15
"""Minutes between the possible starts of a moved booking, if its practitioner offers no service any more."""

_BY_KEY = "SELECT * FROM appointments WHERE customer_id = ? AND idempotency_key = ?"
_BY_ID = "SELECT * FROM appointments WHERE id = ?"
_COUNT = "UPDATE practitioners SET booking_count = booking_count + 1, updated_at = CURRENT_TIMESTAMP WHERE id = ?"
_NAMES = (
    "SELECT p.name, p.cancellation_hours, u.name AS customer_name FROM practitioners AS p "
    f"LEFT JOIN users AS u ON u.id = ? WHERE p.id = ? AND {LISTED}"
)


class Wish(NamedTuple):
    """A customer's request for a slot; `start` is in Unix seconds."""

    customer_id: str
    practitioner_id: str
    service_id: str
    start: int
    note: str = ""
    key: str | None = None
    request_hash: str = ""

    @property
    def is_to_oneself(self) -> bool:
        """True if the customer is the practitioner."""
        return self.customer_id == self.practitioner_id


class Change(NamedTuple):
    """A change of a booking by one side; `start` is the new start of a move, `more` is added to its batch."""

    action: Action
    side: Side
    start: int | None = None
    reason: str = ""
    more: Sequence[Statement] = ()


class Bookings:
    """Creates and changes bookings."""

    def __init__(self, db: SystemDatabase, timetables: Timetables, clock: Clock, settings: KarmaSettings) -> None:
        self._db = db
        self._timetables = timetables
        self._clock = clock
        self._expiry = timedelta(hours=settings.request_expiry_hours)

    async def book(self, wish: Wish) -> tuple[Row, bool]:
        """Book a slot; return the booking and whether it is new: a used idempotency key returns the earlier booking.

        Each attempt reads again who offers what, so that a concurrent change is answered as if it had come first.
        Errors: `SlotTaken`, `SlotNotOffered`, `PractitionerNotFound`, `ServiceNotFound`, `NotWelcome`,
        `TooManyRequested`, `KeyReused`, `Unauthorized` if the customer's account was deleted.
        """
        for _ in range(ATTEMPTS):
            if earlier := await self._earlier(wish):
                return earlier, False
            try:
                return await self._insert(wish), True
            except (UniqueViolation, ForeignKeyViolation):
                continue  # a concurrent request used the same key, or removed what the booking refers to
            except CheckViolation as fault:
                if earlier := await self._earlier(wish):
                    return earlier, False
                _raise_rule(fault)
            except SlotTaken:
                if earlier := await self._earlier(wish):
                    return earlier, False
                raise
        raise Overloaded("the practitioner's calendar is being changed: try again")

    async def change(self, row: Row, change: Change) -> Row:
        """Change a booking if its state allows it; return the changed booking.

        Errors: `ChangeRefused`, `SlotTaken`, `SlotNotOffered`.
        """
        for _ in range(ATTEMPTS):
            now = self._clock.now()
            state = next_state(booking_of(row), change.action, change.side, now)
            if isinstance(state, Refused):
                raise ChangeRefused(state, row["state"])
            try:
                await self._db.batch(await self._changes(row, change, state, now))
            except CheckViolation as fault:
                _raise_rule(fault)
            else:
                return await self._read(row["id"])
            row = await self._read(row["id"])
        raise Overloaded("the booking is being changed: try again")

    async def _earlier(self, wish: Wish) -> Row | None:
        """Return the booking made with the same key; raises `KeyReused` if its request was different."""
        if wish.key is None:
            return None
        row = await self._db.first(_BY_KEY, wish.customer_id, wish.key)
        if row is not None and row["request_hash"] != wish.request_hash:
            raise KeyReused
        return row

    async def _read(self, appointment_id: str) -> Row:
        row = await self._db.first(_BY_ID, appointment_id)
        assert row is not None, "bookings are never removed"
        return row

    async def _insert(self, wish: Wish) -> Row:
        now = self._clock.now()
        timetable = await self._timetable(wish.practitioner_id, wish.start, now)
        names = await self._names(wish)
        offer = timetable.offer(wish.service_id) if timetable else None
        if timetable is None or offer is None:
            raise ServiceNotFound(f"the practitioner has no service {wish.service_id[:80]}")
        _decide(timetable, offer.terms, wish.start, now)
        columns = self._columns(wish, timetable, offer.terms, now) | {
            "customer_name": names["customer_name"] or NAMELESS,
            "practitioner_name": names["name"],
            "service_name": offer.name,
            "price": offer.price,
            "currency": offer.currency,
            "cancellation_hours": names["cancellation_hours"],
        }
        blocked = statements.Blocked(
            columns["id"], wish.practitioner_id, offer.terms.blocked(wish.start), timetable.version, to_text(now)
        )
        await self._db.batch([statements.insert(columns, blocked), *_consequences(columns, now)])
        return await self._read(columns["id"])

    async def _names(self, wish: Wish) -> Row:
        """Return the names of both sides. Errors: `PractitionerNotFound`, `Unauthorized`."""
        names = await self._db.first(_NAMES, wish.customer_id, wish.practitioner_id)
        if names is None:
            raise PractitionerNotFound(f"there is no practitioner {wish.practitioner_id[:80]}")
        if names["customer_name"] is None:
            raise Unauthorized("the account was deleted")
        return names

    def _columns(self, wish: Wish, timetable: Timetable, terms: Terms, now: datetime) -> dict[str, Any]:
        """Return the columns of a new booking that depend on the request and the terms."""
        is_request = timetable.needs_confirmation
        return {
            "id": str(uuid4()),
            "customer_id": wish.customer_id,
            "practitioner_id": wish.practitioner_id,
            "service_id": wish.service_id,
            "state": (State.REQUESTED if is_request else State.CONFIRMED).value,
            **times(timetable, terms, wish.start),
            "minutes": terms.length,
            "buffer_before_minutes": terms.before,
            "buffer_after_minutes": terms.after,
            "note": wish.note,
            "expires_at": self._expires(wish.start, now) if is_request else None,
            "confirmed_at": None if is_request else to_text(now),
            "idempotency_key": wish.key,
            "request_hash": wish.request_hash or None,
            "created_at": to_text(now),
            "updated_at": to_text(now),
        }

    def _expires(self, start: int, now: datetime) -> str:
        return to_text(min(now + self._expiry, datetime.fromtimestamp(start, UTC)))

    async def _timetable(self, practitioner_id: str, start: int, now: datetime, without: str = "") -> Timetable | None:
        span = Span(start, start + 1)
        return await self._timetables.load(practitioner_id, span, int(now.timestamp()), without=without)

    async def _changes(self, row: Row, change: Change, state: State, now: datetime) -> list[Statement]:
        """Return the batch of a change: the booking, its reminders, its reviews and the notifications."""
        stamp = to_text(now)
        columns: dict[str, Any] = {"state": state.value, "updated_at": stamp}
        more: list[Statement] = []
        if change.action is Action.RESCHEDULE:
            first, more = await self._move(row, change, columns, now)
        else:
            first = _changed(row, change, columns, stamp)
        if state in {State.CANCELLED, State.NO_SHOW}:
            more = [*remove_reminders(row["id"]), *withdraw(row["id"], row["practitioner_id"])]
        return [first, *more, *change.more, *_news(row, change, f"appointment.{state.value}", stamp)]

    async def _move(
        self, row: Row, change: Change, columns: dict[str, Any], now: datetime
    ) -> tuple[Statement, list[Statement]]:
        """Return the move of a booking, and its reminders. The minimum notice does not apply to practitioners."""
        assert change.start is not None, "a move has a start"
        timetable = await self._timetable(row["practitioner_id"] or "", change.start, now, row["id"])
        if timetable is None:
            raise ChangeRefused(Refused.STATE, row["state"])
        terms = _terms(row, timetable, change.side)
        _decide(timetable, terms, change.start, now)
        columns |= times(timetable, terms, change.start)
        if row["state"] == State.REQUESTED:
            columns["expires_at"] = self._expires(change.start, now)
        else:
            columns["moved_by"] = change.side.value
        blocked = statements.Blocked(
            row["id"], row["practitioner_id"], terms.blocked(change.start), timetable.version, to_text(now)
        )
        starts_at = datetime.fromtimestamp(change.start, UTC)
        return statements.move(row, columns, blocked), replace_reminders(row["id"], starts_at, now)


def _changed(row: Row, change: Change, columns: dict[str, Any], stamp: str) -> Statement:
    """Return the change of a booking without a new time."""
    if change.action is Action.CONFIRM:
        columns |= {"confirmed_at": row["confirmed_at"] or stamp, "expires_at": None, "moved_by": None}
        return statements.confirm(row, columns, stamp)
    if change.action is Action.CANCEL:
        columns |= {"cancelled_at": stamp, "cancelled_by": change.side.value, "cancel_reason": change.reason}
    return statements.change(row["id"], row, columns)


def booking_of(row: Row) -> Booking:
    """Return the parts of a row that decide which changes are allowed."""
    return Booking(
        State(row["state"]),
        from_text(row["starts_at"]),
        from_text(row["ends_at"]),
        row["cancellation_hours"],
        from_text(row["expires_at"]) if row["expires_at"] else None,
        Side(row["moved_by"]) if row["moved_by"] else None,
    )


def times(timetable: Timetable, terms: Terms, start: int) -> dict[str, Any]:
    """Return the columns of a time: start and end, blocked times, and the wall time by current time-zone data."""
    span = terms.span(start)
    blocked = terms.blocked(start)
    zone = timetable.calendar.zone
    return {
        "starts_at": from_epoch(span.start),
        "ends_at": from_epoch(span.end),
        "blocked_from": blocked.start,
        "blocked_until": blocked.end,
        "time_zone": zone.key,
        "wall_time": wall_of(zone, start).isoformat(),
        "tzdata_version": tzdata_version(),
    }


def tzdata_version() -> str:
    """Return the version of the time-zone data; empty if only the operating system's data is installed."""
    try:
        return str(import_module("tzdata").IANA_VERSION)  # imported at the first booking, not at start
    except ImportError:
        return ""


def _decide(timetable: Timetable, terms: Terms, start: int, now: datetime) -> None:
    """Raise a problem unless the start is a free slot, by the same function that lists free slots."""
    refused = refusal(timetable.calendar, terms, start, int(now.timestamp()))
    if refused is Refusal.TAKEN:
        raise SlotTaken
    if refused is not None:
        raise SlotNotOffered(refused.value)


def _terms(row: Row, timetable: Timetable, side: Side) -> Terms:
    """Return the terms of a move: the booking's own length and buffers, and the increment of its current service.

    A service that is no longer offered leaves its booking the increment of another one.
    """
    offer = timetable.offer(row["service_id"] or "") or next(iter(timetable.offers), None)
    return Terms(
        length=row["minutes"],
        increment=offer.terms.increment if offer else USUAL_INCREMENT,
        before=row["buffer_before_minutes"],
        after=row["buffer_after_minutes"],
        notice=0 if side is Side.PRACTITIONER else timetable.notice,
        horizon=timetable.horizon,
    )


def _raise_rule(fault: CheckViolation) -> None:
    """Raise the problem of the violated rule; return if the booking is to be attempted again."""
    if fault.constraint == "slot_taken":
        raise SlotTaken from None
    if fault.constraint == "not_welcome":
        raise NotWelcome("no booking of the two is possible") from None
    if fault.constraint == "too_many_requested":
        detail = f"{statements.MOST_REQUESTED} requests are open: wait for an answer or cancel one"
        raise TooManyRequested(detail) from None
    if fault.constraint not in {"calendar_changed", "state_changed"}:
        raise fault


def _consequences(columns: Mapping[str, Any], now: datetime) -> list[Statement]:
    """Return the statements that accompany a new booking: count, reminders, the practitioner's notification."""
    kind = f"appointment.{'booked' if columns['state'] == State.CONFIRMED else 'requested'}"
    data = {"starts_at": columns["starts_at"], "service": columns["service_name"], "with": columns["customer_name"]}
    return [
        Statement(_COUNT, (columns["practitioner_id"],)),
        *replace_reminders(columns["id"], from_text(columns["starts_at"]), now),
        notice(columns["practitioner_id"], kind, columns["created_at"], columns["id"], data),
    ]


def _news(row: Row, change: Change, kind: str, stamp: str) -> Sequence[Statement]:
    """Return the notifications of a change: to the other side, or to both sides if an administrator changed it."""
    sides = [change.side.other] if change.side is not Side.ADMIN else [Side.CUSTOMER, Side.PRACTITIONER]
    starts_at = row["starts_at"] if change.start is None else from_epoch(change.start)
    data = {"starts_at": starts_at, "service": row["service_name"], "by": change.side.value}
    return [notice(row[f"{side.value}_id"], kind, stamp, row["id"], data) for side in sides]
