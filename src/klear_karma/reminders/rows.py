"""Rows of reminders: the statements that create, move and remove them with their booking."""

from datetime import datetime, timedelta

from edge import Statement
from edge.instants import to_text

BEFORE = {"day": timedelta(hours=24), "hour": timedelta(hours=1)}
"""The kinds of reminders, and the time before the start at which each is due."""

_REMOVE = "DELETE FROM reminders WHERE appointment_id = ?"
_REMOVE_MAILS = "DELETE FROM reminder_mails WHERE appointment_id = ?"
_MAKE = "INSERT INTO reminders (appointment_id, kind, due_at) VALUES (?, ?, ?)"


def replace_reminders(appointment_id: str, starts_at: datetime, now: datetime) -> list[Statement]:
    """Return the statements that replace a booking's reminders by those of a new start."""
    due = {kind: starts_at - before for kind, before in BEFORE.items()}
    reminders = [
        Statement(_MAKE, (appointment_id, kind, to_text(moment))) for kind, moment in due.items() if moment > now
    ]
    return [*remove_reminders(appointment_id), *reminders]


def remove_reminders(appointment_id: str) -> list[Statement]:
    """Return the statements that remove the reminders of a booking, and their unsent mails."""
    return [Statement(sql, (appointment_id,)) for sql in (_REMOVE, _REMOVE_MAILS)]
