"""`/api/collection/import`: a file is uploaded, checked without changing the collection, and applied on request."""

from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

from edge import READER, Actor, Background, BadRequest, Body, Operation, Query, Request, Response, Routes, Tick
from edge.data import ScopedDatabase
from edge.errors import PayloadTooLarge, UnsupportedMediaType
from edge.ports import Row
from vinyl_vault.discogs.settings import DiscogsSettings
from vinyl_vault.members import MEMBER
from vinyl_vault.retention import CRON
from vinyl_vault.transfer.browser import read_browser
from vinyl_vault.transfer.csv_text import BadTable
from vinyl_vault.transfer.details import Details, minutes_for
from vinyl_vault.transfer.imports import (
    FileTooLarge,
    ImportConflict,
    ImportNotFound,
    Imports,
    NotATable,
    Part,
)
from vinyl_vault.transfer.work import ImportWork

routes = Routes("/api/collection/import", tag="import", access=READER, reach=MEMBER)

PART_LIMIT = 8 * 1024 * 1024
"""Most bytes of one part of a CSV file, or of a JSON document."""
AT_ONCE_S = 5.0
"""Seconds for which the request that applies an import writes rows itself."""
JOB_S = 20.0
"""Seconds of each of the two steps of the job that runs every minute."""

_JSON = "application/json"
_CSV = ("text/csv", "text/plain", "text/tab-separated-values", "application/csv", "application/vnd.ms-excel")
_FILES = (*_CSV, "application/octet-stream")

type Name = Annotated[str, Field(max_length=200)]


class FileOptions(BaseModel):
    """A file, or its first part; `more` if further parts follow, `apply` to write it immediately."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    status: Literal["owned", "wanted"] | None = Field(None, description="status of its records; absent: by its columns")
    more: bool = False
    apply: bool = False


class PartOptions(BaseModel):
    """A further part; `more` if others follow."""

    model_config = ConfigDict(extra="forbid")

    more: bool = False


class Choice(BaseModel):
    """Options of applying an import: `add` also writes rows that may be in the collection already."""

    model_config = ConfigDict(extra="forbid")

    possible: Literal["skip", "add"] = "skip"


class RefusedRow(TypedDict):
    """A refused row, numbered from 1 including the header, and the reason."""

    row: int
    reason: str


class PossibleRow(TypedDict):
    """A row that may be in the collection already, with another folder or date, or without a pressing."""

    row: int
    artist: str
    album: str
    folder: str
    date_added: str
    discogs: dict[str, Any] | None


class RowCounts(TypedDict):
    """The numbers of rows: `same` are in the collection already, `possible` may be."""

    read: int
    new: int
    same: int
    possible: int
    refused: int


class Progress(TypedDict):
    """Progress of background work: `done` of `total`; `minutes` is the estimated rest, 0 if unknown."""

    done: int
    total: int
    minutes: int


class ImportReport(TypedDict):
    """An import: `open` while parts are missing, then `checked` (nothing is written yet), `running`, `done`.

    `details` are covers and prices, which are fetched in the background within Discogs' limit. At most 100 refused and
    100 possible rows are listed.
    """

    id: str
    state: Literal["open", "checked", "running", "done"]
    source: Literal["csv", "browser"]
    name: str
    status: Literal["owned", "wanted"]
    encoding: str
    delimiter: str
    bytes: int
    parts: int
    rows: RowCounts
    refused: list[RefusedRow]
    possible: list[PossibleRow]
    progress: Progress
    details: Progress
    created_at: str
    updated_at: str


class ImportReports(TypedDict):
    """Imports, newest first."""

    imports: list[ImportReport]


_FILE_PROBLEMS = (BadRequest, UnsupportedMediaType, PayloadTooLarge, FileTooLarge, NotATable, ImportConflict)
_FILE = {"text/csv": str, "application/octet-stream": bytes}
_SENT = Operation({201: {_JSON: ImportReport}}, body=_FILE)
"""JSON is taken as well; a generator writes no client that sends it or a file, so the document has the file."""


@routes.post("", *_FILE_PROBLEMS, body_limit=PART_LIMIT, operation=_SENT, alone=True)
async def import_file(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
    query: Query[FileOptions],
    request: Request,
    actor: Actor,
    db: ScopedDatabase,
    work: ImportWork,
    background: Background,
    settings: DiscogsSettings,
) -> Response:
    """Upload a CSV file of Discogs, or the old site's localStorage as JSON, and get a report of the changes.

    Nothing is written before `/apply`, unless `apply=true`. A file above 8 MB is sent in parts: the first one here with
    `more=true`, each further one with `PUT …/parts/{n}`.
    """
    body = await request.body(PART_LIMIT)
    imports = work.imports(db, actor.name)
    kind = _media_type(request)
    if kind == _JSON:
        rows = _browser_rows(body, query.status or "")
        row = await imports.begin(query.name, "browser", query.status or "")
        row = await imports.add_rows(row, rows, len(body))
    elif kind in _FILES:
        row = await imports.begin(query.name, "csv", query.status or "")
        row = await _part(imports, row, Part(0, body, is_last=not query.more))
    else:
        raise UnsupportedMediaType(f"send text/csv or {_JSON}")
    if kind == _JSON or not query.more:
        row = await imports.check(row)
        if query.apply:
            row = await _applied(db, work, background, row, takes_possible=False)
    response = Response.json(await _report(db, row, settings), 201)
    response.headers.append(("location", f"{routes.prefix}/{row['id']}"))
    return response


@routes.put(
    "/{import_id}/parts/{number}",
    ImportNotFound,
    *_FILE_PROBLEMS,
    body_limit=PART_LIMIT,
    operation=Operation(body=_FILE),
)
async def import_part(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
    import_id: str,
    number: int,
    query: Query[PartOptions],
    request: Request,
    actor: Actor,
    db: ScopedDatabase,
    work: ImportWork,
    settings: DiscogsSettings,
) -> ImportReport:
    """Upload a further part of a file, numbered from 0, the last one without `more`. Repeating a part is safe."""
    if _media_type(request) not in _FILES:
        raise UnsupportedMediaType("send text/csv")
    imports = work.imports(db, actor.name)
    row = await imports.add_part(
        await imports.get(import_id), Part(number, await request.body(PART_LIMIT), not query.more)
    )
    if row["state"] == "open" and not query.more:
        row = await imports.check(row)
    return await _report(db, row, settings)


@routes.post("/{import_id}/apply", ImportNotFound, ImportConflict)
async def apply_import(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
    import_id: str,
    choice: Body[Choice],
    actor: Actor,
    db: ScopedDatabase,
    work: ImportWork,
    background: Background,
    settings: DiscogsSettings,
) -> ImportReport:
    """Write a checked file into the collection. It is compared once more; the rest is written in the background."""
    row = await work.imports(db, actor.name).get(import_id)
    row = await _applied(db, work, background, row, takes_possible=choice.possible == "add")
    return await _report(db, row, settings)


@routes.get("")
async def list_imports(actor: Actor, db: ScopedDatabase, work: ImportWork, settings: DiscogsSettings) -> ImportReports:
    """List the imports, newest first."""
    rows = await work.imports(db, actor.name).list()
    return ImportReports(imports=[await _report(db, row, settings) for row in rows])


@routes.get("/{import_id}", ImportNotFound)
async def get_import(
    import_id: str, actor: Actor, db: ScopedDatabase, work: ImportWork, settings: DiscogsSettings
) -> ImportReport:
    """Get an import, with its progress."""
    return await _report(db, await work.imports(db, actor.name).get(import_id), settings)


@routes.delete("/{import_id}", ImportNotFound, ImportConflict, status=204)
async def remove_import(import_id: str, actor: Actor, db: ScopedDatabase, work: ImportWork) -> None:
    """Remove an import; records already written stay. A running import is stopped."""
    imports = work.imports(db, actor.name)
    await imports.remove(await imports.get(import_id))


@routes.cron("* * * * *")
async def carry_on(tick: Tick, work: ImportWork, details: Details) -> dict[str, Any]:
    """Continue running imports, and fetch covers and prices."""
    if tick.is_dry:
        return {}
    imports = await work.resume_all(JOB_S)
    return {"imports": imports, "details": await details.fill(JOB_S)}


@routes.cron(CRON)
async def forget_old_files(tick: Tick, work: ImportWork) -> dict[str, Any]:
    """Remove files that were uploaded a month ago and never applied."""
    return {} if tick.is_dry else {"objects": await work.remove_old()}


async def _applied(
    db: ScopedDatabase, work: ImportWork, background: Background, row: Row, *, takes_possible: bool
) -> Row:
    await work.begin(db, row, takes_possible=takes_possible)
    await work.resume(row["user_id"], row["id"], AT_ONCE_S)
    now = await work.imports(db, row["user_id"]).get(row["id"])
    if now["state"] == "running":
        background.add(work.resume(row["user_id"], row["id"]))
    return now


async def _part(imports: Imports, row: Row, part: Part) -> Row:
    """Read the first part; an unreadable file leaves no import behind."""
    try:
        return await imports.add_part(row, part)
    except (NotATable, FileTooLarge):
        await imports.remove(row)
        raise


def _browser_rows(body: bytes, status: str) -> list[Any]:
    try:
        return [*read_browser(from_json(body, allow_inf_nan=False), status)]
    except BadTable as fault:
        raise NotATable(str(fault)) from None
    except ValueError as fault:
        raise NotATable(f"invalid JSON: {fault}"[:300]) from None


def _media_type(request: Request) -> str:
    return (request.headers.get("content-type") or "").partition(";")[0].strip().casefold()


async def _report(db: ScopedDatabase, row: Row, settings: DiscogsSettings) -> ImportReport:
    due = await db.first("SELECT count(*) AS n FROM details_due WHERE import_id = ?", row["id"])
    left = int(due["n"]) if due else 0
    return ImportReport(
        id=row["id"],
        state=row["state"],
        source=row["source"],
        name=row["name"],
        status="wanted" if row["is_wantlist"] else "owned",
        encoding=row["encoding"],
        delimiter=row["delimiter"],
        bytes=row["bytes"],
        parts=row["parts"],
        rows=RowCounts(
            read=row["rows_read"],
            new=row["rows_new"],
            same=row["rows_same"],
            possible=row["rows_possible"],
            refused=row["rows_refused"],
        ),
        refused=from_json(row["refusals"]),
        possible=from_json(row["possible"]),
        progress=Progress(done=max(0, row["next_chunk"]), total=row["chunks"], minutes=0),
        details=Progress(
            done=max(0, row["details_wanted"] - left), total=row["details_wanted"], minutes=minutes_for(left, settings)
        ),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
