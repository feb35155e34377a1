"""`/api/reports`: reports of reviews, messages and users, to be decided by administrators."""

from typing import Annotated, Literal, TypedDict
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from edge import READER, Actor, Body, Clock, Database, NotFound, Problem, Routes, SystemDatabase
from edge.instants import to_text
from edge.ports import Row, UniqueViolation
from klear_karma.cursors import utc, utc_or_none
from klear_karma.members import MEMBER
from klear_karma.safety.acquaintances import knows
from klear_karma.values import Id, Text

routes = Routes("/api/reports", tag="safety", access=READER, reach=MEMBER)

type TargetKind = Literal["review", "message", "practitioner", "user"]

_INSERT = (
    "INSERT INTO reports (id, reporter_id, target_kind, target_id, reason, created_at) SELECT ?1, u.id, ?3, ?4, ?5, ?6 "
    "FROM users AS u WHERE u.id = ?2 AND (?3 NOT IN ('practitioner', 'user') "
    "OR EXISTS (SELECT 1 FROM users AS t WHERE t.id = ?4)) RETURNING *"
)
_TABLES = {"review": "reviews", "message": "messages", "practitioner": "practitioners"}


class TargetNotFound(NotFound):
    """There is nothing to report with this id."""

    title = "There is nothing to report with this id"


class ReportedBefore(Problem):
    """You have reported this before."""

    title = "You have reported this before"
    status = 409


def _is_filled(text: str) -> str:
    if not text.strip():
        raise ValueError("the text must not be blank")
    return text


class NewReport(BaseModel):
    """A new report, with its reason."""

    model_config = ConfigDict(extra="forbid")

    target_kind: TargetKind
    target_id: Id
    reason: Annotated[Text, Field(min_length=1, max_length=2_000), AfterValidator(_is_filled)]


class Report(TypedDict):
    """A report and its decision."""

    id: str
    target_kind: str
    target_id: str
    reason: str
    state: str
    created_at: str
    decided_at: str | None


class ReportStore:
    """Writes reports."""

    def __init__(self, db: SystemDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def add(self, reporter_id: str, new: NewReport) -> Row:
        """Add a report. Errors: `ReportedBefore` for a second of the same target, `TargetNotFound` if that is gone."""
        now = to_text(self._clock.now())
        values = (str(uuid4()), reporter_id, new.target_kind, new.target_id, new.reason, now)
        try:
            added = await self._db.run(_INSERT, *values)
        except UniqueViolation:
            raise ReportedBefore("the first report is open or has been decided") from None
        if not added.rows:  # one of the two accounts was deleted meanwhile
            raise TargetNotFound(f"there is no {new.target_kind} {new.target_id} for you to see")
        return added.rows[0]


@routes.post("", TargetNotFound, ReportedBefore, status=201)
async def report(new: Body[NewReport], actor: Actor, db: Database, store: ReportStore) -> Report:
    """Report a review, a message to you, a practitioner, or a user you have dealt with."""
    if not await _is_visible(new, db):
        raise TargetNotFound(f"there is no {new.target_kind} {new.target_id} for you to see")
    return report_view(await store.add(actor.name, new))


@routes.get()
async def list_own_reports(db: Database) -> list[Report]:
    """List your reports, the newest first."""
    rows = await db.all("SELECT * FROM reports ORDER BY created_at DESC, id LIMIT 200")
    return [report_view(row) for row in rows]


def report_view(row: Row) -> Report:
    """Return a report from a row of `reports`."""
    return Report(
        id=row["id"],
        target_kind=row["target_kind"],
        target_id=row["target_id"],
        reason=row["reason"],
        state=row["state"],
        created_at=utc(row["created_at"]),
        decided_at=utc_or_none(row["decided_at"]),
    )


async def _is_visible(new: NewReport, db: Database) -> bool:
    if new.target_kind == "user":
        return await knows(new.target_id, db)
    sql = f"SELECT 1 AS n FROM {_TABLES[new.target_kind]} WHERE id = ?"
    return await db.first(sql, new.target_id) is not None
