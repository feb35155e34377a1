"""The sockets on the log: what is known of each, also while the object sleeps."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json, to_json
from pyodide.ffi import JsException

from edge.access import Actor, Role
from edge.live import Event
from edge.runtimes import live_wire as wire
from edge.runtimes.live_wire import Close

CHECK_BYTES = 128 * 1024
"""After so many bytes the platform is asked how many of them a socket has taken."""


@dataclass(slots=True)
class Member:
    """A socket on the log, as its attachment keeps it while the object sleeps.

    `sent` is None where it was given everything so far, else the number to go on from.
    """

    socket: Any
    id: str
    actor: Actor
    types: tuple[str, ...]
    sent: int | None
    request_id: str
    unchecked: int = 0
    busy: int = 0
    pace: wire.Pace = field(default_factory=wire.Pace)

    @classmethod
    def of(cls, socket: Any) -> "Member | None":
        """Return what a socket's attachment says."""
        text = socket.deserializeAttachment()
        if not isinstance(text, str):
            return None
        kept = from_json(text)
        actor, types = actor_of(kept["actor"]), tuple(kept["types"])
        return cls(socket, kept["id"], actor, types, kept["sent"], kept["request_id"])

    def keep(self) -> None:
        """Write the attachment."""
        kept = {
            "id": self.id, "actor": told_of(self.actor), "types": self.types, "sent": self.sent,
            "request_id": self.request_id,
        }  # fmt: skip
        self.socket.serializeAttachment(to_json(kept).decode())

    def wants(self, event: Event) -> bool:
        """Tell whether an event is for this socket."""
        return wire.shown(event, self.types, self.actor.subjects)

    def send(self, text: str, *, checks: bool = True) -> bool:
        """Send a frame; False where the socket is gone or, where that is checked, too far behind, and closed."""
        try:
            self.socket.send(text)
            self.unchecked += len(text)
            if checks and self.unchecked > CHECK_BYTES:
                self.unchecked = 0
                if self.socket.bufferedAmount > wire.BEHIND_LIMIT:
                    self.close(Close.TOO_SLOW)
                    return False
        except JsException:
            return False
        return True

    def close(self, why: Close) -> None:
        """Close the socket; nothing happens where it is closed."""
        with suppress(JsException):
            self.socket.close(int(why), why.reason)


def told_of(actor: Actor) -> dict[str, Any]:
    """Return an actor as it goes along with a request to the log, and into attachments."""
    subjects = None if actor.subjects is None else sorted(actor.subjects)
    return {"name": actor.name, "role": actor.role, "subjects": subjects}


def actor_of(told: dict[str, Any]) -> Actor:
    """Return the actor that `told_of` has told of."""
    subjects = None if told["subjects"] is None else frozenset(told["subjects"])
    return Actor(told["name"], Role(told["role"]), subjects)
