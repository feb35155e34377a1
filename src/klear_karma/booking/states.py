"""States of a booking, and the changes that each side may make; all others are refused."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

NO_SHOW_DAYS = 7
"""Days after the end during which a practitioner may still mark a no-show."""


class State(StrEnum):
    """The states of a booking."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    RESCHEDULED = "rescheduled"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Side(StrEnum):
    """The sides that change a booking."""

    CUSTOMER = "customer"
    PRACTITIONER = "practitioner"
    ADMIN = "admin"

    @property
    def other(self) -> "Side":
        """The side that is notified of a change."""
        return Side.PRACTITIONER if self is Side.CUSTOMER else Side.CUSTOMER


class Action(StrEnum):
    """The possible changes of a booking."""

    CONFIRM = "confirm"
    RESCHEDULE = "reschedule"
    CANCEL = "cancel"
    NO_SHOW = "no_show"


class Refused(StrEnum):
    """The reasons for which a change is refused."""

    STATE = "state"
    SIDE = "side"
    EXPIRED = "expired"
    TOO_LATE = "too_late"
    TOO_EARLY = "too_early"


class Booking(NamedTuple):
    """The parts of a booking that decide which changes are allowed."""

    state: State
    starts_at: datetime
    ends_at: datetime
    cancellation_hours: int
    expires_at: datetime | None = None
    moved_by: Side | None = None


_TABLE: dict[tuple[State, Action], tuple[frozenset[Side], State]] = {
    (State.REQUESTED, Action.CONFIRM): (frozenset({Side.PRACTITIONER}), State.CONFIRMED),
    (State.REQUESTED, Action.RESCHEDULE): (frozenset({Side.CUSTOMER}), State.REQUESTED),
    (State.REQUESTED, Action.CANCEL): (frozenset(Side), State.CANCELLED),
    (State.CONFIRMED, Action.RESCHEDULE): (frozenset({Side.CUSTOMER, Side.PRACTITIONER}), State.RESCHEDULED),
    (State.CONFIRMED, Action.CANCEL): (frozenset(Side), State.CANCELLED),
    (State.CONFIRMED, Action.NO_SHOW): (frozenset({Side.PRACTITIONER, Side.ADMIN}), State.NO_SHOW),
    (State.RESCHEDULED, Action.CONFIRM): (frozenset({Side.CUSTOMER, Side.PRACTITIONER}), State.CONFIRMED),
    (State.RESCHEDULED, Action.RESCHEDULE): (frozenset({Side.CUSTOMER, Side.PRACTITIONER}), State.RESCHEDULED),
    (State.RESCHEDULED, Action.CANCEL): (frozenset(Side), State.CANCELLED),
    (State.RESCHEDULED, Action.NO_SHOW): (frozenset({Side.PRACTITIONER, Side.ADMIN}), State.NO_SHOW),
    (State.COMPLETED, Action.NO_SHOW): (frozenset({Side.PRACTITIONER, Side.ADMIN}), State.NO_SHOW),
    (State.COMPLETED, Action.CANCEL): (frozenset({Side.ADMIN}), State.CANCELLED),
}


def next_state(booking: Booking, action: Action, side: Side, now: datetime) -> State | Refused:
    """Return the state after a change, or why the change is refused."""
    transition = _TABLE.get((booking.state, action))
    if transition is None:
        return Refused.STATE
    sides, state = transition
    if side not in sides or (action is Action.CONFIRM and booking.moved_by is side):
        return Refused.SIDE
    if booking.expires_at is not None and booking.expires_at <= now and booking.state is State.REQUESTED:
        return Refused.EXPIRED
    return _in_time(booking, action, side, now) or state


def _in_time(booking: Booking, action: Action, side: Side, now: datetime) -> Refused | None:
    """Return why a change is too early or too late; None if it is neither."""
    if side is Side.ADMIN:
        return None
    if action is Action.NO_SHOW:
        if now < booking.ends_at:
            return Refused.TOO_EARLY
        return Refused.TOO_LATE if now > booking.ends_at + timedelta(days=NO_SHOW_DAYS) else None
    if now >= booking.starts_at:
        return Refused.TOO_LATE
    if side is Side.CUSTOMER and action in {Action.CANCEL, Action.RESCHEDULE} and _is_agreed(booking):
        until = booking.starts_at - timedelta(hours=booking.cancellation_hours)
        return Refused.TOO_LATE if now > until else None
    return None


def _is_agreed(booking: Booking) -> bool:
    """Tell whether the customer has agreed to the time; a request, or a move by the other side, is not binding."""
    return booking.state is not State.REQUESTED and booking.moved_by is not Side.PRACTITIONER
