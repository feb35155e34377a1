"""`/api/reviews`: reviews of completed appointments, one each, with the practitioner's reply."""

from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from edge import PUBLIC, READER, Actor, Body, Clock, Database, Query, Routes
from edge.ports import Row
from edge.reach import OPEN
from klear_karma.booking.problems import AppointmentNotFound
from klear_karma.cursors import LONGEST, Cursor, utc, utc_or_none
from klear_karma.members import MEMBER
from klear_karma.practitioners.profile import PractitionerNotFound
from klear_karma.reviews.problems import NotReviewable, ReviewFixed, ReviewNotFound
from klear_karma.reviews.store import ReviewStore, is_editable
from klear_karma.values import Id, Text

routes = Routes("/api/reviews", tag="reviews", access=READER, reach=MEMBER)
public = Routes("/api/practitioners", tag="reviews", access=PUBLIC, reach=OPEN)

type Rating = Annotated[int, Field(ge=1, le=5)]
type Words = Annotated[Text, Field(max_length=2_000)]


class NewReview(BaseModel):
    """A review of a completed appointment."""

    model_config = ConfigDict(extra="forbid")

    appointment_id: Id
    rating: Rating
    body: Words = ""


class ReviewEdit(BaseModel):
    """The new rating and text of a review."""

    model_config = ConfigDict(extra="forbid")

    rating: Rating
    body: Words = ""


class Reply(BaseModel):
    """The practitioner's reply; null removes it."""

    model_config = ConfigDict(extra="forbid")

    body: Annotated[Text, Field(min_length=1, max_length=2_000)] | None


class Listing(BaseModel):
    """A page of reviews."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=100)
    after: str | None = Field(None, max_length=LONGEST, description="the `next` of the previous page")


class Review(TypedDict):
    """A public review."""

    id: str
    practitioner_id: str
    author_name: str
    rating: int
    body: str
    reply: str | None
    replied_at: str | None
    created_at: str
    edited_at: str | None


class OwnReview(Review):
    """A review by or about the caller, in any state."""

    appointment_id: str
    state: str
    is_mine: bool
    is_editable: bool


class ReviewList(TypedDict):
    """A page of reviews, the newest first; `next` is null on the last page."""

    reviews: list[Review]
    next: str | None


@routes.post("", AppointmentNotFound, NotReviewable, status=201)
async def write_review(new: Body[NewReview], actor: Actor, db: Database, store: ReviewStore, clock: Clock) -> OwnReview:
    """Review your completed appointment, once."""
    appointment = await db.first("SELECT * FROM customer_appointments WHERE id = ?", new.appointment_id)
    if appointment is None:
        raise AppointmentNotFound(new.appointment_id)
    return _own(await store.write(appointment, actor.name, new.rating, new.body), clock, is_mine=True)


@routes.get()
async def list_own_reviews(db: Database, clock: Clock) -> list[OwnReview]:
    """List your own reviews, the newest first."""
    sql = "SELECT * FROM written_reviews ORDER BY created_at DESC, id DESC LIMIT 200"
    return [_own(row, clock, is_mine=True) for row in await db.all(sql)]


@routes.put("/{review_id}", ReviewNotFound, ReviewFixed)
async def edit_review(
    review_id: str, new: Body[ReviewEdit], db: Database, store: ReviewStore, clock: Clock
) -> OwnReview:
    """Change your review within a week."""
    row = await _review(review_id, "written_reviews", db)
    return _own(await store.edit(row, new.rating, new.body), clock, is_mine=True)


@routes.delete("/{review_id}", ReviewNotFound, status=204)
async def remove_review(review_id: str, db: Database, store: ReviewStore) -> None:
    """Withdraw your review for good."""
    await store.remove(await _review(review_id, "written_reviews", db))


@routes.put("/{review_id}/reply", ReviewNotFound)
async def reply_to_review(
    review_id: str, new: Body[Reply], db: Database, store: ReviewStore, clock: Clock
) -> OwnReview:
    """Reply to a review of you as a practitioner."""
    row = await _review(review_id, "received_reviews", db)
    return _own(await store.reply(row, new.body), clock, is_mine=False)


@public.get("/{practitioner_id}/reviews", PractitionerNotFound)
async def list_reviews(practitioner_id: str, query: Query[Listing], db: Database) -> ReviewList:
    """List the reviews of a practitioner, the newest first."""
    if await db.first("SELECT 1 AS n FROM practitioners WHERE id = ?", practitioner_id) is None:
        raise PractitionerNotFound(f"there is no practitioner {practitioner_id[:80]}")
    cursor = Cursor.of(query.after) if query.after else Cursor("9", "")
    sql = (
        "SELECT * FROM reviews WHERE practitioner_id = ? AND state = 'published' AND (created_at, id) < (?, ?) "
        "ORDER BY created_at DESC, id DESC LIMIT ?"
    )
    rows = await db.all(sql, practitioner_id, cursor.at, cursor.row_id, query.limit + 1)
    listed = rows[: query.limit]
    following = str(Cursor(listed[-1]["created_at"], listed[-1]["id"])) if len(rows) > query.limit else None
    return ReviewList(reviews=[_review_view(row) for row in listed], next=following)


async def _review(review_id: str, part: str, db: Database) -> Row:
    """Return a review that the caller has written or received; raises `ReviewNotFound` otherwise."""
    row = await db.first(f"SELECT * FROM {part} WHERE id = ?", review_id)
    if row is None:
        raise ReviewNotFound(review_id)
    return row


def _review_view(row: Row) -> Review:
    return Review(
        id=row["id"],
        practitioner_id=row["practitioner_id"],
        author_name=row["author_name"],
        rating=row["rating"],
        body=row["body"],
        reply=row["reply"],
        replied_at=utc_or_none(row["replied_at"]),
        created_at=utc(row["created_at"]),
        edited_at=utc_or_none(row["edited_at"]),
    )


def _own(row: Row, clock: Clock, *, is_mine: bool) -> OwnReview:
    return OwnReview(
        **_review_view(row),
        appointment_id=row["appointment_id"],
        state=row["state"],
        is_mine=is_mine,
        is_editable=is_mine and is_editable(row, clock.now()),
    )
