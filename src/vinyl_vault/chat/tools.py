"""The look-ups of the model: records and statistics of the caller, read by the caller's own database."""

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
"""Characters of a result that the model is shown."""
LONGEST_ARGUMENTS = 4_000
ROWS = 25
LONGEST_NOTES = 300

_SHOWN = ("artist", "album", "year", "label", "format", "genre", "style", "country", "media_condition", "rating")
_MORE = ("sleeve_condition", "folder", "shelf", "tags", "price_paid", "market_value", "status")


class FindRecords(BaseModel):
    """Filters of a list of records; `q` are words that stand anywhere in them."""

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
    """How many groups each list of statistics has."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(15, ge=1, le=30)


class Tool(NamedTuple):
    """A tool: its arguments, its function, and its purpose in words."""

    takes: type[BaseModel]
    run: Callable[[Any, Database], Awaitable[object]]
    about: str


class Result(NamedTuple):
    """The result of a look-up: JSON for the model, and whether it succeeded."""

    text: str
    ok: bool


async def _find_records(query: FindRecords, db: Database) -> object:
    found = await page(Filters.model_validate(query.model_dump(exclude_none=True)), db)
    return {"total": found["total"], "records": [_brief(record) for record in found["records"]]}


async def _collection_stats(query: CollectionStats, db: Database) -> object:
    return await get_stats(StatsOptions(limit=query.limit), db)


def _brief(record: Any) -> dict[str, Any]:
    """Return what of a record has a value, its notes cut."""
    brief = {name: record[name] for name in (*_SHOWN, *_MORE) if record[name] not in (None, "", [])}
    notes = record["notes"]
    return brief | ({"notes": notes[:LONGEST_NOTES]} if notes else {})


TOOLS = {
    "find_records": Tool(FindRecords, _find_records, "Records of the user's collection or wantlist, with filters."),
    "collection_stats": Tool(CollectionStats, _collection_stats, "Counts and values by genre, decade, artist, label."),
}
"""By the name that the model calls it."""


@cache
def tool_schemas() -> list[dict[str, Any]]:
    """Return the tools in OpenAI's form."""
    return [
        {"type": "function", "function": {"name": name, "description": tool.about, "parameters": _schema(tool.takes)}}
        for name, tool in TOOLS.items()
    ]


def _schema(takes: type[BaseModel]) -> dict[str, Any]:
    schema = TypeAdapter(takes).json_schema()
    schema.pop("description", None)
    return schema


async def look_up(call: ToolCall, db: Database) -> Result:
    """Do what the model asks for; what is wrong with it is told to the model, which may ask better."""
    tool = TOOLS.get(call.name)
    if tool is None:
        return _refused(f"there is no tool {call.name[:80]}; there are {', '.join(TOOLS)}")
    if len(call.arguments) > LONGEST_ARGUMENTS:
        return _refused(f"the arguments have more than {LONGEST_ARGUMENTS} characters")
    try:
        found = await tool.run(tool.takes.model_validate_json(call.arguments or "{}"), db)
    except ValidationError as fault:
        return _refused("the arguments do not fit", errors=list_faults(fault))
    except Problem as fault:
        return _refused(fault.detail or fault.title)
    return Result(_cut(found), True)


def _refused(error: str, **more: object) -> Result:
    return Result(_cut({"error": error, **more}), False)


def _cut(value: object) -> str:
    text = to_json({"data": value}).decode()
    return text if len(text) <= LONGEST_RESULT else text[:LONGEST_RESULT] + "… (cut: ask for less)"
