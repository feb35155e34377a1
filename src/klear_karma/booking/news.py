"""Live events of bookings: published to the two sides only, after the batch."""

from edge.access import READER, Actor
from edge.live.publisher import Publisher
from edge.ports import Row


def person(user_id: str) -> Actor:
    """Return the actor to address an event to one user."""
    return Actor(user_id, READER, is_member=True)


class AppointmentNews:
    """Publishes changes of a booking to its two sides."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def publish(self, row: Row) -> None:
        """Publish the state of a booking to its two sides."""
        data = {"appointment_id": row["id"], "state": row["state"], "sequence": row["sequence"]}
        for side in ("customer", "practitioner"):
            if row[f"{side}_id"]:
                self._publisher.publish("appointment.changed", data, None, person(row[f"{side}_id"]))
