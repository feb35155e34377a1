"""Retention: old rows are removed in small batches."""

from datetime import timedelta

from edge.auth.accounts.tables import RULES as ACCOUNT_RULES
from edge.data.retention import Rule, retention_routes

CRON = "20 3 * * *"

RULES = [
    *ACCOUNT_RULES,
    Rule("admin_audit", "created_at", timedelta(days=730)),
    Rule("analytics_events", "created_at", timedelta(days=400)),
    Rule("executions", "created_at", timedelta(days=90)),
    Rule("generation_jobs", "finished_at", timedelta(days=90)),
    Rule("progress", "updated_at", timedelta(days=180), where="user_id IS NULL"),
    Rule("reports", "decided_at", timedelta(days=365)),
    Rule("usage_daily", "day", timedelta(days=400)),
]
"""The progress of users stays; that of anonymous widget visitors is removed half a year after their last attempt."""

routes = retention_routes(CRON, RULES)
