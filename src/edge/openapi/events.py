"""Live events and chats in the document: types that no Worker loads, as nothing there has need of them."""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from edge.openapi.schemas import REF, Schema, Schemas, names_in

EVENT_DATA = "EventData"


class CloudEvent(TypedDict):
    """A live event: CloudEvents 1.0 in JSON with the sequence extension, whose text sorts as the number does."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: NotRequired[str]
    sequence: NotRequired[str]
    datacontenttype: NotRequired[str]
    subject: NotRequired[str]
    data: Any


class LiveGap(TypedDict):
    """Events are missing: those from the one behind `since` to the one before `oldest` are no longer stored."""

    since: int
    oldest: int
    last: int


def add_event_data(document: dict[str, Any], types: Mapping[str, type | None]) -> None:
    """Add a component that has the data of each type of live events under the type's name, in place."""
    hints = {name: hint for name, hint in types.items() if hint is not None} | {"live.gap": LiveGap}
    schemas = Schemas([("serialization", hint) for hint in hints.values()])
    data: Schema = {
        "type": "object",
        "description": "The data of a live event, by the event's type.",
        "properties": {name: schemas.of("serialization", hint) for name, hint in sorted(hints.items())},
    }
    components = document["components"]["schemas"]
    for name in names_in(data, schemas.components):
        components.setdefault(name, schemas.components[name])
    components[EVENT_DATA] = data
    components["CloudEvent"]["properties"]["data"] = {"x-data-by-type": {"$ref": REF + EVENT_DATA}}
