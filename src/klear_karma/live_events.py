"""Live events of this Worker, and who gets them."""

from edge.ports.events import Audience

AUDIENCES = {
    "appointment.changed": Audience.PERSON,
    "message.sent": Audience.PERSON,
    "message.changed": Audience.PERSON,
    "notification.made": Audience.PERSON,
}
"""Each is published once for each of the people that it is for; an administrator gets none of them."""
