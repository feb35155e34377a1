"""The sockets on the log, and their state while the object sleeps."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from pydantic_core import from_json, to_json
from pyodide.ffi import JsException, create_once_callable

from edge.access import Actor, Role
from edge.ports.events import Event, Follow
from edge.runtimes import live_wire as wire
from edge.runtimes.live_wire import Close

CHECK_BYTES = 128 * 1024
"""Bytes sent to a socket between two checks of its unsent data."""
CHECK_S = 30.0
"""Seconds between two look-ups of a credential, for sockets whose attachment lacks that number."""


@dataclass(slots=True, eq=False)
class LogSocket:
    """A socket on the log, restored from its attachment after the object's sleep.

    `sent` is None if the socket has got all events so far, else the number to continue from.
    """

    socket: Any
    id: str
    actor: Actor
    types: tuple[str, ...]
    sent: int | None
    request_id: str
    check_s: float
    ticket: str = ""
    unchecked: int = 0
    busy: int = 0
    closed: Close | None = None
    pace: wire.Pace = field(default_factory=wire.Pace)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    def of(cls, socket: Any) -> "LogSocket | None":
        """Return the socket of an attachment, also of one that an earlier version wrote."""
        text = socket.deserializeAttachment()
        if not isinstance(text, str):
            return None
        attachment = from_json(text)
        actor = actor_of(attachment["actor"])
        types = tuple(attachment["types"])
        return cls(
            socket,
            attachment["id"],
            actor,
            types,
            attachment["sent"],
            attachment["request_id"],
            attachment.get("check_s", CHECK_S),
            attachment.get("ticket", ""),
        )

    @classmethod
    def following(cls, socket: Any, follow: Follow, begin: int, request_id: str) -> "LogSocket":
        """Return a new socket of a reader, which continues from the number `begin`."""
        return cls(
            socket, uuid4().hex, follow.actor, follow.types, begin, request_id, follow.check_s, ticket=follow.ticket
        )

    def keep(self) -> None:
        """Write the attachment."""
        attachment = {
            "id": self.id,
            "actor": actor_document(self.actor),
            "types": self.types,
            "sent": self.sent,
            "request_id": self.request_id,
            "check_s": self.check_s,
            "ticket": self.ticket,
        }
        self.socket.serializeAttachment(to_json(attachment).decode())

    def update_actor(self, actor: Actor) -> None:
        """Continue as the actor that the credential stands for now."""
        self.actor = actor
        self.keep()

    def subscribe(self, types: tuple[str, ...]) -> None:
        """Follow other types from now on."""
        self.types = types
        self.keep()

    def wants(self, event: Event) -> bool:
        """Tell whether an event is for this socket."""
        return wire.is_for_reader(event, self.types, self.actor)

    def send(self, text: str, *, checks: bool = True) -> bool:
        """Send a frame; False if the socket is gone, or was closed because a check found it too far behind."""
        if self.closed is not None:
            return False
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
        """Close the socket; do nothing if it is closed."""
        self.closed = self.closed or why
        with suppress(JsException):
            self.socket.close(int(why), why.reason)


def refuse(socket: Any, name: str, refused: Counter[str]) -> None:
    """Accept a caller's socket only to close it. It counts as refused until its client closes it, too.

    It may not sleep: workerd keeps the connection below a sleeping socket open after both have closed it.
    """

    def end(*_: Any) -> None:
        refused.subtract([name])
        if refused[name] <= 0:
            del refused[name]

    refused[name] += 1
    socket.addEventListener("close", create_once_callable(end))
    socket.accept()
    socket.close(int(Close.TRY_LATER), Close.TRY_LATER.reason)


def actor_document(actor: Actor) -> dict[str, Any]:
    """Return an actor as it is sent to the log with a request, and stored in attachments."""
    subjects = None if actor.subjects is None else sorted(actor.subjects)
    return {
        "name": actor.name,
        "role": actor.role,
        "subjects": subjects,
        "daily_calls": actor.daily_calls,
        "is_token": actor.is_token,
        "expires_at": actor.expires_at,
        "fingerprint": actor.fingerprint,
        "is_member": actor.is_member,
    }


def actor_of(fields: dict[str, Any]) -> Actor:
    """Return the actor that `actor_document` has written, also in an earlier version."""
    subjects = None if fields["subjects"] is None else frozenset(fields["subjects"])
    return Actor(
        fields["name"],
        Role(fields["role"]),
        subjects,
        fields.get("daily_calls"),
        fields.get("is_token", False),
        fields.get("expires_at"),
        fields.get("fingerprint"),
        fields.get("is_member", False),
    )


def follow_document(follow: Follow) -> dict[str, Any]:
    """Return a reader's request as it is sent to the log."""
    return {
        "actor": actor_document(follow.actor),
        "since": follow.since,
        "types": follow.types,
        "at_most": follow.at_most,
        "check_s": follow.check_s,
        "ticket": follow.ticket,
    }


def follow_of(sent: dict[str, Any]) -> Follow:
    """Return the reader's request that `follow_document` has written."""
    actor = actor_of(sent["actor"])
    types = tuple(sent["types"])
    return Follow(actor, sent["since"], types, sent["at_most"], sent["check_s"], sent.get("ticket", ""))
