"""Live events of this Worker, and their audiences."""

from edge.ports.events import Audience

AUDIENCES = {
    "appointment.changed": Audience.PERSON,
    "message.sent": Audience.PERSON,
    "message.changed": Audience.PERSON,
}
"""Each event is published once per recipient; administrators receive none of them.

Its data has ids, numbers, states and times: no name and no text, as the log outlives what it reports.
"""
