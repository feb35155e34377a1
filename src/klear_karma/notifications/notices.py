"""The statement that writes a notification, for the batch of the change that it reports."""

from collections.abc import Mapping
from uuid import uuid4

from pydantic_core import to_json

from edge import Statement

_INSERT = (
    "INSERT INTO notifications (id, user_id, kind, appointment_id, data, created_at) "
    "SELECT ?, id, ?, ?, ?, ? FROM users WHERE id = ?"
)


def notice(
    user_id: str | None,
    kind: str,
    now: str,
    appointment_id: str | None = None,
    data: Mapping[str, object] | None = None,
) -> Statement:
    """Return the statement that notifies a user; it does nothing if the account was deleted."""
    return Statement(
        _INSERT, (str(uuid4()), kind, appointment_id, to_json(dict(data or {})).decode(), now, user_id or "")
    )
