"""Live events: one ordered log of CloudEvents that clients follow by Server-Sent Events and WebSockets."""

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from edge.errors import Problem
from edge.http import Request, Response
from edge.ports import Background, Log
from edge.spool import Spool

if TYPE_CHECKING:
    from edge.access import Actor


class UpgradeRequired(Problem):
    """This is a WebSocket."""

    title = "This is a WebSocket"
    status = 426

    def __init__(self) -> None:
        headers = [("upgrade", "websocket"), ("connection", "Upgrade")]
        super().__init__("send Upgrade: websocket; plain HTTP has GET /events", headers=headers)


class Draft(NamedTuple):
    """An event before the log has given it its number and time; `data` is any JSON value."""

    type: str
    data: object
    subject: str | None = None


class Event(NamedTuple):
    """An event of the log: `json` is its whole CloudEvents 1.0 document, as it is sent."""

    sequence: int
    type: str
    json: str


class Page(NamedTuple):
    """Some events in their order; `oldest` and `last` are the numbers that the log holds now (0 when empty)."""

    events: list[Event]
    oldest: int
    last: int


@dataclass(frozen=True, slots=True)
class Follow:
    """What a client wants: events after number `since` (None: from now on), of these types.

    A type is a whole one or `prefix.*`; no types are all types. Who is bound to subjects gets only events of these.
    """

    actor: "Actor"
    since: int | None = None
    types: tuple[str, ...] = ()


class Events(Protocol):
    """One ordered log: numbers from 1 without gaps, the last ones kept, every reader in the same order.

    A reader that does not take what it is sent is dropped; it resumes by the last number that it has. Where events
    after `since` are no longer kept, a reader is told so by an event `live.gap` and goes on with the oldest kept.
    """

    async def publish(self, drafts: Sequence[Draft]) -> int:
        """Append events, all of them or none, and return the number of the last."""

    async def read(self, since: int, *, types: Sequence[str] = (), limit: int = 100) -> Page:
        """Return at most `limit` events after number `since`."""

    async def forget(self) -> None:
        """Forget all events but the last, whose number the next one follows."""

    async def stream(self, follow: Follow) -> AsyncIterable[bytes]:
        """Return the events as the body of a `text/event-stream` response, which ends when the client leaves."""

    async def connect(self, request: Request, follow: Follow) -> Response:
        """Return the response that turns a request into a WebSocket on the log; `UpgradeRequired` where it is none."""

    async def probe(self) -> None:
        """Raise `PortError` unless the log answers."""


class Publisher:
    """Publishes after the response, in order; without a log it does nothing."""

    def __init__(self, events: Events | None, background: Background, log: Log) -> None:
        self._spool = Spool(events.publish, background, log, "events") if events else None

    def publish(self, type_: str, data: object, subject: str | None = None) -> None:
        """Publish an event. `data` holds no secret and no place; `subject` is what it is about, such as a VIN."""
        if self._spool:
            self._spool.add([Draft(type_, data, subject)])
