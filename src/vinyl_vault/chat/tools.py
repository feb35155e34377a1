"""The tools of the model: records and statistics of the caller, read in the caller's scope."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from edge import Database, Problem
from edge.errors import list_faults
from edge.ports.model import ToolCall
from vinyl_vault.collection.listing import Filters, page
from vinyl_vault.collection.stats import StatsOptions, get_stats

LONGEST_RESULT = 8_000
"""Most characters of a result sent to the model."""
LONGEST_ARGUMENTS = 4_000
ROWS = 25
LONGEST_NOTES = 300

_BRIEF = ("artist", "album", "year", "label", "format", "genre", "style", "country", "media_condition", "rating")
_MORE = ("sleeve_condition", "folder", "shelf", "tags", "price_paid", "market_value", "status")


class FindRecords(BaseModel):
    """Filters of a list of records; `q` are words that may occur anywhere in a record."""

    model_config = ConfigDict(extra="forbid")

    q: str | None = Field(None, max_length=200)
    artist: str | None = Field(None, max_length=200)
    album: str | None = Field(None, max_length=200)
    genre: str | None = Field(None, max_length=100)
    style: str | None = Field(None, max_length=100)
    label: str | None = Field(None, max_length=200)
    tag: str | None = Field(None, max_length=100)
    status: str = Field("owned", pattern="^(owned|wanted)$")
    year_from: int | None = Field(None, ge=0, le=9999)
    year_to: int | None = Field(None, ge=0, le=9999)
    rating_from: int | None = Field(None, ge=1, le=5)
    limit: int = Field(ROWS, ge=1, le=ROWS)


class CollectionStats(BaseModel):
    """The number of groups in each list of statistics."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(15, ge=1, le=30)


class Tool(NamedTuple):
    """A tool: the model of its arguments, its function, and its description."""

    takes: type[BaseModel]
    run: Callable[[Any, Database], Awaitable[object]]
    about: str


class Result(NamedTuple):
    """The result of a look-up: JSON for the model, and whether it succeeded."""

    text: str
    ok: bool


async def _find_records(query: FindRecords, db: Database) -> object:
    records = await page(Filters.model_validate(query.model_dump(exclude_none=True)), db)
    return {"total": records["total"], "records": [_brief(record) for record in records["records"]]}


async def _collection_stats(query: CollectionStats, db: Database) -> object:
    return await get_stats(StatsOptions(limit=query.limit), db)


def _brief(record: Any) -> dict[str, Any]:
    """Return the non-empty fields of a record, with shortened notes."""
    brief = {name: record[name] for name in (*_BRIEF, *_MORE) if record[name] not in (None, "", [])}
    notes = record["notes"]
    return brief | ({"notes": notes[:LONGEST_NOTES]} if notes else {})


TOOLS = {
    "find_records": Tool(FindRecords, _find_records, "Records of the user's collection or wantlist, with filters."),
    "collection_stats": Tool(CollectionStats, _collection_stats, "Counts and values by genre, decade, artist, label."),
}
"""The tools by name."""


@cache
def tool_schemas() -> list[dict[str, Any]]:
    """Return the tools in OpenAI's format."""
    return [
        {"type": "function", "function": {"name": name, "description": tool.about, "parameters": _schema(tool.takes)}}
        for name, tool in TOOLS.items()
    ]


def _schema(takes: type[BaseModel]) -> dict[str, Any]:
    schema = TypeAdapter(takes).json_schema()
    schema.pop("description", None)
    return schema


async def look_up(call: ToolCall, db: Database) -> Result:
    """Run a tool call; errors are returned to the model, which can correct its call."""
    tool = TOOLS.get(call.name)
    if tool is None:
        return _refused(f"there is no tool {call.name[:80]}; available tools: {', '.join(TOOLS)}")
    if len(call.arguments) > LONGEST_ARGUMENTS:
        return _refused(f"the arguments have more than {LONGEST_ARGUMENTS} characters")
    try:
        result = await tool.run(tool.takes.model_validate_json(call.arguments or "{}"), db)
    except ValidationError as fault:
        return _refused("the arguments are invalid", errors=list_faults(fault))
    except Problem as fault:
        return _refused(fault.detail or fault.title)
    return Result(_cut(result), True)


def _refused(error: str, **more: object) -> Result:
    return Result(_cut({"error": error, **more}), False)


def _cut(value: object) -> str:
    text = to_json({"data": value}).decode()
    return text if len(text) <= LONGEST_RESULT else text[:LONGEST_RESULT] + "… (cut: ask for less)"
