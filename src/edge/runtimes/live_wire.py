"""Live events as they are on the wire, the same from every runtime: CloudEvents in JSON, SSE and socket frames."""

from collections.abc import Sequence
from datetime import datetime

from pydantic_core import to_json

from edge.live import Draft, Event

SOURCE = "/events"
SUBPROTOCOL = "cloudevents.json"
"""The subprotocol of CloudEvents over WebSockets, JSON format."""


def wanted(types: Sequence[str], type_: str) -> bool:
    """Tell whether a type is among `types`, whole ones or `prefix.*`; no types are all types."""
    return not types or any(type_ == one or (one.endswith(".*") and type_.startswith(one[:-1])) for one in types)


def document(draft: Draft, sequence: int, now: datetime) -> Event:
    """Return an event as it is sent: CloudEvents 1.0 with the sequence extension, whose text sorts as the number."""
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
    return Event(sequence, draft.type, to_json(members).decode())
