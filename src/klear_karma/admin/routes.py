"""`/api/admin`: the queue of reports, and outcomes of bookings."""

from typing import Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from edge import ADMIN, Actor, Body, Clock, Database, NotFound, Problem, Query, Routes, Statement, SystemDatabase
from edge.auth.audit import audit_statement
from edge.data.writes import raise_unless_changed
from edge.errors import Overloaded
from edge.instants import to_text
from edge.ports import OutOfScope, Row
from edge.reach import OPEN
from klear_karma.analytics.points import Usage
from klear_karma.booking.news import AppointmentNews
from klear_karma.booking.problems import AppointmentNotFound, ChangeRefused
from klear_karma.booking.states import Action, Side
from klear_karma.booking.store import Bookings, Change
from klear_karma.reviews.store import ReviewStore
from klear_karma.safety.reports import Report, report_view
from klear_karma.values import Line

routes = Routes("/api/admin", tag="admin", access=ADMIN, reach=OPEN)

_DECIDE = "UPDATE reports SET state = ?, decided_by = ?, decided_at = ? WHERE id = ? AND state = 'open'"

_TEXT = (
    "CASE target_kind WHEN 'review' THEN (SELECT body FROM reviews WHERE id = target_id) "
    "WHEN 'message' THEN (SELECT body FROM messages WHERE id = target_id) END"
)


class ReportNotFound(NotFound):
    """There is no such report."""

    title = "There is no such report"


class ReportDecided(Problem):
    """This report has been decided."""

    title = "This report has been decided"
    status = 409


class Decision(BaseModel):
    """A decision about a report; if a report of a review is upheld, the review is hidden."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["upheld", "dismissed"]
    reason: Line = ""


class Outcome(BaseModel):
    """The outcome of a booking, which may already be completed."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["cancel", "no_show"]
    reason: Line = ""


class Queue(BaseModel):
    """The state of the reports to list, and how many."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["open", "upheld", "dismissed"] = "open"
    limit: int = Field(50, ge=1, le=200)


class QueuedReport(Report):
    """A report as administrators see it, with the text of the review or message."""

    reporter_id: str | None
    text: str | None


class OutcomeSet(TypedDict):
    """A booking after an administrator's change."""

    id: str
    state: str
    cancelled_by: str | None


@routes.get("/reports")
async def list_reports(query: Query[Queue], db: Database) -> list[QueuedReport]:
    """List reports with the reported text, the oldest first."""
    sql = f"SELECT *, {_TEXT} AS text FROM reports WHERE state = ? ORDER BY created_at, id LIMIT ?"
    rows = await db.all(sql, query.state, query.limit)
    return [QueuedReport(**report_view(row), reporter_id=row["reporter_id"], text=row["text"]) for row in rows]


@routes.post("/reports/{report_id}/decision", ReportNotFound, ReportDecided)
async def decide_report(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
    report_id: str, new: Body[Decision], actor: Actor, db: SystemDatabase, reviews: ReviewStore, clock: Clock
) -> Report:
    """Decide a report, once. If a report of a review is upheld, the review is hidden and no longer counts."""
    row = await _report(report_id, db)
    if row["state"] != "open":
        raise ReportDecided(f"it was {row['state']}")
    now = to_text(clock.now())
    details = {"decision": new.decision, "reason": new.reason, "report_id": report_id}
    statements = [
        Statement(_DECIDE, (new.decision, actor.name, now, report_id)),
        Statement(raise_unless_changed("reports")),
        audit_statement(actor.name, "report.decided", (row["target_kind"], row["target_id"]), details, now),
    ]
    try:
        if new.decision == "upheld" and row["target_kind"] == "review":
            await reviews.hide(row["target_id"], statements)
        else:
            await db.batch(statements)
    except OutOfScope:
        raise ReportDecided("another administrator decided it first") from None
    return report_view(await _report(report_id, db))


@routes.post("/appointments/{appointment_id}/outcome", AppointmentNotFound, ChangeRefused, Overloaded)
async def set_outcome(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
    appointment_id: str,
    new: Body[Outcome],
    actor: Actor,
    db: Database,
    bookings: Bookings,
    news: AppointmentNews,
    usage: Usage,
    clock: Clock,
) -> OutcomeSet:
    """Cancel a booking or mark it as a no-show; its review is withdrawn."""
    row = await db.first("SELECT * FROM appointments WHERE id = ?", appointment_id)
    if row is None:
        raise AppointmentNotFound(appointment_id)
    details = {"from": row["state"], "reason": new.reason}
    note = audit_statement(
        actor.name, f"appointment.{new.action}", ("appointment", appointment_id), details, to_text(clock.now())
    )
    row = await bookings.change(row, Change(Action(new.action), Side.ADMIN, None, new.reason, (note,)))
    if new.action == "cancel":
        usage.count("cancellation")
    news.publish(row)
    return OutcomeSet(id=row["id"], state=row["state"], cancelled_by=row["cancelled_by"])


async def _report(report_id: str, db: Database) -> Row:
    row = await db.first("SELECT * FROM reports WHERE id = ?", report_id)
    if row is None:
        raise ReportNotFound(f"there is no report {report_id[:80]}")
    return row
