"""Accounts of this marketplace: a name and a type beside the address, and the rows left when an account is deleted."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from edge import Background, Request, Statement
from edge.auth.accounts.erasure import GONE
from edge.auth.accounts.models import Myself, NewAccount
from edge.auth.accounts.routes import Accounts
from edge.ports import Result
from edge.ports.events import Events
from edge.text import Matching
from klear_karma.analytics.points import Usage
from klear_karma.booking.news import AppointmentNews

UserType = Literal["customer", "healer"]
"""A customer books; a healer may have a practitioner's profile too."""

type PersonName = Annotated[str, Field(max_length=80), Matching(r"[^\x00-\x1f\x7f]*", "one line")]


class KarmaAccount(NewAccount):
    """A new account with the name that others see."""

    name: PersonName = ""
    user_type: UserType = "customer"


class KarmaMyself(Myself):
    """The user's own account, with its name and type."""

    name: str
    user_type: UserType


_OPEN = "state = 'requested' OR (state IN ('confirmed', 'rescheduled') AND starts_at > CURRENT_TIMESTAMP)"
_NOTIFY = (
    "INSERT INTO notifications (id, user_id, kind, appointment_id, data, created_at) "
    "SELECT lower(hex(randomblob(16))), {other}_id, 'appointment.cancelled', id, "
    "json_object('starts_at', starts_at, 'service', service_name, 'by', '{side}'), CURRENT_TIMESTAMP "
    f"FROM appointments WHERE {{side}}_id = ? AND {{other}}_id IS NOT NULL AND ({_OPEN})"
)
_CANCEL = (
    "UPDATE appointments SET state = 'cancelled', cancelled_by = '{side}', cancelled_at = CURRENT_TIMESTAMP, "
    f"updated_at = CURRENT_TIMESTAMP, sequence = sequence + 1 WHERE {{side}}_id = ? AND ({_OPEN}) "
    "RETURNING id, NULL AS {side}_id, {other}_id, state, sequence"
)
_OF_CANCELLED = "WHERE appointment_id IN (SELECT id FROM appointments WHERE {side}_id = ? AND state = 'cancelled')"
_OF_SIDE = (
    _NOTIFY,
    _CANCEL,
    f"DELETE FROM reminders {_OF_CANCELLED}",
    f"DELETE FROM reminder_mails {_OF_CANCELLED}",
    f"UPDATE appointments SET {{side}}_name = '{GONE}', updated_at = CURRENT_TIMESTAMP, "
    "cancel_reason = CASE WHEN cancelled_by = '{side}' THEN '' ELSE cancel_reason END WHERE {side}_id = ?",
)
_OF_USER = (
    f"UPDATE notifications SET data = json_set(data, '$.with', '{GONE}') WHERE data ->> 'with' IS NOT NULL "
    "AND appointment_id IN (SELECT id FROM appointments WHERE customer_id = ?)",
    "UPDATE appointments SET note = '', idempotency_key = NULL, request_hash = NULL, updated_at = CURRENT_TIMESTAMP "
    "WHERE customer_id = ?",
    f"UPDATE reviews SET author_name = '{GONE}' WHERE author_id = ?",
    "UPDATE reports SET reporter_id = NULL WHERE reporter_id = ?",
    "UPDATE reports SET target_id = 'deleted ' || id WHERE target_id = ? AND target_kind IN ('practitioner', 'user')",
    "DELETE FROM practitioner_texts WHERE rowid IN (SELECT number FROM practitioners WHERE id = ?)",
)


def erase(user_id: str) -> list[Statement]:
    """Return the statements that anonymise the rows of a deleted user that others still need.

    Requests and future bookings are cancelled, so that they block no slot; the statements that cancel return them. An
    appointment that has begun is completed. Names in bookings, notifications and reviews become neutral.
    """
    sides = (("customer", "practitioner"), ("practitioner", "customer"))
    texts = [text.format(side=side, other=other) for side, other in sides for text in _OF_SIDE]
    return [Statement(text, (user_id,)) for text in (*texts, *_OF_USER)]


def announce(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
    request: Request,
    results: Sequence[Result],
    news: AppointmentNews,
    usage: Usage,
    events: Events | None,
    background: Background,
) -> None:
    """Publish the cancelled bookings of a deleted user to their other sides, count them, and erase its own events."""
    if events is not None and request.actor is not None:
        background.add(events.erase(request.actor.name))
    for result in results:
        for row in result.rows:
            news.publish(row)
            usage.count("cancellation")


accounts = Accounts(registration=KarmaAccount, myself=KarmaMyself, erase=erase, erased=announce)
