"""Problems of bookings: each names one fact."""

from edge import NotFound, Problem
from klear_karma.booking.states import Refused


class AppointmentNotFound(NotFound):
    """There is no such appointment."""

    title = "There is no such appointment"

    def __init__(self, appointment_id: str) -> None:
        super().__init__(f"there is no appointment {appointment_id[:80]} of yours")


class ServiceNotFound(NotFound):
    """There is no such service."""

    title = "There is no such service"


class SlotTaken(Problem):
    """The slot is taken."""

    title = "The slot is taken"
    status = 409

    def __init__(self) -> None:
        super().__init__("another booking has this time: choose one of the free slots")


class SlotNotOffered(Problem):
    """The practitioner does not offer this time."""

    title = "The practitioner does not offer this time"
    status = 409

    def __init__(self, reason: str) -> None:
        super().__init__(f"{_REASONS.get(reason, reason)}: choose one of the free slots", reason=reason)


class NotWelcome(Problem):
    """One of the two sides has blocked the other."""

    title = "One of the two sides has blocked the other"
    status = 409


class OwnService(Problem):
    """Practitioners cannot book their own services."""

    title = "Practitioners cannot book their own services"
    status = 409


class TooManyRequested(Problem):
    """Too many open requests."""

    title = "Too many open requests"
    status = 409


class KeyReused(Problem):
    """The idempotency key belongs to another request."""

    title = "The idempotency key belongs to another request"
    status = 422

    def __init__(self) -> None:
        super().__init__("a new booking needs a new Idempotency-Key")


class ChangeRefused(Problem):
    """This change is not possible now."""

    title = "This change is not possible now"
    status = 409

    def __init__(self, refused: Refused, state: str) -> None:
        super().__init__(_REFUSALS[refused].format(state=state.replace("_", " ")), reason=refused.value, state=state)


_REASONS = {
    "notice": "it is too soon",
    "horizon": "it is too far ahead",
    "hours": "it is not a free slot within the working hours",
    "time_off": "the practitioner has time off then",
}
_REFUSALS = {
    Refused.STATE: "this change is not possible for a booking that is {state}",
    Refused.SIDE: "only the other side can make this change to a booking that is {state}",
    Refused.EXPIRED: "the request has expired: book again",
    Refused.TOO_LATE: "it is too late for this change",
    Refused.TOO_EARLY: "this is possible only after the end of the appointment",
}
