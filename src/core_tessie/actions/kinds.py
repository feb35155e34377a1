"""The kinds of actions: what each takes, who may ask for it, whether it may be repeated, and what it does."""

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
from core_tessie.tessie.client import Ask, Tessie, TessieFailed, TessieTimeout
from core_tessie.tessie.masking import masked
from core_tessie.tessie.vin import Vin
from edge import OPERATOR, READER, Clock, Role, SystemDatabase
from edge.ports import Fetched, Row

VEHICLES_AT_ONCE = 5
"""Vehicles that one message brings up to date at most: the statements of an invocation are bounded."""
ANSWER_LIMIT = 2_000
"""Characters of Tessie's answer that are kept as a result."""


_TOLD = ("result", "reason", "woke", "error")


class Refused(Exception):
    """The action cannot succeed, however often it is tried."""


class Unfinished(Exception):
    """A part is done, and kept; the rest is for another message."""


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


class Doing(NamedTuple):
    """The services that do an action. The vehicle of its `row` is its scope, null for all vehicles."""

    db: SystemDatabase
    clock: Clock
    tessie: Tessie
    reports: ReportNews
    backfill: Backfill
    row: Row


class Kind(NamedTuple):
    """A kind of action. One that is not repeatable acts on the world: it is sent once, or not at all."""

    takes: type[BaseModel]
    role: Role
    is_repeatable: bool
    run: Callable[[Any, Doing], Awaitable[dict[str, Any]]]
    about: str


async def _sync_vehicle(asked: OneVehicle, doing: Doing) -> dict[str, Any]:
    return await _synced([asked.vin], doing, whole=False)


async def _backfill(asked: SomeVehicles, doing: Doing) -> dict[str, Any]:
    return await _synced([asked.vin] if asked.vin else None, doing, whole=True)


async def _synced(vins: list[str] | None, doing: Doing, *, whole: bool) -> dict[str, Any]:
    """Sync vehicles in a run of the action's own id; `Unfinished` where there is more than one message should do."""
    run_id = doing.row["id"]
    waiting = await doing.backfill.plan(run_id, vins, doing.row["actor"], doing.row["request_id"], whole=whole)
    faults: list[TessieFailed | TessieTimeout] = []
    for vin in waiting[:VEHICLES_AT_ONCE]:
        try:
            if not await doing.backfill.step(run_id, vin):
                raise Unfinished
        except (TessieFailed, TessieTimeout) as fault:
            faults.append(fault)  # the other vehicles need not wait for this one
            await doing.backfill.put_off(run_id, vin, str(fault))
    done = min(len(waiting), VEHICLES_AT_ONCE) - len(faults)
    if done and len(waiting) > done + len(faults):
        raise Unfinished
    if faults:
        raise faults[-1]
    return await doing.backfill.result(run_id)


async def _energy_report(asked: ReportRequest, doing: Doing) -> dict[str, Any]:
    by = (doing.row["actor"], doing.row["request_id"])
    db = TABLES.system(doing.db)
    stored = await write_report(asked, by, db, doing.clock, doing.reports, report_id=doing.row["id"])
    return {"report_id": stored["id"], "title": stored["title"]}


async def _wake(asked: OneVehicle, doing: Doing) -> dict[str, Any]:
    return await _sent(asked.vin, "wake", doing)


async def _command(asked: CarCommand, doing: Doing) -> dict[str, Any]:
    query = urlencode({name: _spelled(value) for name, value in asked.params.items()})
    return await _sent(asked.vin, f"command/{asked.command}", doing, query)


async def _sent(vin: str, path: str, doing: Doing, query: str = "") -> dict[str, Any]:
    """Send what acts on a car, once; `Refused` where Tessie says no."""
    request_id = doing.row["request_id"] or doing.row["id"]
    ask = Ask("POST", f"/{vin}/{path}", query, vin=vin, request_id=request_id, is_safe=False)
    fetched = await doing.tessie.send(ask)
    answer = _answer(fetched)
    if 400 <= fetched.status < 500:
        raise Refused(f"Tessie answered {fetched.status}: {answer}")
    if fetched.status >= 500:
        raise Refused(f"Tessie answered {fetched.status}: whether the car did it is not known; not repeated")
    return {"status": fetched.status, "answer": answer}


def _answer(fetched: Fetched) -> Any:
    """Return what is kept of an answer, without a car's tokens: the members that say how it went, or its text."""
    body = masked(fetched.body) or b""
    try:
        value = from_json(body)
    except ValueError:
        return body[:ANSWER_LIMIT].decode("utf-8", "replace")
    members = {name: value[name] for name in _TOLD if name in value} if isinstance(value, dict) else None
    text = to_json(members)
    return members if len(text) <= ANSWER_LIMIT else text[:ANSWER_LIMIT].decode("utf-8", "replace")


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


KINDS: dict[str, Kind] = {
    "sync_vehicle": Kind(OneVehicle, OPERATOR, True, _sync_vehicle, "Bring one vehicle up to date"),
    "backfill": Kind(SomeVehicles, OPERATOR, True, _backfill, "Read a vehicle's whole history again, or everyone's"),
    "energy_report": Kind(ReportRequest, READER, True, _energy_report, "Make an energy report and store it"),
    "wake": Kind(OneVehicle, OPERATOR, False, _wake, "Wake a vehicle"),
    "command": Kind(CarCommand, OPERATOR, False, _command, "Send a vehicle one of the commands that are allowed"),
}
"""By the name that a caller gives."""

PAYLOADS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(kind.takes) for name, kind in KINDS.items()}
