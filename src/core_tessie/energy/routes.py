"""`/colbycommands/energy-report`: reports on energy, cost and efficiency, made from the rows and stored."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Annotated, Any, TypedDict
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import from_json

from core_tessie.energy.compute import compute, title_of
from core_tessie.energy.document import EnergyReport
from core_tessie.energy.links import Links
from core_tessie.energy.markdown import markdown
from core_tessie.energy.page import page
from core_tessie.energy.period import DAY, Period, instant_of, offset_name, zone_named
from core_tessie.energy.sql import Question, statements
from core_tessie.energy.summary import ReportNews
from core_tessie.reach import VehicleOutOfReach, vehicle
from core_tessie.tessie.vin import Vin
from edge import (
    READER,
    Actor,
    Body,
    Clock,
    Database,
    InvalidBody,
    NotFound,
    Operation,
    Problem,
    Query,
    Request,
    Response,
    Routes,
)
from edge.data import ScopedDatabase
from edge.errors import Fault, UrlTooLong
from edge.instants import to_text
from edge.negotiation import NotAcceptable, best
from edge.ports import Row
from edge.rows import row_as
from edge.text import Matching
from edge.zones import UnknownZone

routes = Routes("/colbycommands/energy-report", tag="colbycommands", access=READER)

JSON, HTML, MARKDOWN = MEDIA_TYPES = ("application/json", "text/html", "text/markdown")
LONGEST = timedelta(days=3654)
"""Ten years, with their leap days and an hour that the clocks may shift."""
USUAL_DAYS = 30
REPORT_LIMIT = 1_900_000
"""Most bytes of a stored report: D1 takes 2 MB in a row."""

_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_MOMENT = rf"20[0-9]{{2}}-[0-9]{{2}}-[0-9]{{2}}(?:T{_CLOCK}(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)?"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def _known_zone(name: str) -> str:
    zone_named(name)
    return name


_EXPECTED = "an ISO 8601 date or instant of the years 2000 to 2099, such as 2025-01-01 or 2025-01-01T08:00:00Z"
Moment = Annotated[str, Matching(_MOMENT, _EXPECTED), Field(examples=["2025-01-01", "2025-01-01T00:00:00Z"])]
"""ISO 8601: a date, or a date and time, which without an offset is on the clocks of the report's time zone."""


class ReportRequest(BaseModel):
    """The subject of a report: a period of at most ten years, and one vehicle or all."""

    model_config = ConfigDict(extra="forbid")

    vin: Vin | None = Field(None, description="absent for all vehicles")
    start: Moment | None = Field(
        None, alias="from", description="a date is its local midnight; absent for that of 30 days before the end"
    )
    end: Moment | None = Field(None, alias="to", description="exclusive; absent for now")
    timezone: Annotated[str, Field(max_length=64), AfterValidator(_known_zone)] | None = Field(
        None, description="IANA name, or an offset such as UTC+05:30: its days and months; absent for the car's own"
    )
    home: str = Field("Home", max_length=100, description="name of the saved location that counts as home")
    min_drive_mi: float = Field(
        2.0, ge=0, le=1000, description="length from which a drive can be best or worst; below 1 it is taken as 1"
    )
    currency: Annotated[str, Matching(r"[A-Z]{3}", "an ISO 4217 code such as EUR")] | None = Field(
        None, description="currency of the costs that Tessie has, which Tessie does not tell"
    )


class StoredReport(TypedDict):
    """An energy report as it is stored. `summary` in words is null until a model has written one.

    `html_url` opens its page in a browser, without a key, for one to two hours; null without a signing key.
    """

    id: str
    title: str
    vin: str | None
    period_from: str
    period_to: str
    rows_used: int
    summary: str | None
    actor: str | None
    request_id: str | None
    created_at: str
    html_url: str | None
    report: EnergyReport


class ReportEntry(TypedDict):
    """A stored report without its numbers."""

    id: str
    title: str
    vin: str | None
    period_from: str
    period_to: str
    rows_used: int
    created_at: str
    html_url: str | None


class ReportList(BaseModel):
    """The reports to list: of one vehicle, or all."""

    model_config = ConfigDict(extra="forbid")

    vin: Vin | None = None
    limit: int = Field(20, ge=1, le=100)


class PageOptions(BaseModel):
    """The link by which a browser opens a page."""

    model_config = ConfigDict(extra="forbid")

    link: str | None = Field(
        None, pattern=r"^[A-Za-z0-9_.-]*$", max_length=8000, description="from `html_url` of the report"
    )


class VehicleNotFound(NotFound):
    """No such vehicle."""

    title = "No such vehicle"


class ReportNotFound(NotFound):
    """No such report."""

    title = "No such report"


class ReportTooLarge(Problem):
    """The report is too large to store."""

    title = "The report is too large to store"
    status = 422


_ANSWERS = Operation({200: {JSON: StoredReport, HTML: str, MARKDOWN: str}})


@routes.post(
    "",
    VehicleNotFound,
    VehicleOutOfReach,
    ReportTooLarge,
    status=201,
    operation=Operation({201: {JSON: StoredReport}}),
    reach=vehicle("body.vin"),
)
async def make_report(  # noqa: PLR0913, PLR0917 - a handler names all that it asks for
    body: Body[ReportRequest],
    request: Request,
    actor: Actor,
    db: ScopedDatabase,
    clock: Clock,
    news: ReportNews,
    links: Links,
) -> Response:
    """Make an energy report and store it.

    With `{}` it is of the last 30 days, on the clocks of the car.
    A drive, charge or time parked belongs to the period, and to a local day, by its start. Rows that are still running,
    implausible or lack a value are left out of the sums that need it, and counted. The same request gives the same
    report as long as the rows stay the same. If a model is bound, it writes the `summary` some seconds later.
    """
    stored = await write_report(body, (actor.name, request.id), db, clock, news)
    location = ("location", f"{routes.prefix}/{stored['id']}")
    response = Response.json(_document(stored, links.to(str(stored["id"]), actor)), 201)
    response.headers.append(location)
    return response


async def write_report(  # noqa: PLR0913 - what a report is made of
    body: ReportRequest,
    by: tuple[str, str],
    db: ScopedDatabase,
    clock: Clock,
    news: ReportNews,
    *,
    report_id: str = "",
) -> dict[str, str | int | None]:
    """Make a report, store it under `report_id` (random if empty), and return its row; a stored one stays as it is.

    `by` are the caller's name and the request's id. Errors: `VehicleNotFound`, `ReportTooLarge`, `InvalidBody`.
    """
    now = clock.now()
    question = _question(body, body.timezone or await _zone_of_cars(body.vin, db), now)
    queries = statements(question)
    results = await db.batch(list(queries.values()))
    rows = {name: result.rows for name, result in zip(queries, results, strict=True)}
    if question.vin is not None and not rows["vehicles"]:
        raise VehicleNotFound(f"there is no vehicle {question.vin}")
    report = compute(question, rows)
    stored = _stored(report, title_of(question, rows["vehicles"]), by, now)
    stored["id"] = report_id or stored["id"]
    if (await db.insert("energy_reports", [stored], key="id", keep=True)).changes:
        news.tell(stored, report, db)
    return stored


@routes.get("", VehicleOutOfReach, reach=vehicle("query.vin", is_optional=True))
async def list_reports(query: Query[ReportList], actor: Actor, db: Database, links: Links) -> list[ReportEntry]:
    """List stored reports, newest first."""
    columns = "SELECT id, title, vin, period_from, period_to, rows_used, created_at FROM energy_reports"
    if query.vin is None:
        rows = await db.all(f"{columns} ORDER BY rowid DESC LIMIT ?", query.limit)
    else:
        newest = "ORDER BY created_at DESC, rowid DESC LIMIT ?"
        rows = await db.all(f"{columns} WHERE vin = ? {newest}", query.vin, query.limit)
    return [row_as(ReportEntry, row, html_url=links.to(row["id"], actor)) for row in rows]


@routes.get("/{report_id}", ReportNotFound, NotAcceptable, operation=_ANSWERS)
async def get_report(report_id: str, request: Request, actor: Actor, db: Database, links: Links) -> Response:
    """Get a stored report as JSON, as a page with charts, or as Markdown.

    The Accept header chooses the form; JSON if it has no preference.
    """
    media_type = best(request.headers.get("accept"), MEDIA_TYPES)
    if media_type is None:
        raise NotAcceptable(MEDIA_TYPES)
    row = await read_report(report_id, db)
    if media_type == JSON:
        response = Response.json(_document(row, links.to(report_id, actor)))
    else:
        response = _report_response(row, media_type)
    response.headers.append(("vary", "accept"))
    return response


@routes.get("/{report_id}/page", ReportNotFound, UrlTooLong, operation=Operation({200: {HTML: str}}))
async def get_report_page(report_id: str, query: Query[PageOptions], db: Database) -> Response:  # noqa: ARG001 - the link stands for a key
    """Get a stored report as a page, also by the link in its JSON: a browser can open it without a key."""
    return _report_response(await read_report(report_id, db), HTML)


async def read_report(report_id: str, db: Database) -> Row:
    """Return the row of a stored report; `ReportNotFound` if the caller has none of this id."""
    row = await db.first("SELECT * FROM energy_reports WHERE id = ?", report_id)
    if row is None:
        raise ReportNotFound(f"there is no report {report_id[:80]}")
    return row


def _document(row: Row, html_url: str | None) -> StoredReport:
    return row_as(StoredReport, row, report=from_json(row["report"]), html_url=html_url)


def _report_response(row: Row, media_type: str) -> Response:
    report = EnergyReport.model_validate_json(row["report"])
    if media_type == MARKDOWN:
        return Response.text(markdown(row["title"], row["summary"], report), media_type=f"{MARKDOWN}; charset=utf-8")
    response = Response.text(page(row["title"], row["summary"], report), media_type=f"{HTML}; charset=utf-8")
    response.headers.append(("content-security-policy", _POLICY))
    return response


async def _zone_of_cars(vin: str | None, db: Database) -> str:
    """Return the zone of most cars of a report: that of the newest tariff, else of the offset that Tessie reports."""
    newest = "SELECT timezone FROM tariffs t WHERE t.vin = v.id AND timezone IS NOT NULL ORDER BY rowid DESC LIMIT 1"
    sql = f"SELECT utc_offset_s, ({newest}) AS zone FROM vehicles v WHERE id = coalesce(?, id) ORDER BY id"
    names = Counter(_zone_of(row) for row in await db.all(sql, vin))
    return names.most_common(1)[0][0] if names else "UTC"


def _zone_of(row: Row) -> str:
    try:
        zone_named(row["zone"] or "")
    except UnknownZone:
        return offset_name(row["utc_offset_s"] or 0)
    return str(row["zone"])


def _question(body: ReportRequest, zone: str, now: datetime) -> Question:
    end = now.replace(microsecond=0) if body.end is None else _instant("/to", body.end, zone)
    if body.start is None:
        first = end.astimezone(zone_named(zone)).date() - USUAL_DAYS * DAY
        start = _instant("/from", first.isoformat(), zone)
    else:
        start = _instant("/from", body.start, zone)
    if start >= end:
        raise InvalidBody(
            [Fault(pointer="/from", detail=f"the period begins at {to_text(start)}, its end is {to_text(end)} UTC")]
        )
    if end - start > LONGEST:
        raise InvalidBody([Fault(pointer="/to", detail="the period is longer than ten years")])
    return Question(body.vin, Period(start, end, zone), body.home, body.min_drive_mi, body.currency)


def _instant(pointer: str, text: str, zone: str) -> datetime:
    try:
        return instant_of(text, zone)
    except ValueError as fault:
        raise InvalidBody([Fault(pointer=pointer, detail=str(fault))]) from None


def _stored(report: EnergyReport, title: str, by: tuple[str, str], now: datetime) -> dict[str, Any]:
    """Return the row of a report."""
    document = report.model_dump_json(by_alias=True)
    if len(document.encode()) > REPORT_LIMIT:
        raise ReportTooLarge("ask for a shorter period, or for one vehicle")
    inputs = report.inputs
    return {
        "id": uuid4().hex,
        "vin": inputs.vin,
        "period_from": to_text(inputs.start),
        "period_to": to_text(inputs.end),
        "title": title,
        "report": document,
        "summary": None,
        "rows_used": sum(report.rows.values()),
        "actor": by[0],
        "request_id": by[1],
        "created_at": to_text(now),
        "updated_at": to_text(now),
    }
