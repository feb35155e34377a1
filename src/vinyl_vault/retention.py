"""Retention: leases that are over and answers to old pushes are removed.

So are deletions that every client has had 180 days to hear of.
"""

from datetime import timedelta
from typing import Any

from edge import Clock, Statement, SystemDatabase, Tick
from edge.auth.accounts.tables import RULES as ACCOUNT_RULES
from edge.data.retention import Rule, retention_routes
from edge.instants import to_text

CRON = "40 3 * * *"
DELETIONS_KEPT = timedelta(days=180)
"""A client that was away for longer gets the full state."""
NAMELESS_KEPT = timedelta(hours=24)
"""The memory of pushes without a client's name, which are known by their bytes."""
NAMELESS = "@hash:"
"""Begins the client's name of such a push; no client can have a name with @."""
A_RUN = 5_000
"""Deletions that one run purges."""

RULES = [
    *ACCOUNT_RULES,
    Rule("chat_days", "day", timedelta(days=2)),
    Rule("imports", "updated_at", timedelta(days=90), where="state = 'done'"),
    Rule("leases", "until", timedelta(hours=1), is_epoch=True),
    Rule("sync_queue", "pushed_at", DELETIONS_KEPT),
    Rule("sync_queue", "pushed_at", NAMELESS_KEPT, where=f"client_id LIKE '{NAMELESS}%'"),
]

_OLD = "SELECT rowid FROM collections WHERE deleted_at < ? ORDER BY deleted_at, rowid LIMIT ?"
_RAISE_FLOORS = (
    "UPDATE sync_heads SET floor = max(floor, "
    f"(SELECT max(rev) FROM collections WHERE user_id = sync_heads.user_id AND rowid IN ({_OLD}))) "
    f"WHERE user_id IN (SELECT user_id FROM collections WHERE rowid IN ({_OLD}))"
)
_PURGE = f"DELETE FROM collections WHERE rowid IN ({_OLD})"

routes = retention_routes(CRON, RULES)


@routes.cron(CRON)
async def purge_deletions(tick: Tick, db: SystemDatabase, clock: Clock) -> dict[str, Any]:
    """Purge records that were deleted 180 days ago; cursors from before then lead to the full state."""
    before = to_text(clock.now() - DELETIONS_KEPT)
    if tick.is_dry:
        return {"records": len(await db.all(_OLD, before, A_RUN))}
    raised, purged = await db.batch(purging(before))
    return {"records": purged.changes, "users": raised.changes}


def purging(before: str) -> list[Statement]:
    """Return the statements that purge records deleted before an instant, and raise the floors of their users."""
    old = (before, A_RUN)
    return [Statement(_RAISE_FLOORS, (*old, *old)), Statement(_PURGE, old)]
