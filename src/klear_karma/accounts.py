"""Accounts of this marketplace: a name and a type beside the address, and the rows left when an account is deleted."""

from typing import Annotated, Literal

from pydantic import Field

from edge import Statement
from edge.auth.accounts.models import Myself, NewAccount
from edge.auth.accounts.routes import Accounts
from edge.text import Matching

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


def erase(user_id: str) -> list[Statement]:
    """Return the statements that anonymise the rows of a deleted user that others still need.

    Future bookings are cancelled, so that they block no slot; the names in bookings and reviews become neutral.
    """
    cancelled = (
        "UPDATE appointments SET state = 'cancelled', cancelled_by = '{side}', cancelled_at = CURRENT_TIMESTAMP, "
        "updated_at = CURRENT_TIMESTAMP, "
        "sequence = sequence + 1 WHERE {side}_id = ? AND state IN ('requested', 'confirmed', 'rescheduled')"
    )
    notification = (
        "INSERT INTO notifications (id, user_id, kind, appointment_id, data, created_at) "
        "SELECT lower(hex(randomblob(16))), {other}_id, 'appointment.cancelled', id, "
        "json_object('starts_at', starts_at, 'service', service_name, 'by', '{side}'), CURRENT_TIMESTAMP "
        "FROM appointments WHERE {side}_id = ? AND {other}_id IS NOT NULL "
        "AND state IN ('requested', 'confirmed', 'rescheduled')"
    )
    gone = (
        "UPDATE appointments SET {side}_name = 'deleted user', note = '', updated_at = CURRENT_TIMESTAMP "
        "WHERE {side}_id = ?"
    )
    sides = (("customer", "practitioner"), ("practitioner", "customer"))
    statements = [
        text.format(side=side, other=other) for side, other in sides for text in (notification, cancelled, gone)
    ]
    statements += [
        "UPDATE reviews SET author_name = 'deleted user' WHERE author_id = ?",
        "UPDATE reports SET reporter_id = NULL WHERE reporter_id = ?",
        "DELETE FROM practitioner_texts WHERE rowid IN (SELECT number FROM practitioners WHERE id = ?)",
    ]
    return [Statement(text, (user_id,)) for text in statements]


accounts = Accounts(registration=KarmaAccount, myself=KarmaMyself, erase=erase)
