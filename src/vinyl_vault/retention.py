"""Retention: expired leases and answers to old pushes are removed.

So are deleted records after 180 days, in which every client can have synced the deletion.
"""

from datetime import timedelta
from typing import Any

from edge import Clock, Statement, SystemDatabase, Tick
from edge.auth.accounts.tables import RULES as ACCOUNT_RULES
from edge.data.retention import Rule, retention_routes
from edge.instants import to_text

CRON = "40 3 * * *"
DELETIONS_KEPT = timedelta(days=180)
"""A client that has not synced for longer gets the full state."""
NAMELESS_KEPT = timedelta(hours=24)
"""Retention of pushes without a client name, which are recognised by a hash of their bytes."""
NAMELESS = "@hash:"
"""Prefix of the client name of such a push; no client can choose a name with @."""
PER_RUN = 5_000
"""Most deleted records purged per run."""

RULES = [
    *ACCOUNT_RULES,
    Rule("admin_audit", "created_at", timedelta(days=730)),
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
    """Purge records deleted 180 days ago; older cursors then get the full state."""
    before = to_text(clock.now() - DELETIONS_KEPT)
    if tick.is_dry:
        return {"records": len(await db.all(_OLD, before, PER_RUN))}
    raised, purged = await db.batch(purging(before))
    return {"records": purged.changes, "users": raised.changes}


def purging(before: str) -> list[Statement]:
    """Return the statements that purge records deleted before an instant, and raise the floors of their users."""
    old = (before, PER_RUN)
    return [Statement(_RAISE_FLOORS, (*old, *old)), Statement(_PURGE, old)]
