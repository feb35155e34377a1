"""Retention: expired rows are removed after a period; bookings, messages and reviews stay."""

from datetime import timedelta
from typing import Any

from edge import SystemDatabase, Tick
from edge.auth.accounts.tables import RULES as ACCOUNT_RULES
from edge.data.retention import Rule, retention_routes

CRON = "20 3 * * *"

RULES = [
    *ACCOUNT_RULES,
    Rule("tickets", "expires_at", timedelta(hours=1)),
    Rule("notifications", "created_at", timedelta(days=365)),
    Rule("admin_audit", "created_at", timedelta(days=730)),
    Rule("reminders", "due_at", timedelta(days=30)),
    Rule("reminder_mails", "created_at", timedelta(days=30)),
    Rule("reports", "decided_at", timedelta(days=730)),
]

_MERGE = "INSERT INTO practitioner_texts (practitioner_texts) VALUES ('optimize')"

routes = retention_routes(CRON, RULES)


@routes.cron(CRON)
async def merge_search_index(tick: Tick, db: SystemDatabase) -> dict[str, Any]:
    """Merge the parts of the full-text index: words of deleted and changed profiles stay in its files until then."""
    if not tick.is_dry:
        await db.run(_MERGE)
    return {}
