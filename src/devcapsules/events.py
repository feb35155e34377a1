"""Events: each is a row with an id of its sender, so that one that is sent again counts once."""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from edge.instants import to_text
from edge.ports import Clock, Statement
from edge.text import Matching

type Kind = Literal["view", "attempt", "completion"]

MOST_EVENTS = 50
_INSERT = (
    "INSERT INTO analytics_events (id, capsule_id, kind, outcome, learner, day, created_at) "
    "SELECT ?, c.id, ?, ?, ?, ?, ? FROM capsules AS c WHERE c.id = ? ON CONFLICT (id) DO NOTHING RETURNING id"
)


class NewEvent(BaseModel):
    """An event. Its id is the sender's, and unlike that of any other of the capsule's events."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=8, max_length=64), Matching(r"[A-Za-z0-9_-]+", "letters, digits, _ and -")]
    capsule_id: Annotated[str, Field(min_length=1, max_length=64)]
    kind: Kind
    outcome: Annotated[str, Field(max_length=30), Matching(r"[a-z_]*", "a word in lower case")] = ""


class Event(NamedTuple):
    """An event as it is stored."""

    id: str
    capsule_id: str
    kind: Kind
    outcome: str
    learner: str


def adding(events: Sequence[Event], clock: Clock) -> list[Statement]:
    """Return the statements that add events, each with a row where it is new; a capsule that is gone has none."""
    now = clock.now()
    times = (now.strftime("%Y-%m-%d"), to_text(now))
    return [
        Statement(
            _INSERT,
            (f"{one.capsule_id}:{one.id}", one.kind, one.outcome, one.learner[:100], *times, one.capsule_id),
        )
        for one in events
    ]
