"""`/agent/actions`: actions are stored before they are sent, done once, and published at each change of status."""

from hashlib import sha256
from typing import Annotated, Any, Literal, TypedDict
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from core_tessie.actions.kinds import KINDS, PAYLOADS
from core_tessie.actions.work import ActionWork
from core_tessie.console.shown_schemas import shown_schema
from core_tessie.reach import VehicleOutOfReach, vehicle
from core_tessie.settings import TessieSettings
from core_tessie.tables import TABLES
from edge import (
    OPERATOR,
    READER,
    Actor,
    Background,
    Body,
    Database,
    Forbidden,
    Header,
    InvalidBody,
    NotConfigured,
    NotFound,
    Operation,
    Problem,
    Query,
    Request,
    Response,
    Routes,
    Tick,
)
from edge.data import ScopedDatabase, Sql
from edge.errors import Fault, Location, list_faults, pointer_of
from edge.instants import to_text
from edge.ports import Row
from edge.reach import CHECKED, OPEN
from edge.rows import parsed, row_as

routes = Routes("/agent/actions", tag="agent", access=READER)

RELAY_CRON = "*/5 * * * *"
JSON = "application/json"

Status = Literal["queued", "running", "succeeded", "failed", "dead", "cancelled"]


class ActionNotFound(NotFound):
    """No such action."""

    title = "No such action"


class VehicleUnknown(Problem):
    """This vehicle is not known here."""

    title = "This vehicle is not known here"
    status = 422


class CommandNotAllowed(Forbidden):
    """This command is not on the allow-list."""

    title = "This command is not on the allow-list"


class KeyReused(Problem):
    """This idempotency key was used for another request."""

    title = "This idempotency key was used for another request"
    status = 422


class ActionEnded(Problem):
    """The action has ended already."""

    title = "The action has ended already"
    status = 409


class ActionUnderWay(Problem):
    """The action is under way."""

    title = "The action is under way"
    status = 409


class ActionRequest(BaseModel):
    """A request for an action: GET /agent/actions/kinds lists the payload of each kind."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["sync_vehicle", "backfill", "energy_report", "wake", "command"]
    payload: dict[str, Any] = {}


class Action(TypedDict):
    """An action and its current status. `attempts` counts how often it was begun."""

    id: str
    kind: str
    status: Status
    vin: str | None
    payload: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    attempts: int
    actor: str | None
    request_id: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None


class KindEntry(TypedDict):
    """A kind of action: the least role that may ask for it, and the JSON Schema of its payload."""

    kind: str
    about: str
    role: str
    repeatable: Annotated[
        bool, Field(description="false: it is sent once, and never again even if its outcome is unknown")
    ]
    payload: dict[str, Any]


class Listing(BaseModel):
    """Which actions to list, newest first."""

    model_config = ConfigDict(extra="forbid")

    status: Status | None = None
    kind: str | None = Field(None, max_length=40)
    limit: int = Field(20, ge=1, le=100)
    offset: int = Field(0, ge=0, le=100_000)


Key = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
_RETRY_FAULTS = (ActionNotFound, ActionUnderWay, VehicleUnknown, CommandNotAllowed, InvalidBody)
ALL = tuple(TABLES["agent_actions"].columns)
_VEHICLE = vehicle("payload.vin")
_ACCEPTED = Operation({200: {JSON: Action}, 202: {JSON: Action}})


@routes.post(
    "",
    NotConfigured,
    VehicleUnknown,
    VehicleOutOfReach,
    CommandNotAllowed,
    KeyReused,
    status=202,
    operation=_ACCEPTED,
    reach=CHECKED,
)
async def request_action(  # noqa: PLR0913, PLR0917 - a handler declares all its inputs
    body: Body[ActionRequest],
    idempotency_key: Header[Key | None],
    request: Request,
    actor: Actor,
    db: ScopedDatabase,
    work: ActionWork,
    background: Background,
) -> Response:
    """Request an action; it is done soon, once, and each change of its status is a live event.

    With an `Idempotency-Key` a repeated request returns the same action, and `Idempotency-Replayed: true`.
    """
    payload = _payload(body, actor, work.settings)
    _VEHICLE.check(actor, (payload,), ("payload",))
    row = _row(body.kind, payload, idempotency_key, actor, request.id)
    await _check_vehicle(row["vin"], db)
    stored, is_new = await _store(row, db)
    if is_new:
        work.publish_status(stored)
        await work.send(stored)
        background.add(work.relay())
    response = Response.json(_action_of(stored), 202 if is_new else 200)
    response.headers.append(("location", f"{routes.prefix}/{stored['id']}"))
    if not is_new:
        response.headers.append(("idempotency-replayed", "true"))
    return response


@routes.get("")
async def list_actions(query: Query[Listing], db: Database) -> list[Action]:
    """List actions, newest first; `status=dead` lists those that were given up."""
    chosen = [(name, value) for name in ("status", "kind") if (value := getattr(query, name)) is not None]
    where = " AND ".join(["true", *(f"{name} = ?" for name, _ in chosen)])
    order = "ORDER BY created_at DESC, rowid DESC LIMIT ? OFFSET ?"
    values = [value for _, value in chosen]
    rows = await db.all(f"SELECT * FROM agent_actions WHERE {where} {order}", *values, query.limit, query.offset)
    return [_action_of(row) for row in rows]


@routes.get("/kinds", reach=OPEN)
async def list_kinds() -> list[KindEntry]:
    """List the kinds of actions, each with the schema of its payload."""
    return [
        KindEntry(
            kind=name,
            about=kind.about,
            role=kind.role.name.lower(),
            repeatable=kind.is_repeatable,
            payload=shown_schema(kind.takes),
        )
        for name, kind in KINDS.items()
    ]


@routes.get("/{action_id}", ActionNotFound)
async def get_action(action_id: str, db: Database) -> Action:
    """Get one action, as it stands."""
    return _action_of(await _read_action(action_id, db))


@routes.post("/{action_id}/cancel", ActionNotFound, ActionEnded, ActionUnderWay, access=OPERATOR)
async def cancel_action(action_id: str, db: ScopedDatabase, work: ActionWork) -> Action:
    """Cancel an action: at once if it is queued, between two steps of a sync; a command sent to a car stays sent."""
    row = await _read_action(action_id, db)
    if row["status"] == "running" and not KINDS[row["kind"]].is_repeatable:
        raise ActionUnderWay("a command that was sent to a car cannot be cancelled")
    changes = {
        "is_called_off": 1,
        "ended_at": Sql("CASE WHEN status = 'queued' THEN ? END", to_text(work.clock.now())),
        "status": Sql("CASE WHEN status = 'queued' THEN 'cancelled' ELSE status END"),
    }
    is_open = "id = ? AND status IN ('queued', 'running')"
    result = await db.update("agent_actions", changes, is_open, action_id, returning=ALL)
    if not result.rows:
        raise ActionEnded(f"it is {row['status']}")
    if result.rows[0]["status"] == "cancelled":
        work.publish_status(result.rows[0])
    return _action_of(result.rows[0])


@routes.post("/{action_id}/retry", *_RETRY_FAULTS, access=OPERATOR, status=202, location="/agent/actions/{id}")
async def retry_action(action_id: str, actor: Actor, db: ScopedDatabase, work: ActionWork) -> Action:
    """Retry a dead, failed or cancelled action under the same id, if you may request it now."""
    row = await _read_action(action_id, db)
    _check_again(row, actor, work.settings)
    await _check_vehicle(row["vin"], db)
    again = {**_RESET, "retries": Sql("retries + 1")}
    ended = "id = ? AND status IN ('dead', 'failed', 'cancelled')"
    result = await db.update("agent_actions", again, ended, action_id, returning=ALL)
    if not result.rows:
        raise ActionUnderWay(f"it is {row['status']}")
    await work.begin_again(result.rows[0])
    return _action_of(result.rows[0])


@routes.cron(RELAY_CRON)
async def relay_actions(_: Tick, work: ActionWork) -> None:
    """Send the stored actions that were never sent, and check those that take long."""
    await work.relay()
    await work.watch()


def _action_of(row: Row) -> Action:
    return row_as(Action, row, payload=from_json(row["payload"]), result=parsed(row["result"]))


def _payload(body: ActionRequest, actor: Actor, settings: TessieSettings) -> BaseModel:
    """Return the payload, validated by its kind; refuse callers that may not request it."""
    kind = KINDS[body.kind]
    if actor.role < kind.role:
        raise Forbidden(f"{body.kind} needs the role {kind.role.name.lower()}")
    try:
        payload: BaseModel = PAYLOADS[body.kind].validate_python(body.payload)
    except ValidationError as fault:
        raise InvalidBody(list_faults(fault, _in_payload)) from None
    command = getattr(payload, "command", None)
    if command is not None and command not in settings.agent_commands:
        raise CommandNotAllowed(f"{command} is not in AGENT_COMMANDS")
    return payload


def _in_payload(location: Location) -> str:
    return pointer_of(("payload", *location))


def _row(kind: str, payload: BaseModel, key: str | None, actor: Actor, request_id: str) -> dict[str, Any]:
    text = payload.model_dump_json(by_alias=True)
    return {
        "id": uuid4().hex,
        "kind": kind,
        "payload": text,
        "status": "queued",
        "vin": getattr(payload, "vin", None),
        "actor": actor.name,
        "request_id": request_id,
        "idempotency_key": f"{actor.name} {key}" if key else None,
        "request_hash": sha256(f"{kind} {text}".encode()).hexdigest(),
    }


async def _store(row: dict[str, Any], db: ScopedDatabase) -> tuple[Row, bool]:
    """Store an action and return it and True; or return the action with the same idempotency key, and False."""
    result = await db.insert("agent_actions", [row], keep=True, returning=ALL)
    if result.rows:
        return result.rows[0], True
    existing = await db.first("SELECT * FROM agent_actions WHERE idempotency_key = ?", row["idempotency_key"])
    if existing is None or existing["request_hash"] != row["request_hash"]:
        raise KeyReused("send another Idempotency-Key, or repeat the same request")
    return existing, False


def _check_again(row: Row, actor: Actor, settings: TessieSettings) -> None:
    """Refuse a retry that its caller could not request as a new action: roles and allow-list may have changed."""
    try:
        body = ActionRequest.model_validate({"kind": row["kind"], "payload": from_json(row["payload"])})
    except ValueError:
        raise _misfit("it fits no kind of action") from None
    payload = _payload(body, actor, settings)
    if getattr(payload, "vin", None) != row["vin"]:
        raise _misfit("it names another vehicle than the action")


def _misfit(reason: str) -> InvalidBody:
    return InvalidBody([Fault(pointer="/payload", detail=f"{reason}: ask for a new action")])


async def _check_vehicle(vin: str | None, db: Database) -> None:
    if vin is not None and await db.first("SELECT 1 FROM vehicles WHERE id = ?", vin) is None:
        raise VehicleUnknown("sync first: POST /colbycommands/sync stores all vehicles of the account")


async def _read_action(action_id: str, db: Database) -> Row:
    row = await db.first("SELECT * FROM agent_actions WHERE id = ?", action_id)
    if row is None:
        raise ActionNotFound(f"there is no action {action_id[:80]}")
    return row


_RESET: dict[str, object] = {
    "status": "queued",
    "attempts": 0,
    "error": None,
    "result": None,
    "started_at": None,
    "ended_at": None,
    "sent_at": None,
    "lease_ends_at": None,
    "claimed_by": None,
    "is_called_off": 0,
}
"""An action's columns when it is done again."""
