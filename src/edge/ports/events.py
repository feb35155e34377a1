"""Live events: one ordered log of CloudEvents that clients follow by Server-Sent Events and WebSockets."""

from collections.abc import AsyncIterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from edge.access import Actor
from edge.errors import Problem
from edge.http import Headers, Response


class UpgradeRequired(Problem):
    """This is a WebSocket."""

    title = "This is a WebSocket"
    status = 426

    def __init__(self) -> None:
        headers = [("upgrade", "websocket"), ("connection", "Upgrade")]
        super().__init__("send Upgrade: websocket; plain HTTP has GET /events", headers=headers)


class TooManyConnections(Problem):
    """Too many open streams and sockets."""

    title = "Too many open streams and sockets"
    status = 429

    def __init__(self, most: int) -> None:
        detail = f"a key holds at most {most} streams and sockets at once; close one first"
        super().__init__(detail, headers=[("retry-after", "30")], retry_after=30)


class Audience(StrEnum):
    """The readers of a type. An administrator without subjects gets all events but a person's."""

    SUBJECT = "subject"
    """Readers without subjects, and readers bound to the event's own subject."""
    CALLER = "caller"
    """The caller that caused the event, with the same scope or a wider one."""
    ADMIN = "admin"
    """Administrators alone."""
    PERSON = "person"
    """The user that the event names as its caller, and no administrator."""


LIVE_AUDIENCES = {"custom.*": Audience.SUBJECT, "events.forgotten": Audience.SUBJECT}
"""The audiences of the types that the live routes publish: clients' own events, and the end of a log."""


def audience_of(audiences: Mapping[str, Audience], type_: str) -> Audience:
    """Return the audience declared for a type, whole or as `prefix.*`; `ADMIN` for a type without one."""
    if type_ in audiences:
        return audiences[type_]
    prefixes = [pattern for pattern in audiences if pattern.endswith(".*") and type_.startswith(pattern[:-1])]
    return audiences[max(prefixes, key=len)] if prefixes else Audience.ADMIN


class Draft(NamedTuple):
    """An event before the log has given it its number, time and audience; `data` is any JSON value.

    `caller` is the name of the actor that caused it, and `scope` that actor's subjects, None for all.
    """

    type: str
    data: object
    subject: str | None = None
    caller: str | None = None
    scope: Sequence[str] | None = None


class Event(NamedTuple):
    """An event of the log: `json` is its whole CloudEvents 1.0 document, as it is sent.

    The fields after it select its readers, and are never sent. `scope` is a JSON list, None for all.
    """

    sequence: int
    type: str
    json: str
    audience: str = Audience.ADMIN
    subject: str | None = None
    caller: str | None = None
    scope: str | None = None


class Page(NamedTuple):
    """Some events in their order; `oldest` and `last` are the numbers that the log holds now (0 when empty)."""

    events: list[Event]
    oldest: int
    last: int


class Follow(NamedTuple):
    """A reader's request: events after number `since` (None: from now on), of these types.

    A type is a whole name or `prefix.*`; an empty list means all types. A reader gets events whose audience includes
    its actor. `at_most` bounds the open streams and sockets of the actor's name; the credential is looked up again
    every `check_s` seconds. `ticket` marks the ticket that it came by, of whose connections two may be open.
    """

    actor: Actor
    since: int | None = None
    types: tuple[str, ...] = ()
    at_most: int = 100
    check_s: float = 30.0
    ticket: str = ""


class Events(Protocol):
    """One ordered log: numbers from 1 without gaps, the last ones stored, every reader in the same order.

    A reader that does not accept its events is dropped; it resumes by the last number that it has. If events after
    `since` were removed, a reader gets an event `live.gap` and continues with the oldest stored one. A stream ends, and
    a socket is closed with 4401, soon after its credential was revoked or has expired.
    """

    async def publish(self, drafts: Sequence[Draft]) -> int:
        """Append events, all of them or none, and return the number of the last."""

    async def read(self, follow: Follow, *, limit: int = 100) -> Page:
        """Return at most `limit` events that a reader follows, from the oldest on; fewer beyond 1 MiB together."""

    async def forget(self) -> None:
        """Delete all events but the last; the next one's number follows it."""

    async def erase(self, caller: str) -> None:
        """Empty the events of a caller, who is no longer named; nobody gets them, and their numbers stay."""

    async def stream(self, follow: Follow) -> AsyncIterable[bytes]:
        """Return the events as the body of a `text/event-stream` response, which ends when the client leaves.

        Errors: `TooManyConnections`.
        """

    async def connect(self, headers: Headers, request_id: str, follow: Follow) -> Response:
        """Return the response that opens a WebSocket on the log; `UpgradeRequired` if the headers request none.

        A socket beyond the bound of its key is closed with 1013.
        """

    async def probe(self) -> None:
        """Raise `PortError` unless the log answers."""
