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
"""Most characters of a tool's answer in a prompt."""
ARGUMENTS_LIMIT = 16_000
"""Most characters of a tool call's arguments."""
ROWS = 50


class ToolContext(NamedTuple):
    """The services of a tool, in the caller's name: it sees no more than the caller may."""

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
    """A tool: its arguments, its function, its description, and its reach if it returns no rows."""

    takes: type[BaseModel]
    run: Callable[[Any, ToolContext], Awaitable[object]]
    about: str
    reach: Reach | None = None


async def _list_table(arguments: ListTable, context: ToolContext) -> object:
    pairs = {**arguments.filters, "select": arguments.select, "limit": str(arguments.limit)}
    if arguments.order:
        pairs["order"] = arguments.order
    rows, _ = await d1.read_page(d1.ask(arguments.table, pairs.items(), PAGE, context.actor), context.db)
    return rows


async def _describe_tables(_: DescribeTables, context: ToolContext) -> object:
    return {name: [*table.columns] for name, table in SERVED.items() if d1.may_read(context.actor, table)}


async def _energy_report(arguments: ReportRequest, context: ToolContext) -> object:
    by = (context.actor.name, context.request_id)
    stored = await energy_report.write_report(arguments, by, context.db, context.clock, context.news)
    return _numbers({**stored, "report": from_json(str(stored["report"]))})


async def _read_report(arguments: ReadReport, context: ToolContext) -> object:
    stored = await energy_report.read_report(arguments.report_id, context.db)
    return _numbers({**stored, "report": from_json(stored["report"])})


async def _sync_status(_: SyncStatus, context: ToolContext) -> object:
    rows = await context.db.all("SELECT * FROM sync_runs ORDER BY started_at DESC LIMIT 3")
    return [runs.run_of(row) for row in rows]


TOOLS = {
    "list_table": Tool(ListTable, _list_table, "Rows of a table, as GET /d1/{table} gives them."),
    "describe_tables": Tool(DescribeTables, _describe_tables, "The tables and their columns."),
    "energy_report": Tool(
        ReportRequest,
        _energy_report,
        "Energy, cost and efficiency of a period, from the rows.",
        vehicle("arguments.vin"),
    ),
    "get_energy_report": Tool(ReadReport, _read_report, "A stored energy report."),
    "sync_status": Tool(SyncStatus, _sync_status, "How the last syncs went.", ALL_VEHICLES),
}
"""By the name that a model calls it."""


@cache
def tool_schemas() -> list[Message]:
    """Return the schemas of the tools for a model, in OpenAI's form."""
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


async def call_tool(call: ToolCall, context: ToolContext) -> Outcome:
    """Run a model's tool call. Faults are reported to the model, which may correct its call."""
    tool = TOOLS.get(call.name)
    if tool is None:
        return refused(f"there is no tool {call.name[:80]}; there are {', '.join(TOOLS)}")
    if len(call.arguments) > ARGUMENTS_LIMIT:
        return refused(f"the arguments have more than {ARGUMENTS_LIMIT} characters")
    try:
        arguments = tool.takes.model_validate_json(call.arguments or "{}")
        if tool.reach is not None:
            tool.reach.check(context.actor, (arguments,), ("arguments",))
        result = await tool.run(arguments, context)
    except ValidationError as fault:
        return refused("the arguments do not fit", errors=list_faults(fault))
    except Problem as fault:
        return refused(fault.detail or fault.title)
    except PortError as fault:
        context.log("error", "look-up failed", request_id=context.request_id, tool=call.name, error=str(fault))
        return refused("the look-up failed; it may work later")
    return Outcome(_cut(result), True, _summary(result))


def refused(error: str, **more: object) -> Outcome:
    """Return an outcome that tells the model why its call failed."""
    return Outcome(_cut({"error": error, **more}), False, error)


def _numbers(stored: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a report that fits a prompt: its known numbers, and the counts of rows left out."""
    figures = {name: figure for name, figure in stored["report"]["numbers"].items() if figure["value"] is not None}
    numbers = {name: f"{figure['value']} {figure['unit']}" for name, figure in figures.items()}
    members = ("id", "title", "vin", "period_from", "period_to", "rows_used")
    costs = stored["report"].get("by_currency", {}).get("rows", [])
    left_out = {name: count for name, count in stored["report"]["left_out"].items() if count}
    return {name: stored[name] for name in members} | {"numbers": numbers, "left_out": left_out, "costs": costs}


def _cut(value: object) -> str:
    text = to_json(value).decode()
    return text if len(text) <= RESULT_LIMIT else text[:RESULT_LIMIT] + "… (cut: ask for less)"


def _summary(result: object) -> str:
    if isinstance(result, list):
        return "1 row" if len(result) == 1 else f"{len(result)} rows"
    return str(result.get("title", "found")) if isinstance(result, dict) else "found"
