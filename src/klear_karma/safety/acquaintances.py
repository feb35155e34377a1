"""Acquaintances: the users visible to a caller; guessed ids of other users are answered as unknown."""

from edge import Database

_KNOWN = (
    "SELECT 1 AS n FROM practitioners AS p WHERE p.id = ? AND NOT EXISTS (SELECT 1 FROM own_profiles WHERE id = p.id) "
    "UNION ALL SELECT 1 FROM customer_appointments WHERE practitioner_id = ? "
    "UNION ALL SELECT 1 FROM practitioner_appointments WHERE customer_id = ? "
    "UNION ALL SELECT 1 FROM practitioner_conversations WHERE customer_id = ? LIMIT 1"
)


async def knows(user_id: str, db: Database) -> bool:
    """Tell whether a caller has dealt with a user, or the user is a listed practitioner; `db` is the caller's scope."""
    return await db.first(_KNOWN, *[user_id] * 4) is not None
