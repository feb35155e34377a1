"""Ratings: a practitioner's sum and count are recomputed from all reviews in the batch that changes one of them."""

from edge import Statement

_COUNTED = "FROM reviews WHERE practitioner_id = practitioners.id AND state = 'published'"
_RATE = (
    f"UPDATE practitioners SET rating_count = (SELECT count(*) {_COUNTED}), "
    f"rating_sum = (SELECT coalesce(sum(rating), 0) {_COUNTED}), updated_at = CURRENT_TIMESTAMP WHERE id = ?"
)
_WITHDRAW = "UPDATE reviews SET state = 'withdrawn' WHERE appointment_id = ?"


def rate(practitioner_id: str | None) -> Statement:
    """Return the statement that recomputes a practitioner's rating; it must be the last of its batch."""
    return Statement(_RATE, (practitioner_id,))


def withdraw(appointment_id: str, practitioner_id: str | None) -> list[Statement]:
    """Return the statements that withdraw the review of an appointment that did not take place."""
    return [Statement(_WITHDRAW, (appointment_id,)), rate(practitioner_id)]
