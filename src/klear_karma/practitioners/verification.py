"""`/api/admin/practitioners`: administrators verify practitioners, and see changes of verified ones."""

from typing import Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from edge import ADMIN, Actor, Body, Clock, Database, Query, Routes, Statement, SystemDatabase
from edge.auth.audit import audit_statement
from edge.data.writes import raise_unless_changed
from edge.instants import to_text
from edge.ports import OutOfScope, Row
from edge.reach import OPEN
from edge.rows import row_as
from klear_karma.cursors import utc, utc_or_none
from klear_karma.practitioners.profile import PractitionerNotFound
from klear_karma.settings import KarmaSettings
from klear_karma.uploads.links import ASSETS, LinkSigner
from klear_karma.values import Line

routes = Routes("/api/admin/practitioners", tag="admin", access=ADMIN, reach=OPEN)

_SET = (
    "UPDATE practitioners SET verification = ?, changed_at = NULL, calendar_version = calendar_version + 1, "
    "updated_at = ? WHERE id = ?"
)
_LISTED = {
    "pending": "verification = 'pending' ORDER BY updated_at, id",
    "changed": "changed_at IS NOT NULL ORDER BY changed_at, id",
}


class VerificationBody(BaseModel):
    """The new verification state of a practitioner, and the reason."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["pending", "verified", "rejected"]
    reason: Line = ""


class Waiting(BaseModel):
    """A page of practitioners awaiting verification, or of verified ones that changed their public text since."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["pending", "changed"] = "pending"
    limit: int = Field(50, ge=1, le=200)


class Candidate(TypedDict):
    """A practitioner; `changed_at` is set if a verified one has changed its public text since.

    `photo_url` shows its picture for 15 minutes, which others see after the verification.
    """

    id: str
    name: str
    headline: str
    city: str
    country: str
    verification: str
    updated_at: str
    changed_at: str | None
    photo_url: str | None


@routes.get()
async def list_waiting(query: Query[Waiting], db: Database, settings: KarmaSettings, clock: Clock) -> list[Candidate]:
    """List the practitioners awaiting verification, or verified ones that have changed, the longest wait first.

    A change does not end a verification; the audit log has the text that was verified. A new verification settles it.
    """
    rows = await db.all(f"SELECT * FROM practitioners WHERE {_LISTED[query.state]} LIMIT ?", query.limit)
    signer = LinkSigner(settings.signing_keys())
    return [_candidate(row, signer, clock) for row in rows]


@routes.put("/{practitioner_id}/verification", PractitionerNotFound)
async def put_verification(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
    practitioner_id: str,
    new: Body[VerificationBody],
    actor: Actor,
    db: SystemDatabase,
    settings: KarmaSettings,
    clock: Clock,
) -> Candidate:
    """Set a practitioner's verification state."""
    row = await db.first("SELECT * FROM practitioners WHERE id = ?", practitioner_id)
    if row is None:
        raise PractitionerNotFound(f"there is no practitioner {practitioner_id[:80]}")
    signer = LinkSigner(settings.signing_keys())
    now = to_text(clock.now())
    details = {"from": row["verification"], "to": new.state, "reason": new.reason}
    entry = audit_statement(actor.name, "verification", ("practitioner", practitioner_id), details, now)
    changed = Statement(_SET, (new.state, now, practitioner_id))
    try:
        await db.batch([changed, Statement(raise_unless_changed("practitioners")), entry])
    except OutOfScope:  # the account was deleted meanwhile
        raise PractitionerNotFound(f"there is no practitioner {practitioner_id[:80]}") from None
    after = {**row, "verification": new.state, "updated_at": now, "changed_at": None}
    return _candidate(after, signer, clock)


def _candidate(row: Row, signer: LinkSigner, clock: Clock) -> Candidate:
    photo = row["photo_id"]
    url = f"{ASSETS}/{photo}?{signer.sign(photo, clock.now())[0]}" if photo else None
    times = {"updated_at": utc(row["updated_at"]), "changed_at": utc_or_none(row["changed_at"])}
    return row_as(Candidate, row, **times, photo_url=url)
