"""Events: each row has an id chosen by its sender, so that a repeated event counts once."""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from edge.instants import to_text
from edge.ports import Clock, Statement
from edge.text import Matching

type Kind = Literal["view", "attempt", "completion"]

MOST_EVENTS = 50
_INSERT = (
    "INSERT INTO analytics_events (id, capsule_id, kind, outcome, day, created_at) "
    "SELECT ?, c.id, ?, ?, ?, ? FROM capsules AS c WHERE c.id = ? ON CONFLICT (id) DO NOTHING RETURNING id"
)


class NewEvent(BaseModel):
    """A new event. Its id is chosen by the sender, and unique among the capsule's events."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=8, max_length=64), Matching(r"[A-Za-z0-9_-]+", "letters, digits, _ and -")]
    capsule_id: Annotated[str, Field(min_length=1, max_length=64)]
    kind: Kind
    outcome: Annotated[str, Field(max_length=30), Matching(r"[a-z_]*", "a word in lower case")] = ""


class Event(NamedTuple):
    """An event to store; it names no learner."""

    id: str
    capsule_id: str
    kind: Kind
    outcome: str


def insert_events(events: Sequence[Event], clock: Clock) -> list[Statement]:
    """Return the statements that add events; each returns a row if the event is new and its capsule exists."""
    now = clock.now()
    times = (now.strftime("%Y-%m-%d"), to_text(now))
    return [
        Statement(
            _INSERT,
            (f"{event.capsule_id}:{event.id}", event.kind, event.outcome, *times, event.capsule_id),
        )
        for event in events
    ]
