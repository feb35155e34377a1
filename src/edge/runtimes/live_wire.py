"""Live events on the wire, the same in every runtime: CloudEvents in JSON, server-sent events and socket frames."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from edge.access import ADMIN, Actor
from edge.errors import BadRequest, Problem
from edge.ports import LimitExceeded, PortError
from edge.ports.events import Audience, Draft, Event, audience_of

SOURCE = "/events"
SUBPROTOCOL = "cloudevents.json"
"""The subprotocol of CloudEvents over WebSockets, JSON format."""
CAPACITY = 10_000
"""Events that a log keeps."""
EVENT_LIMIT = 256 * 1024
"""Bytes of one event's document."""
FRAME_LIMIT = 64 * 1024
"""Bytes of a frame that a client may send."""
BEHIND_LIMIT = 1024 * 1024
"""Most bytes in one reader's backlog; beyond, the reader is closed."""
PAGE, PAGE_BYTES = 50, 128 * 1024
"""Most events in one page of the log, and the bytes after which a page takes no further event."""
CATCH_UP_LIMIT = 16 * 1024 * 1024
"""Most bytes of pages that all readers in catch-up hold together; beyond, the slowest of them is closed."""
READ_LIMIT = 1024 * 1024
"""Bytes after which one answer of `read` takes no further event."""
SLICE = 64 * 1024
"""Bytes that are written to a connection at once."""
WRITE_TIMEOUT = 20.0
"""Seconds after which a reader that accepts no data is closed."""
TYPES_LIMIT = 2000
"""Most characters of the types that a reader names, together."""
ID_LIMIT = 200
"""Most characters of a frame's own id; a longer one is not repeated in the reply."""
FRAMES_AT_ONCE = 4
"""Frames of one socket that may be in work."""
FRAMES, FRAMES_S = 100, 10.0
"""Frames that one socket may send in so many seconds; pings that the platform answers do not count."""
HEARTBEAT = 15.0
"""Seconds between two heartbeats."""

PING = '{"type":"ping"}'
"""The frame that is answered with `PONG`; a platform that can do so answers without waking the log."""
OPENING = b"retry: 2000\n: follow\n\n"
"""The first bytes of a stream: the client's pause before it reconnects, in milliseconds."""
BEAT = b": heartbeat\n\n"


class Close(IntEnum):
    """Reasons for closing a socket, as WebSocket close codes."""

    GOING_AWAY = 1001
    NOT_TEXT = 1003
    TOO_LARGE = 1009
    FAILED = 1011
    TRY_LATER = 1013
    UNAUTHORIZED = 4401
    TOO_SLOW = 4408
    TOO_MANY = 4429

    @property
    def reason(self) -> str:
        """The reason that is sent with the code, at most 123 bytes."""
        return _REASONS[self]


_REASONS = {
    Close.GOING_AWAY: "the server stops; reconnect with since=",
    Close.NOT_TEXT: "frames are text: JSON objects",
    Close.TOO_LARGE: f"a frame has at most {FRAME_LIMIT} bytes",
    Close.FAILED: "the log failed; reconnect with since=",
    Close.TRY_LATER: "this key or ticket has its maximum of streams and sockets",
    Close.UNAUTHORIZED: "the key or token was revoked or has expired",
    Close.TOO_MANY: f"at most {FRAMES} frames in {FRAMES_S:g} s",
    Close.TOO_SLOW: "too far behind; reconnect with since=",
}


BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""A time for documents that are made only to be checked."""


_SUBJECT, _CALLER, _PERSON = Audience.SUBJECT.value, Audience.CALLER.value, Audience.PERSON.value


class TooManyFrames(Problem):
    """Too many frames at once."""

    title = "Too many frames at once"
    status = 429

    def __init__(self) -> None:
        super().__init__(f"{FRAMES_AT_ONCE} frames of this socket are in work")


class Pace:
    """The rate of a socket's frames."""

    __slots__ = ("_count", "_until")

    def __init__(self) -> None:
        self._count = 0
        self._until = 0.0

    def allows(self, now: float) -> bool:
        """Count a frame at `now`, in seconds; tell whether the socket may send it."""
        if now >= self._until:
            self._count = 0
            self._until = now + FRAMES_S
        self._count += 1
        return self._count <= FRAMES


def matches_type(types: Sequence[str], type_: str) -> bool:
    """Tell whether a type is in `types`, which are whole names or `prefix.*`; an empty list means all types."""
    return not types or any(
        type_ == pattern or (pattern.endswith(".*") and type_.startswith(pattern[:-1])) for pattern in types
    )


def is_for_reader(event: Event, types: tuple[str, ...], actor: Actor) -> bool:
    """Tell whether a reader gets an event: it follows the type, and the event's audience includes it."""
    return filter_of(event)(types, actor)


def filter_of(event: Event) -> Callable[[tuple[str, ...], Actor], bool]:
    """Return `is_for_reader` for one event and many readers."""
    followed: dict[tuple[str, ...], bool] = {(): True}

    def is_shown(types: tuple[str, ...], actor: Actor) -> bool:
        is_asked = followed.get(types)
        if is_asked is None:
            is_asked = followed[types] = matches_type(types, event.type)
        return is_asked and _includes(event, actor)

    return is_shown


def _includes(event: Event, actor: Actor) -> bool:
    """Tell whether an event's audience includes a reader."""
    audience = event.audience
    subjects = actor.subjects
    if audience == _PERSON:
        return actor.is_member and event.caller == actor.name
    if audience == _SUBJECT:
        return subjects is None or event.subject in subjects
    if subjects is None and actor.role >= ADMIN:
        return True
    if audience == _CALLER and event.caller == actor.name:
        return subjects is None or (event.scope is not None and subjects.issuperset(from_json(event.scope)))
    return False


def size_of(text: str) -> int:
    """Return the bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def document(draft: Draft, sequence: int, now: datetime, audience: Audience = Audience.ADMIN) -> Event:
    """Return an event as CloudEvents 1.0 with the sequence extension, padded so that the text sorts as the number."""
    members: dict[str, object] = {
        "specversion": "1.0",
        "id": str(sequence),
        "source": SOURCE,
        "type": draft.type,
        "time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "sequence": f"{sequence:016d}",
        "datacontenttype": "application/json",
        "data": draft.data,
    }
    if draft.subject is not None:
        members["subject"] = draft.subject
    json = to_json(members).decode()
    scope = None if draft.scope is None else to_json(draft.scope).decode()
    return Event(sequence, draft.type, json, audience, draft.subject, draft.caller, scope)


def documents(
    drafts: Sequence[Draft], last: int, now: datetime, audiences: Mapping[str, Audience] | None = None
) -> list[Event]:
    """Return the events that follow number `last`; `PortError` if one is not JSON, `LimitExceeded` if too large."""
    declared = audiences or {}
    try:
        events = [
            document(draft, last + number, now, audience_of(declared, draft.type))
            for number, draft in enumerate(drafts, 1)
        ]
    except PydanticSerializationError as fault:
        raise PortError(f"an event's data must be JSON: {fault}") from None
    if any(size_of(event.json) > EVENT_LIMIT for event in events):
        raise LimitExceeded(f"an event has at most {EVENT_LIMIT} bytes")
    return events


def control(type_: str, data: Mapping[str, object]) -> str:
    """Return an event for one reader alone: it has no number, and is not in the log."""
    members = {"specversion": "1.0", "id": type_, "source": SOURCE, "type": type_, "data": data}
    return to_json(members).decode()


PONG = control("live.pong", {})


def hello(oldest: int, last: int) -> str:
    """Return a socket's first frame: the numbers that the log holds, and the limits of the connection."""
    limits = {"heartbeat_s": HEARTBEAT, "frame_bytes": FRAME_LIMIT, "behind_bytes": BEHIND_LIMIT}
    return control("live.hello", {"oldest": oldest, "last": last, **limits})


def heartbeat(last: int) -> str:
    """Return a socket's heartbeat, with the number of the log's last event."""
    return control("live.heartbeat", {"last": last})


def gap(since: int, oldest: int, last: int) -> str | None:
    """Return the event for a reader that missed removed events, or is beyond the log's end; else None."""
    if since > last or since + 1 < oldest:
        return control("live.gap", {"since": since, "oldest": oldest, "last": last})
    return None


def start(since: int | None, oldest: int, last: int) -> int:
    """Return the number after which a reader begins."""
    if since is None or since > last:
        return last
    return max(since, oldest - 1)


def text(event: Event) -> str:
    """Return an event as a socket sends it."""
    return event.json


def sse(event: Event) -> bytes:
    """Return an event of a stream. It has no `event:` line: an EventSource's `onmessage` gets them all."""
    return f"id: {event.sequence}\ndata: {event.json}\n\n".encode()


def sse_control(json: str) -> bytes:
    """Return an event for one reader alone. It has no id, so that the client's resume position stays."""
    return f"data: {json}\n\n".encode()


def parse(text: str) -> dict[str, Any]:
    """Return a client's frame; `BadRequest` if it is not a JSON object with a type."""
    try:
        frame = from_json(text, allow_inf_nan=False)
    except ValueError as fault:
        raise BadRequest(f"a frame is a JSON object: {fault}") from None
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise BadRequest('a frame is a JSON object with a "type"')
    return frame


def types_of(frame: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the types of a frame `{"type": "subscribe", "types": […]}`; `BadRequest` if they are no list of names."""
    types = frame.get("types", [])
    if not isinstance(types, list) or len(types) > 50 or not all(isinstance(name, str) and name for name in types):
        raise BadRequest("types is a list of at most 50 names")
    if sum(map(len, types)) > TYPES_LIMIT:
        raise BadRequest(f"types have at most {TYPES_LIMIT} characters together")
    return tuple(types)


def reply(frame: Mapping[str, Any] | None, outcome: Mapping[str, object]) -> str:
    """Return the answer to a frame: `result` or `problem`, with the frame's own `id` beside it."""
    own = frame.get("id") if frame else None
    is_short = (isinstance(own, str) and len(own) <= ID_LIMIT) or (isinstance(own, int) and abs(own) < 2**63)
    return control("live.reply", {"id": own if is_short else None, **outcome})


def refusal(problem: Problem, request_id: str, path: str) -> dict[str, object]:
    """Return the outcome of a frame that was refused before a handler ran."""
    return {"problem": problem.document(path, request_id)}
