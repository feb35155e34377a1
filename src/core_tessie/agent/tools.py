"""Tools of the model: read-only commands with validated arguments and bounded answers."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json, to_json

from core_tessie.agent.conversations import Message
from core_tessie.console.shown_schemas import shown_schema
from core_tessie.d1 import routes as d1
from core_tessie.d1.filters import PAGE
from core_tessie.energy import routes as energy_report
from core_tessie.energy.routes import ReportRequest
from core_tessie.energy.summary import ReportNews
from core_tessie.reach import ALL_VEHICLES, vehicle
from core_tessie.sync import runs
from core_tessie.tables import SERVED
from edge import Actor, Clock, Log, Problem
from edge.data import ScopedDatabase
from edge.errors import list_faults
from edge.ports import PortError
from edge.ports.model import ToolCall
from edge.reach import Reach

RESULT_LIMIT = 6_000
"""Characters of a tool's answer that a model is shown."""
ARGUMENTS_LIMIT = 16_000
"""Characters of a tool call's arguments that are read."""
ROWS = 50


class Looking(NamedTuple):
    """With what a tool looks something up: in the caller's name, so that it sees no more than the caller may."""

    db: ScopedDatabase
    clock: Clock
    actor: Actor
    request_id: str
    news: ReportNews
    log: Log


class ListTable(BaseModel):
    """Rows of a table, as GET /d1/{table} gives them."""

    model_config = ConfigDict(extra="forbid")

    table: str = Field(description="vehicles, drives, charges, idles, climates, battery_health, sync_runs, …")
    select: str = Field("*", description="columns, separated by commas")
    filters: dict[str, str] = Field({}, description='by column, such as {"started_at": "gte.2026-01-01"}')
    order: str = Field("", description="such as started_at.desc")
    limit: int = Field(20, ge=1, le=ROWS)


class DescribeTables(BaseModel):
    """The tables and their columns."""

    model_config = ConfigDict(extra="forbid")


class ReadReport(BaseModel):
    """A stored energy report."""

    model_config = ConfigDict(extra="forbid")

    report_id: str = Field(max_length=80)


class SyncStatus(BaseModel):
    """How the last syncs went."""

    model_config = ConfigDict(extra="forbid")


class Outcome(NamedTuple):
    """Result of a tool call: JSON text for the model, whether it succeeded, and a summary for a person."""

    text: str
    ok: bool
    summary: str


class Tool(NamedTuple):
    """A tool: its arguments, its function, its purpose in words, and its reach where it hands out no rows."""

    takes: type[BaseModel]
    run: Callable[[Any, Looking], Awaitable[object]]
    about: str
    reach: Reach | None = None


async def _list_table(asked: ListTable, looking: Looking) -> object:
    pairs = {**asked.filters, "select": asked.select, "limit": str(asked.limit)}
    if asked.order:
        pairs["order"] = asked.order
    rows, _ = await d1.read_page(d1.ask(asked.table, pairs.items(), PAGE, looking.actor), looking.db)
    return rows


async def _describe_tables(_: DescribeTables, looking: Looking) -> object:
    return {name: [*table.columns] for name, table in SERVED.items() if d1.may_read(looking.actor, table)}


async def _energy_report(asked: ReportRequest, looking: Looking) -> object:
    by = (looking.actor.name, looking.request_id)
    stored = await energy_report.write_report(asked, by, looking.db, looking.clock, looking.news)
    return _numbers({**stored, "report": from_json(str(stored["report"]))})


async def _read_report(asked: ReadReport, looking: Looking) -> object:
    stored = await energy_report.read_report(asked.report_id, looking.db)
    return _numbers({**stored, "report": from_json(stored["report"])})


async def _sync_status(_: SyncStatus, looking: Looking) -> object:
    rows = await looking.db.all("SELECT * FROM sync_runs ORDER BY started_at DESC LIMIT 3")
    return [runs.run_of(row) for row in rows]


TOOLS = {
    "list_table": Tool(ListTable, _list_table, "Rows of a table, as GET /d1/{table} gives them."),
    "describe_tables": Tool(DescribeTables, _describe_tables, "The tables and their columns."),
    "energy_report": Tool(
        ReportRequest, _energy_report, "Energy, cost and efficiency of a period, from the rows.", vehicle("asked.vin")
    ),
    "get_energy_report": Tool(ReadReport, _read_report, "A stored energy report."),
    "sync_status": Tool(SyncStatus, _sync_status, "How the last syncs went.", ALL_VEHICLES),
}
"""By the name that a model calls it."""


@cache
def tool_schemas() -> list[Message]:
    """Return the tools as a model is told of them, in OpenAI's form."""
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": tool.about,
                "parameters": shown_schema(tool.takes),
            },
        }
        for name, tool in TOOLS.items()
    ]


async def call_tool(call: ToolCall, looking: Looking) -> Outcome:
    """Do what a model asks for. What is wrong with it is told to the model, which may ask better."""
    tool = TOOLS.get(call.name)
    if tool is None:
        return refused(f"there is no tool {call.name[:80]}; there are {', '.join(TOOLS)}")
    if len(call.arguments) > ARGUMENTS_LIMIT:
        return refused(f"the arguments have more than {ARGUMENTS_LIMIT} characters")
    try:
        asked = tool.takes.model_validate_json(call.arguments or "{}")
        if tool.reach is not None:
            tool.reach.check(looking.actor, (asked,), ("asked",))
        found = await tool.run(asked, looking)
    except ValidationError as fault:
        return refused("the arguments do not fit", errors=list_faults(fault))
    except Problem as fault:
        return refused(fault.detail or fault.title)
    except PortError as fault:
        looking.log("error", "look-up failed", request_id=looking.request_id, tool=call.name, error=str(fault))
        return refused("the look-up failed; it may work later")
    return Outcome(_cut(found), True, _summary(found))


def refused(error: str, **more: object) -> Outcome:
    """Return an outcome that tells the model why there is no other."""
    return Outcome(_cut({"error": error, **more}), False, error)


def _numbers(stored: dict[str, Any]) -> dict[str, Any]:
    """Return what of a report fits a prompt: its numbers, as far as they are known, and what they leave out."""
    known = {name: one for name, one in stored["report"]["numbers"].items() if one["value"] is not None}
    numbers = {name: f"{one['value']} {one['unit']}" for name, one in known.items()}
    kept = ("id", "title", "vin", "period_from", "period_to", "rows_used")
    costs = stored["report"].get("by_currency", {}).get("rows", [])
    left_out = {name: count for name, count in stored["report"]["left_out"].items() if count}
    return {name: stored[name] for name in kept} | {"numbers": numbers, "left_out": left_out, "costs": costs}


def _cut(value: object) -> str:
    text = to_json(value).decode()
    return text if len(text) <= RESULT_LIMIT else text[:RESULT_LIMIT] + "… (cut: ask for less)"


def _summary(found: object) -> str:
    if isinstance(found, list):
        return "1 row" if len(found) == 1 else f"{len(found)} rows"
    return str(found.get("title", "found")) if isinstance(found, dict) else "found"
