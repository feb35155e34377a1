"""Retention rules: remove old logs, answers of Tessie's and ended work, but no row that others refer to."""

from datetime import timedelta
from typing import Any

from core_tessie.journal import Journal
from core_tessie.settings import TessieSettings
from core_tessie.sync.routes import CRON
from edge import Clock, Log, Routes, SystemDatabase, Tick
from edge.data.retention import Retention, Rule

routes = Routes(tag="retention")

_NAMED_IN = ("logs", "agent_messages", "agent_actions", "sync_runs", "energy_reports", "overrides", "tariffs")
"""Tables that name a key as their actor."""
_IS_NAMED = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {table}.actor = api_keys.id)" for table in _NAMED_IN)

RULES = (
    Rule("logs", "created_at", "logs_keep_days", max_rows="logs_max_rows"),
    Rule(
        "tessie_raw",
        "created_at",
        "tessie_raw_keep_days",
        unless="last_seen_at IS NOT NULL AND last_seen_at >= {before}",  # an equal answer came since
        max_mb="tessie_raw_max_mb",
        size="stored_bytes",
    ),
    Rule("tickets", "expires_at", timedelta(hours=1)),
    Rule(
        "sync_runs",
        "ended_at",
        "sync_runs_keep_days",
        unless="EXISTS (SELECT 1 FROM vehicles WHERE backfill ->> 'run_id' = sync_runs.id) OR EXISTS "
        "(SELECT 1 FROM agent_actions AS it WHERE it.id = sync_runs.id AND it.status IN ('queued', 'running'))",
    ),
    Rule("removed_records", "removed_at", "removed_records_keep_days"),
    Rule(
        "agent_actions",
        "ended_at",
        "agent_actions_keep_days",
        unless="status NOT IN ('succeeded', 'failed', 'dead', 'cancelled')",
    ),
    Rule(
        "agent_messages",
        "created_at",
        "agent_messages_keep_days",
        where="role = 'user'",  # each turn begins with one; a conversation is removed as a whole
        unless="EXISTS (SELECT 1 FROM agent_messages AS newer "
        "WHERE newer.conversation_id = agent_messages.conversation_id AND newer.created_at >= {before})",
        group="conversation_id",
    ),
    Rule("api_keys", "coalesce(revoked_at, expires_at)", "api_keys_keep_days", unless=_IS_NAMED),
)


@routes.cron(CRON)
async def remove_old_rows(  # noqa: PLR0913, PLR0917 - a job declares each service it needs
    tick: Tick, db: SystemDatabase, settings: TessieSettings, clock: Clock, log: Log, journal: Journal
) -> dict[str, Any]:
    """Remove the rows beyond the ages and numbers in the settings."""
    retention = Retention(RULES, db, settings, clock, log)
    if tick.is_dry:
        return await retention.preview()
    report = await retention.run()
    if report["removed"]:
        request_id = f"cron-{int(tick.scheduled_at.timestamp())}"
        journal.note("info", "old rows removed", route="cron", actor="cron", request_id=request_id, **report)
    return report
