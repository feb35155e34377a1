"""The data of live events."""

from typing import Any, TypedDict

from edge.openapi.events import add_event_data
from klear_karma.booking.views import StateName
from klear_karma.live_events import AUDIENCES
from klear_karma.messages.routes import Message


class AppointmentNote(TypedDict):
    """A booking has another state; `sequence` counts its changes."""

    appointment_id: str
    state: StateName
    sequence: int


_DATA = {"appointment.changed": AppointmentNote, "message.sent": Message, "message.changed": Message}


def extend(document: dict[str, Any]) -> None:
    """Add the events' data."""
    add_event_data(document, {name: _DATA.get(name) for name in AUDIENCES})
