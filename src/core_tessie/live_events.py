"""The live events of this app: the data and the audience of each type.

None holds a secret, and none but a chat's own words a place. The subject of an event about a car is its VIN. An event
follows the commit of its change: if a Worker dies in between there is none, so that the tables are authoritative.
"""

from typing import Any, Literal, NamedTuple, TypedDict

from edge.ports.events import Audience


class SyncStarted(TypedDict):
    """A run of the sync has begun."""

    run_id: str
    cause: str
    actor: str | None


class SyncProgress(TypedDict):
    """A window of one kind of history was copied: `rows` of it so far in this walk, `back_to` None at its end."""

    run_id: str
    kind: str
    rows: int
    back_to: str | None


class SyncVehicleDone(TypedDict):
    """A vehicle is up to date: how many records of each kind the walk has read."""

    run_id: str
    rows: dict[str, int]


class SyncVehicleFailed(TypedDict):
    """A vehicle was given up in this run."""

    run_id: str
    error: str | None


class SyncPartFailed(TypedDict):
    """A part of a vehicle's sync failed in this run; `since` is its first failure. The other parts are up to date."""

    run_id: str
    part: str
    error: str | None
    since: str


class SyncUnreadable(TypedDict):
    """Fields of Tessie's that could not be read in a vehicle's sync: their counts by kind and field."""

    run_id: str
    fields: dict[str, dict[str, int]]


class TessieKeyRefused(TypedDict):
    """Tessie refuses the account's key; published once, until it accepts one again."""

    error: str


class SyncFinished(TypedDict):
    """A run has ended."""

    run_id: str
    status: Literal["succeeded", "partial", "failed"]
    vehicles_total: int
    vehicles_done: int
    vehicles_failed: int
    rows_written: int
    error: str | None


class VehicleChanged(TypedDict):
    """Columns of a vehicle that a sync has changed, with their new values, except its position."""

    changed: dict[str, Any]


class DriveRecorded(TypedDict):
    """A new drive; those of a vehicle's first sync are only counted."""

    id: str
    started_at: str
    ended_at: str | None
    distance_mi: float | None
    energy_used_kwh: float | None


class ChargeRecorded(TypedDict):
    """A new charge; those of a vehicle's first sync are only counted."""

    id: str
    started_at: str
    ended_at: str | None
    energy_added_kwh: float | None
    energy_used_kwh: float | None


class RecordMoved(TypedDict):
    """A drive, charge or idle that Tessie no longer has, or has again."""

    id: str
    started_at: str


class VehicleArchived(TypedDict):
    """A vehicle that Tessie neither lists nor finds, for three runs; its history stays."""

    display_name: str | None
    archived_at: str


class VehicleReturned(TypedDict):
    """An archived vehicle that Tessie lists again."""

    display_name: str | None


class SoftwareUpdate(TypedDict):
    """An update is available, makes progress, or is installed; a vehicle's first sync publishes none."""

    version: str
    status: str
    download_pct: float | None
    install_pct: float | None


class ReportCreated(TypedDict):
    """An energy report was stored; the subject is its VIN, none for all vehicles."""

    id: str
    period_from: str
    period_to: str
    rows_used: int


class LogNote(TypedDict):
    """A row of `logs` of this level, as it is stored."""

    message: str
    route: str | None
    actor: str | None
    request_id: str
    payload: dict[str, Any]


class AgentTurnStarted(TypedDict):
    """A turn of a chat has begun: `turn` is its number in the conversation."""

    conversation_id: str
    turn: int
    model: str


class AgentToken(TypedDict):
    """A part of the answer, as the model says it."""

    conversation_id: str
    turn: int
    text: str


class AgentTurnEnded(TypedDict):
    """A turn has ended, with its whole answer."""

    conversation_id: str
    turn: int
    status: str
    error: str | None
    text: str


ACTION_STATUSES = ("queued", "running", "succeeded", "failed", "dead", "cancelled")


class ActionChanged(TypedDict):
    """An action's status changed to the one at the end of the type; the subject is its vehicle, if it has one."""

    id: str
    kind: str
    status: str
    attempts: int
    error: str | None
    result: Any


HISTORY = ("drive", "charge", "idle")


class EventType(NamedTuple):
    """The data of a type of events, None for no data, and its audience."""

    data: type | None
    audience: Audience


SUBJECT, CALLER, ADMIN, _ = Audience

EVENTS: dict[str, EventType] = {
    **{f"action.{status}": EventType(ActionChanged, SUBJECT) for status in ACTION_STATUSES},
    "sync.started": EventType(SyncStarted, SUBJECT),
    "sync.progress": EventType(SyncProgress, SUBJECT),
    "sync.vehicle.done": EventType(SyncVehicleDone, SUBJECT),
    "sync.vehicle.failed": EventType(SyncVehicleFailed, SUBJECT),
    "sync.part.failed": EventType(SyncPartFailed, SUBJECT),
    "sync.unreadable": EventType(SyncUnreadable, SUBJECT),
    "sync.finished": EventType(SyncFinished, SUBJECT),
    "tessie.key.refused": EventType(TessieKeyRefused, SUBJECT),
    "vehicle.changed": EventType(VehicleChanged, SUBJECT),
    "vehicle.archived": EventType(VehicleArchived, SUBJECT),
    "vehicle.returned": EventType(VehicleReturned, SUBJECT),
    "drive.recorded": EventType(DriveRecorded, SUBJECT),
    "drive.ended": EventType(DriveRecorded, SUBJECT),
    "charge.recorded": EventType(ChargeRecorded, SUBJECT),
    "charge.ended": EventType(ChargeRecorded, SUBJECT),
    **{f"{kind}.{moved}": EventType(RecordMoved, SUBJECT) for kind in HISTORY for moved in ("removed", "restored")},
    "software.update": EventType(SoftwareUpdate, SUBJECT),
    "report.created": EventType(ReportCreated, SUBJECT),
    "agent.turn.started": EventType(AgentTurnStarted, CALLER),
    "agent.token": EventType(AgentToken, CALLER),
    "agent.turn.done": EventType(AgentTurnEnded, CALLER),
    "agent.turn.failed": EventType(AgentTurnEnded, CALLER),
    "log.warning": EventType(LogNote, ADMIN),
    "log.error": EventType(LogNote, ADMIN),
}
"""Each type. Beside them there is `live.gap`, which only one reader gets."""
AUDIENCES: dict[str, Audience] = {name: event.audience for name, event in EVENTS.items()}
"""The audience of each type; other types are for administrators alone."""
