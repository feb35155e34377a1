"""The kinds of actions: the payload, role and function of each, and whether it may be repeated."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from pydantic_core import from_json, to_json

from core_tessie.energy.routes import ReportRequest, write_report
from core_tessie.energy.summary import ReportNews
from core_tessie.sync.backfill import Backfill
from core_tessie.tables import TABLES
from core_tessie.tessie.car_commands import COMMANDS, checked
from core_tessie.tessie.client import Tessie, TessieFailed, TessieRequest, TessieTimeout
from core_tessie.tessie.masking import masked
from core_tessie.tessie.vin import Vin
from edge import OPERATOR, READER, Clock, Role, SystemDatabase
from edge.ports import Fetched, Row

VEHICLES_AT_ONCE = 5
"""Most vehicles that one message syncs: the statements of an invocation are limited."""
ANSWER_LIMIT = 2_000
"""Characters of Tessie's answer that are stored as a result."""


_RESULT_MEMBERS = ("result", "reason", "woke", "error")


class Refused(Exception):
    """The action cannot succeed, however often it is tried."""


class Unfinished(Exception):
    """A part is done and stored; another message does the rest."""


class OneVehicle(BaseModel):
    """A vehicle that is known here."""

    model_config = ConfigDict(extra="forbid")

    vin: Vin


class SomeVehicles(BaseModel):
    """A vehicle that is known here, or all of them."""

    model_config = ConfigDict(extra="forbid")

    vin: Vin | None = Field(None, description="absent for all vehicles")


class CarCommand(BaseModel):
    """A command of Tessie's for a vehicle, with the parameters that it takes."""

    model_config = ConfigDict(extra="forbid")

    vin: Vin
    command: Literal[tuple(COMMANDS)]  # type: ignore[valid-type] # the names are data
    params: dict[str, bool | int | float | str] = {}

    @model_validator(mode="after")
    def fits(self) -> Self:
        """Refuse parameters that the command does not take."""
        self.params = checked(self.command, self.params)
        return self


class ActionContext(NamedTuple):
    """An action's row and services. The vehicle of `row` is the action's scope, null for all vehicles."""

    db: SystemDatabase
    clock: Clock
    tessie: Tessie
    reports: ReportNews
    backfill: Backfill
    row: Row


class Kind(NamedTuple):
    """A kind of action. If it is not repeatable, it acts on a car: it is sent once, or not at all."""

    takes: type[BaseModel]
    role: Role
    is_repeatable: bool
    run: Callable[[Any, ActionContext], Awaitable[dict[str, Any]]]
    about: str


async def _sync_vehicle(payload: OneVehicle, context: ActionContext) -> dict[str, Any]:
    return await _sync([payload.vin], context, whole=False)


async def _backfill(payload: SomeVehicles, context: ActionContext) -> dict[str, Any]:
    return await _sync([payload.vin] if payload.vin else None, context, whole=True)


async def _sync(vins: list[str] | None, context: ActionContext, *, whole: bool) -> dict[str, Any]:
    """Sync vehicles in a run with the action's id; `Unfinished` if there is more than one message should do."""
    run_id = context.row["id"]
    waiting = await context.backfill.plan(run_id, vins, context.row["actor"], context.row["request_id"], whole=whole)
    faults: list[TessieFailed | TessieTimeout] = []
    for vin in waiting[:VEHICLES_AT_ONCE]:
        try:
            if not await context.backfill.step(run_id, vin):
                raise Unfinished
        except (TessieFailed, TessieTimeout) as fault:
            faults.append(fault)  # the other vehicles need not wait for this one
            await context.backfill.put_off(run_id, vin, str(fault))
    done = min(len(waiting), VEHICLES_AT_ONCE) - len(faults)
    if done and len(waiting) > done + len(faults):
        raise Unfinished
    if faults:
        raise faults[-1]
    return await context.backfill.result(run_id)


async def _energy_report(payload: ReportRequest, context: ActionContext) -> dict[str, Any]:
    by = (context.row["actor"], context.row["request_id"])
    db = TABLES.system(context.db)
    stored = await write_report(payload, by, db, context.clock, context.reports, report_id=context.row["id"])
    return {"report_id": stored["id"], "title": stored["title"]}


async def _wake(payload: OneVehicle, context: ActionContext) -> dict[str, Any]:
    return await _send_once(payload.vin, "wake", context)


async def _command(payload: CarCommand, context: ActionContext) -> dict[str, Any]:
    query = urlencode({name: _query_value(value) for name, value in payload.params.items()})
    return await _send_once(payload.vin, f"command/{payload.command}", context, query)


async def _send_once(vin: str, path: str, context: ActionContext, query: str = "") -> dict[str, Any]:
    """Send a request that acts on a car, once; `Refused` if Tessie answers with an error."""
    request_id = context.row["request_id"] or context.row["id"]
    request = TessieRequest("POST", f"/{vin}/{path}", query, vin=vin, request_id=request_id, is_safe=False)
    fetched = await context.tessie.send(request)
    answer = _answer(fetched)
    if 400 <= fetched.status < 500:
        raise Refused(f"Tessie answered {fetched.status}: {answer}")
    if fetched.status >= 500:
        raise Refused(f"Tessie answered {fetched.status}: it is unknown whether the car did it; it is not repeated")
    return {"status": fetched.status, "answer": answer}


def _answer(fetched: Fetched) -> Any:
    """Return the part of an answer that is stored, without a car's tokens: the members of the outcome, or its text."""
    body = masked(fetched.body) or b""
    try:
        value = from_json(body)
    except ValueError:
        return body[:ANSWER_LIMIT].decode("utf-8", "replace")
    members = {name: value[name] for name in _RESULT_MEMBERS if name in value} if isinstance(value, dict) else None
    text = to_json(members)
    return members if len(text) <= ANSWER_LIMIT else text[:ANSWER_LIMIT].decode("utf-8", "replace")


def _query_value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


KINDS: dict[str, Kind] = {
    "sync_vehicle": Kind(OneVehicle, OPERATOR, True, _sync_vehicle, "Bring one vehicle up to date"),
    "backfill": Kind(SomeVehicles, OPERATOR, True, _backfill, "Read the history of one vehicle, or of all, again"),
    "energy_report": Kind(ReportRequest, READER, True, _energy_report, "Make an energy report and store it"),
    "wake": Kind(OneVehicle, OPERATOR, False, _wake, "Wake a vehicle"),
    "command": Kind(CarCommand, OPERATOR, False, _command, "Send a vehicle an allowed command"),
}
"""By the name that a caller gives."""

PAYLOADS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(kind.takes) for name, kind in KINDS.items()}
