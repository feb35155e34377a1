"""`/api/collection/export`: the whole collection as Discogs' CSV or as JSON, streamed in pages of records."""

from collections.abc import AsyncIterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json, to_json

from edge import READER, Operation, Query, Response, Routes
from edge.data import ScopedDatabase
from vinyl_vault.members import MEMBER
from vinyl_vault.record import Record, record_view
from vinyl_vault.transfer.columns import OWN, Column, layout, standard, write_cells
from vinyl_vault.transfer.csv_text import escape_formula, write_row

routes = Routes("/api/collection/export", tag="import", access=READER, reach=MEMBER)

PAGE = 500

_PAGE = (
    "SELECT * FROM collections WHERE status = ? AND deleted_at IS NULL AND (artist COLLATE NOCASE, album COLLATE "
    "NOCASE, id) > (?, ?, ?) ORDER BY artist COLLATE NOCASE, album COLLATE NOCASE, id LIMIT ?"
)
_EXTRA = (
    "SELECT DISTINCT named.key AS name FROM collections JOIN json_each(collections.extra) AS named "
    "WHERE collections.status = ? AND collections.deleted_at IS NULL ORDER BY 1 LIMIT 500"
)
_LAYOUT = (
    "SELECT layout FROM imports WHERE is_wantlist = ? AND state = 'done' AND layout IS NOT NULL "
    "ORDER BY updated_at DESC, id LIMIT 1"
)


class ExportOptions(BaseModel):
    """The records to export, and their format; `quotes=all` puts every cell of a CSV file in quotation marks."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["csv", "json"] = "csv"
    status: Literal["owned", "wanted"] = "owned"
    quotes: Literal["few", "all"] = "few"


@routes.get("", alone=True, operation=Operation({200: {"text/csv": str, "application/json": list[Record]}}))
async def export_collection(query: Query[ExportOptions], db: ScopedDatabase) -> Response:
    """Export the collection, or the wantlist, as Discogs' CSV or as JSON.

    The columns are those of the last imported file, else those of Discogs; further columns follow if a record has a
    value in them. A cell that a spreadsheet would read as a formula is prefixed with an apostrophe.
    """
    name = f"{'wantlist' if query.status == 'wanted' else 'collection'}.{query.format}"
    headers = [("content-disposition", f'attachment; filename="{name}"')]
    if query.format == "json":
        return Response(_json(db, query.status), 200, [("content-type", "application/json"), *headers])
    columns = await _columns(db, query.status)
    lines = _csv(db, query.status, columns, quote_all=query.quotes == "all")
    return Response(lines, 200, [("content-type", "text/csv; charset=utf-8"), *headers])


async def _columns(db: ScopedDatabase, status: str) -> list[Column | str]:
    """Return the columns with a value in some record, in the order of the last import."""
    is_wantlist = status == "wanted"
    columns = (*standard(is_wantlist), *OWN)
    used = [
        f"max({_USED.get(column.name) or f"ifnull({column.field}, '') NOT IN ('', '[]')"}) AS c{n}"
        for n, column in enumerate(columns)
    ]
    use = await db.first(f"SELECT {', '.join(used)} FROM collections WHERE status = ? AND deleted_at IS NULL", status)
    names = [column.name for n, column in enumerate(columns) if use and use[f"c{n}"]]
    extra = [row["name"] for row in await db.all(_EXTRA, status)]
    last = await db.first(_LAYOUT, int(is_wantlist))
    return layout(from_json(last["layout"]) if last else None, [*names, *extra], is_wantlist=is_wantlist)


_USED = {
    "release_id": "discogs ->> 'kind' = 'release'",
    "Master Id": "discogs ->> 'kind' = 'master'",
}


async def _csv(
    db: ScopedDatabase, status: str, columns: list[Column | str], *, quote_all: bool
) -> AsyncIterator[bytes]:
    names = [column if isinstance(column, str) else column.name for column in columns]
    yield write_row([escape_formula(name) for name in names], quote_all=quote_all).encode()
    async for records in _pages(db, status):
        lines = [
            write_row([escape_formula(cell) for cell in write_cells(columns, record)], quote_all=quote_all)
            for record in records
        ]
        yield "".join(lines).encode()


async def _json(db: ScopedDatabase, status: str) -> AsyncIterator[bytes]:
    separator = b"["
    async for records in _pages(db, status):
        yield separator + b",".join(to_json(record) for record in records)
        separator = b","
    yield b"[]" if separator == b"[" else b"]"


async def _pages(db: ScopedDatabase, status: str) -> AsyncIterator[list[Any]]:
    """Yield pages of records, ordered by artist and album."""
    last: tuple[str, str, str] = ("", "", "")
    while rows := await db.all(_PAGE, status, *last, PAGE):
        yield [record_view(row) for row in rows]
        last = (rows[-1]["artist"], rows[-1]["album"], rows[-1]["id"])
