"""Acquaintances: the users visible to a caller; guessed ids of other users are answered as unknown."""

from edge import Actor, Database

_KNOWN = (
    "SELECT 1 AS n FROM practitioners WHERE id = ? AND id <> ? "
    "UNION ALL SELECT 1 FROM appointments WHERE customer_id = ? AND practitioner_id = ? "
    "UNION ALL SELECT 1 FROM appointments WHERE practitioner_id = ? AND customer_id = ? "
    "UNION ALL SELECT 1 FROM conversations WHERE practitioner_id = ? AND customer_id = ? LIMIT 1"
)


async def knows(actor: Actor, user_id: str, db: Database) -> bool:
    """Tell whether a caller has dealt with a user, or the user is a listed practitioner; `db` is the caller's scope."""
    me = actor.name
    return user_id != me and await db.first(_KNOWN, user_id, me, *(me, user_id) * 3) is not None
