"""Retention rules: old entries of the audit log, old notices, and leases that are over are removed."""

from datetime import timedelta

from discord_bot.schedule import LAST_DIGEST, REMIND
from edge.data.retention import Rule, retention_routes

RULES = (
    Rule("audit", "created_at", "audit_keep_days", max_rows="audit_max_rows"),
    # `until` moves with each attempt to send a notice; `created_at` is that of the first.
    Rule("notices", "until", "notices_keep_days", unless=f"subject IS ({LAST_DIGEST})", is_epoch=True),
    Rule("leases", "until", timedelta(hours=1), is_epoch=True),
)

routes = retention_routes(REMIND, RULES)
