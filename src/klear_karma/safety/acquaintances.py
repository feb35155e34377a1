"""Acquaintances: the people that a caller knows of; others' ids are not there, whoever guesses them."""

from edge import Actor, Database

_KNOWN = (
    "SELECT 1 AS n FROM practitioners WHERE id = ? AND id <> ? "
    "UNION ALL SELECT 1 FROM appointments WHERE customer_id = ? AND practitioner_id = ? "
    "UNION ALL SELECT 1 FROM appointments WHERE practitioner_id = ? AND customer_id = ? "
    "UNION ALL SELECT 1 FROM conversations WHERE practitioner_id = ? AND customer_id = ? LIMIT 1"
)


async def knows(actor: Actor, user_id: str, db: Database) -> bool:
    """Tell whether a caller has dealt with a user, or finds it as a practitioner; `db` has the caller's rows."""
    me = actor.name
    return user_id != me and await db.first(_KNOWN, user_id, me, *(me, user_id) * 3) is not None
