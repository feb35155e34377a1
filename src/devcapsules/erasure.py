"""Erasure: the rows that name a deleted account and that no foreign key removes."""

from edge import Statement

_REPORTS = "UPDATE reports SET reporter = 'deleted ' || id WHERE reporter = ?"
_PROGRESS = "DELETE FROM progress WHERE learner >= 'key ' || ?1 || ' ' AND learner < 'key ' || ?1 || '!'"
"""Of unknown learners who came by a key of the account."""


def erase(user_id: str) -> list[Statement]:
    """Return the statements that remove a deleted user from reports, and the progress that its keys' learners made."""
    return [Statement(_REPORTS, (user_id,)), Statement(_PROGRESS, (user_id,))]
