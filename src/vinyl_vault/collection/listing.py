"""Lists of records: filters in SQL, and pages in the order of artist and album."""

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from edge import Database, Statement
from edge.errors import Fault, InvalidParameter
from edge.ports import Value
from vinyl_vault.record import Line, MediaGrade, Record, SleeveGrade, record_view

_ORDER = "artist COLLATE NOCASE, album COLLATE NOCASE, id"


class View(NamedTuple):
    """The records visible to a caller, as an SQL condition, and the columns that a search may read."""

    condition: str
    searched: tuple[str, ...]


OWNER = View("true", ("artist", "album", "label", "catalogue_number", "barcode", "notes", "colour"))


class Filters(BaseModel):
    """Filters of a list of records, and its page; names are compared ignoring case in ASCII."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["owned", "wanted"] | None = None
    artist: Line | None = None
    album: Line | None = None
    label: Line | None = None
    country: Line | None = None
    folder: Line | None = None
    shelf: Line | None = None
    barcode: Line | None = None
    genre: Line | None = None
    style: Line | None = None
    tag: Line | None = None
    media_condition: MediaGrade | None = None
    sleeve_condition: SleeveGrade | None = None
    year_from: int | None = Field(None, ge=0, le=9999)
    year_to: int | None = Field(None, ge=0, le=9999)
    rating_from: int | None = Field(None, ge=1, le=5)
    q: Line | None = Field(None, description="words that must all occur in the record")
    deleted: bool = Field(False, description="true: only deleted records; false: only others")
    limit: int = Field(50, ge=1, le=200)
    after: Line | None = Field(None, description="`next` of the previous page: the id of its last record")


class Records(TypedDict):
    """A page of records, ordered by artist and album; `next` is null on the last page, `total` counts all records."""

    records: list[Record]
    next: str | None
    total: int


async def page(filters: Filters, db: Database, view: View = OWNER) -> Records:
    """Return a page of the records in the caller's scope."""
    conditions = [(view.condition, []), *_conditions(filters, view)]
    where = " AND ".join(text for text, _ in conditions)
    values = [value for _, bindings in conditions for value in bindings]
    place = ""
    bound = list[Value]()
    if filters.after is not None:
        row = await db.first("SELECT artist, album, id FROM collections WHERE id = ?", filters.after)
        if row is None:
            raise InvalidParameter([Fault(pointer="after", detail="there is no such record")])
        place = f" AND ({_ORDER}) > (?, ?, ?)"
        bound = [row["artist"], row["album"], row["id"]]
    sql = f"SELECT * FROM collections WHERE {where}{place} ORDER BY {_ORDER} LIMIT ?"
    listed, counted = await db.batch(
        [
            Statement(sql, (*values, *bound, filters.limit + 1)),
            Statement(f"SELECT count(*) AS total FROM collections WHERE {where}", values),
        ]
    )
    rows = listed.rows[: filters.limit]
    return Records(
        records=[record_view(row) for row in rows],
        next=rows[-1]["id"] if len(listed.rows) > len(rows) else None,
        total=counted.rows[0]["total"],
    )


def _conditions(filters: Filters, view: View) -> Iterator[tuple[str, list[Value]]]:
    """Yield the conditions of a query with their bound values."""
    yield f"deleted_at IS {'NOT ' if filters.deleted else ''}NULL", []
    for name in ("status", "media_condition", "sleeve_condition"):
        if (value := getattr(filters, name)) is not None:
            yield f"{name} = ?", [value]
    for name in ("artist", "album", "label", "country", "folder", "shelf", "barcode"):
        if (value := getattr(filters, name)) is not None:
            yield f"{name} = ? COLLATE NOCASE", [value]
    for name, column in (("genre", "genre"), ("style", "style"), ("tag", "tags")):
        if (value := getattr(filters, name)) is not None:
            yield f"EXISTS (SELECT 1 FROM json_each({column}) AS item WHERE item.value = ? COLLATE NOCASE)", [value]
    for name, comparison in (("year_from", "year >= ?"), ("year_to", "year <= ?"), ("rating_from", "rating >= ?")):
        if (value := getattr(filters, name)) is not None:
            yield comparison, [value]
    text = " || ' ' || ".join(f"ifnull({column}, '')" for column in view.searched)
    for word in (filters.q or "").split()[:10]:
        yield f"instr(lower({text}), lower(?)) > 0", [word]
