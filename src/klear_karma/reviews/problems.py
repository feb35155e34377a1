"""Problems of reviews: each names one fact."""

from edge import NotFound, Problem


class ReviewNotFound(NotFound):
    """There is no such review."""

    title = "There is no such review"

    def __init__(self, review_id: str) -> None:
        super().__init__(f"there is no review {review_id[:80]}")


class NotReviewable(Problem):
    """Only a completed appointment can be reviewed, once."""

    title = "Only a completed appointment can be reviewed, once"
    status = 409


class ReviewFixed(Problem):
    """This review can no longer be changed."""

    title = "This review can no longer be changed"
    status = 409
