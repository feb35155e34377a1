"""Publisher: live events published after the response, in order."""

from edge.access import Actor
from edge.batch_writer import writer_of
from edge.ports.background import Background
from edge.ports.events import Draft, Events
from edge.ports.log import Log


class Publisher:
    """Publishes after the response, in order; without a log it does nothing."""

    def __init__(self, events: Events | None, background: Background, log: Log) -> None:
        self._writer = writer_of(events.publish, background, log, "events") if events else None

    def publish(self, type_: str, data: object, subject: str | None = None, caller: Actor | None = None) -> None:
        """Publish an event. `data` holds no secret and no place; `subject` is the thing it is about, such as a VIN.

        `caller` caused it; an event with the audience `CALLER` reaches administrators alone without one.
        """
        if self._writer:
            scope = None if caller is None or caller.subjects is None else sorted(caller.subjects)
            self._writer.add([Draft(type_, data, subject, caller.name if caller else None, scope)])
