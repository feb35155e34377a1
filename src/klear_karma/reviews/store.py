"""The store of reviews: it checks the appointment, and recomputes the practitioner's rating in the same batch.

Callers must have read the appointment or the review from the user's own rows first.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from edge import Clock, Statement, SystemDatabase
from edge.data import ScopedDatabase, Sql
from edge.data.database import Cells
from edge.instants import from_text, to_text
from edge.ports import CheckViolation, Row, UniqueViolation
from klear_karma.notifications.notices import notice
from klear_karma.ratings import rate
from klear_karma.reviews.problems import NotReviewable, ReviewFixed, ReviewNotFound

EDITABLE = timedelta(days=7)

_BY_ID = "SELECT * FROM reviews WHERE id = ?"
_INSERT = (
    "INSERT INTO reviews (id, appointment_id, practitioner_id, author_id, author_name, rating, body, created_at, "
    "allowed) SELECT ?, a.id, a.practitioner_id, a.customer_id, a.customer_name, ?, ?, ?, "
    "a.state = 'completed' FROM appointments AS a WHERE a.id = ? AND a.customer_id = ? "
    "AND a.practitioner_id IS NOT NULL"
)
_IS_EDITABLE = "state <> 'withdrawn' AND created_at > ?"
_HIDE = "UPDATE reviews SET state = 'hidden' WHERE id = ? AND state = 'published'"
_PRACTITIONER = "SELECT practitioner_id FROM reviews WHERE id = ?"


class ReviewStore:
    """Writes reviews: those that the caller has written or received in the caller's scope, all else without one."""

    def __init__(self, own: ScopedDatabase, db: SystemDatabase, clock: Clock) -> None:
        self._own = own
        self._db = db
        self._clock = clock

    async def write(self, appointment: Row, author_id: str, rating: int, body: str) -> Row:
        """Review a completed appointment; raises `NotReviewable` for any other, and for a second review."""
        review_id = str(uuid4())
        now = to_text(self._clock.now())
        practitioner_id = appointment["practitioner_id"]
        batch = [
            Statement(_INSERT, (review_id, rating, body, now, appointment["id"], author_id)),
            rate(practitioner_id),
            notice(practitioner_id, "review.written", now, appointment["id"], {"review_id": review_id}),
        ]
        if practitioner_id is None:
            raise NotReviewable("the practitioner's account was deleted")
        try:
            await self._db.batch(batch)
        except UniqueViolation:
            raise NotReviewable("it already has a review: change that one") from None
        except CheckViolation as fault:
            _raise_unless(fault, NotReviewable("it has not been completed"))
        row = await self._db.first(_BY_ID, review_id)
        if row is None:
            raise NotReviewable("the practitioner's account was deleted")
        return row

    async def edit(self, review: Row, rating: int, body: str) -> Row:
        """Change one's own review within a week; raises `ReviewFixed` later."""
        now = self._clock.now()
        allowed = Sql(_IS_EDITABLE, to_text(now - EDITABLE))
        changes = {"rating": rating, "body": body, "edited_at": to_text(now), "allowed": allowed}
        changed = self._changed("written_reviews", review, changes)
        return await self._change(review, changed, "reviews can be changed within a week, unless withdrawn")

    async def remove(self, review: Row) -> None:
        """Withdraw one's own review for good; the appointment cannot be reviewed again."""
        removed = self._changed("written_reviews", review, {"state": "withdrawn", "body": ""})
        await self._db.batch([removed, rate(review["practitioner_id"])])

    async def reply(self, review: Row, text: str | None) -> Row:
        """Write the practitioner's reply, or remove it."""
        now = to_text(self._clock.now())
        replied = {"reply": text, "replied_at": None if text is None else now}
        notices = [notice(review["author_id"], "review.replied", now, review["appointment_id"])] if text else []
        await self._db.batch([self._changed("received_reviews", review, replied), *notices])
        return await self._read(review["id"])

    async def hide(self, review_id: str, more: Sequence[Statement]) -> None:
        """Hide a review, in one batch after the statements `more`; one that is withdrawn or gone stays so."""
        row = await self._db.first(_PRACTITIONER, review_id)
        hidden = [Statement(_HIDE, (review_id,)), rate(row["practitioner_id"])] if row else []
        await self._db.batch([*more, *hidden])

    def _changed(self, part: str, review: Row, changes: Cells) -> Statement:
        """Return the change of a review in a part of the caller's own."""
        return self._own.prepare.update(part, changes, "id = ?", review["id"]).statement

    async def _change(self, review: Row, statement: Statement, refusal: str) -> Row:
        try:
            await self._db.batch([statement, rate(review["practitioner_id"])])
        except CheckViolation as fault:
            _raise_unless(fault, ReviewFixed(refusal))
        return await self._read(review["id"])

    async def _read(self, review_id: str) -> Row:
        row = await self._db.first(_BY_ID, review_id)
        if row is None:
            raise ReviewNotFound(review_id)
        return row


def is_editable(row: Row, now: datetime) -> bool:
    """Tell whether a review's author may still change it."""
    return bool(row["state"] != "withdrawn") and from_text(row["created_at"]) > now - EDITABLE


def _raise_unless(fault: CheckViolation, problem: Exception) -> None:
    """Raise the problem of a refused review; raise any other fault unchanged."""
    raise (problem if fault.constraint == "review_not_allowed" else fault) from None
