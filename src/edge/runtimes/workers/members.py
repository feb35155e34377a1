"""The sockets on the log: what is known of each, also while the object sleeps."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json
from pyodide.ffi import JsException

from edge.access import Actor, Role
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

    @classmethod
    def of(cls, socket: Any) -> "Member | None":
        """Return what a socket's attachment says."""
        text = socket.deserializeAttachment()
        if not isinstance(text, str):
            return None
        kept = from_json(text)
        actor = Actor(kept["actor"], Role(kept["role"]))
        return cls(socket, kept["id"], actor, tuple(kept["types"]), kept["sent"], kept["request_id"])

    def keep(self) -> None:
        """Write the attachment."""
        kept = {
            "id": self.id, "actor": self.actor.name, "role": self.actor.role, "types": self.types,
            "sent": self.sent, "request_id": self.request_id,
        }  # fmt: skip
        self.socket.serializeAttachment(to_json(kept).decode())

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
