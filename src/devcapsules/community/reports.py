"""Reports: users report public capsules, and administrators dismiss the reports or take the capsules down."""

import secrets
from typing import Annotated, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from devcapsules.access.callers import USERS
from devcapsules.capsules.catalogue import CapsuleNotFound
from edge import ADMIN, READER, Actor, Body, Clock, NotFound, Query, Routes, SystemDatabase
from edge.data import ScopedDatabase
from edge.instants import to_text
from edge.ports import Statement
from edge.reach import OPEN
from edge.rows import row_as
from edge.text import NO_NUL

routes = Routes("/api/v1/capsules", tag="reports", access=READER, reach=USERS)
queue = Routes("/api/v1/reports", tag="reports", access=ADMIN, reach=OPEN)

_PUBLIC = "SELECT 1 AS yes FROM capsules WHERE id = ? AND visibility != 'private' AND taken_down_at IS NULL"
_REPORT = (
    "INSERT INTO reports (id, capsule_id, reporter, reason, detail, created_at) "
    "SELECT ?, c.id, u.id, ?, ?, ? FROM capsules AS c JOIN users AS u WHERE c.id = ? AND u.id = ? "
    "ON CONFLICT (capsule_id, reporter) DO NOTHING"
)
_LIST = (
    "SELECT r.*, c.title FROM reports AS r JOIN capsules AS c ON c.id = r.capsule_id "
    "WHERE r.state = ? ORDER BY r.created_at, r.id LIMIT 100"
)
_DECIDE = "UPDATE reports SET state = ?, decided_at = ? WHERE capsule_id = ? AND state = 'open' RETURNING id"
_TAKE_DOWN = "UPDATE capsules SET taken_down_at = coalesce(taken_down_at, ?), updated_at = ? WHERE id = ?"


class ReportNotFound(NotFound):
    """No such report."""

    title = "No such report"


class NewReport(BaseModel):
    """A new report of a capsule, with its reason."""

    model_config = ConfigDict(extra="forbid")

    reason: Literal["wrong", "offensive", "copied", "malicious", "other"]
    detail: Annotated[str, Field(max_length=2_000), NO_NUL] = ""


class Decision(BaseModel):
    """A decision about a reported capsule; it applies to all its open reports."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["dismissed", "taken_down"]


class ReportFilter(BaseModel):
    """The state of the reports to list."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["open", "dismissed", "taken_down"] = "open"


class Received(TypedDict):
    """The report is stored; a second report by the same user changes nothing."""

    status: Literal["received"]


class Report(TypedDict):
    """A report."""

    id: str
    capsule_id: str
    title: str
    reason: str
    detail: str
    state: str
    created_at: str
    decided_at: str | None


class ReportList(TypedDict):
    """Reports, the oldest first."""

    reports: list[Report]


class Decided(TypedDict):
    """The number of reports decided."""

    decided: int


class ReportQueue:
    """Reads and writes reports, which are in no user's scope."""

    def __init__(self, db: SystemDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def add(self, capsule_id: str, reporter: str, new: NewReport) -> None:
        """Add a report, once per reporter and capsule, as long as both exist."""
        row = (f"rep_{secrets.token_hex(8)}", new.reason, new.detail, self._now(), capsule_id, reporter)
        await self._db.run(_REPORT, *row)

    async def list(self, state: str) -> ReportList:
        """Return the reports in a state."""
        return ReportList(reports=[row_as(Report, row) for row in await self._db.all(_LIST, state)])

    async def decide(self, report_id: str, decision: str) -> int:
        """Decide all open reports of a report's capsule; return their number. Errors: `ReportNotFound`."""
        row = await self._db.first("SELECT capsule_id FROM reports WHERE id = ? AND state = 'open'", report_id)
        if row is None:
            raise ReportNotFound("there is no open report with this id")
        now = self._now()
        capsule_id = row["capsule_id"]
        statements = [Statement(_DECIDE, (decision, now, capsule_id))]
        if decision == "taken_down":
            statements.append(Statement(_TAKE_DOWN, (now, now, capsule_id)))
        decided, *_ = await self._db.batch(statements)
        return len(decided.rows)

    def _now(self) -> str:
        return to_text(self._clock.now())


@routes.post("/{capsule_id}/reports", CapsuleNotFound, status=202)
async def report_capsule(
    capsule_id: str, body: Body[NewReport], actor: Actor, db: ScopedDatabase, reports: ReportQueue
) -> Received:
    """Report a public or unlisted capsule."""
    if await db.first(_PUBLIC, capsule_id) is None:
        raise CapsuleNotFound("there is no such public capsule")
    await reports.add(capsule_id, actor.name, body)
    return Received(status="received")


@queue.get("")
async def list_reports(query: Query[ReportFilter], reports: ReportQueue) -> ReportList:
    """List reports."""
    return await reports.list(query.state)


@queue.post("/{report_id}/decision", ReportNotFound)
async def decide_report(report_id: str, body: Body[Decision], reports: ReportQueue) -> Decided:
    """Dismiss a report, or take the capsule down: then only its owner and its teams can read it."""
    return Decided(decided=await reports.decide(report_id, body.decision))
