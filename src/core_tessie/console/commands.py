"""`GET /colbycommands`: the curated commands, each with the schema of its body."""

from typing import Annotated, Any, NamedTuple, TypedDict, get_args, get_origin, get_type_hints

from pydantic import Field

from core_tessie.console import usage
from core_tessie.console.shown_schemas import shown_schema
from core_tessie.d1 import routes as d1
from core_tessie.energy import routes as energy_report
from core_tessie.sync import routes as sync
from edge import READER, Body, Routes
from edge.endpoint import Handler, Route
from edge.reach import OPEN

routes = Routes("/colbycommands", tag="colbycommands", access=READER, reach=OPEN)


class Curated(NamedTuple):
    """A command by its name, the handler of its route in `group`, and the agent's tool for it, if any."""

    name: str
    summary: str
    group: Routes
    handler: Handler
    tool: str | None = None


COMMANDS = (
    Curated(
        "energy-report",
        "Make an energy report and store it",
        energy_report.routes,
        energy_report.make_report,
        "energy_report",
    ),
    Curated(
        "get-energy-report",
        "Get a stored report as JSON, as a page with charts, or as Markdown",
        energy_report.routes,
        energy_report.get_report,
        "get_energy_report",
    ),
    Curated(
        "list-tables",
        "List the tables that you may read, with their columns",
        d1.routes,
        d1.list_tables,
        "describe_tables",
    ),
    Curated(
        "list-table", "List rows of a table: filtered, ordered, a page at a time", d1.routes, d1.list_rows, "list_table"
    ),
    Curated("sync", "Start a sync of all vehicles now", sync.routes, sync.start_sync),
    Curated("usage", "Count requests, syncs, actions and chat turns", usage.routes, usage.get_usage),
)


class Command(TypedDict):
    """A command: send `method` to `path`, with JSON that fits `body`, or without a body if that is null."""

    name: str
    method: str
    path: str
    summary: str
    role: Annotated[str, Field(description="the least role that may")]
    status: Annotated[int, Field(description="of the answer when it goes well")]
    body: Annotated[dict[str, Any] | None, Field(description="JSON Schema")]
    tool: Annotated[str | None, Field(description="what the agent calls it by; null where the agent may not")]


@routes.get("")
async def list_commands() -> list[Command]:
    """List the curated commands."""
    return [_command(curated) for curated in COMMANDS]


def _command(curated: Curated) -> Command:
    route = next(route for route in curated.group.routes if route.handler is curated.handler)
    return Command(
        name=curated.name,
        method=route.method,
        path=route.path,
        summary=curated.summary,
        role=route.access.name.lower(),
        status=route.status,
        body=_body_schema(route),
        tool=curated.tool,
    )


def _body_schema(route: Route) -> dict[str, Any] | None:
    hints = get_type_hints(route.handler, include_extras=True).values()
    bodies = [get_args(hint)[0] for hint in hints if get_origin(hint) is Body]
    return shown_schema(bodies[0]) if bodies else None
