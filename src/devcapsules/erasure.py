"""Erasure: the rows of a deleted account that no foreign key removes, as others still need them."""

from edge import Statement

_FORKS = (
    "UPDATE capsules SET forked_author = NULL, updated_at = CURRENT_TIMESTAMP "
    "WHERE forked_from IN (SELECT id FROM capsules WHERE owner_id = ?)"
)


def erase(user_id: str) -> list[Statement]:
    """Return the statements that remove a deleted user's name from forks of the user's capsules."""
    return [Statement(_FORKS, (user_id,))]
