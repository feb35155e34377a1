"""Retention rules: forms that were carried on everywhere, spam, and leases that are over are removed."""

from datetime import timedelta

from edge.data.retention import Rule, retention_routes
from platform_api.content_index import CRON
from platform_api.settings import PlatformSettings


def rules(settings: PlatformSettings) -> list[Rule]:
    """Return the rules. A form that was not delivered everywhere stays: nobody else has it."""
    carried_at = "announced_at"
    if settings.sanity_api_write_token is not None:  # without it nothing is delivered to Sanity
        carried_at = "max(announced_at, sanity_at)"
    return [
        Rule(
            "submissions",
            "created_at",
            "submissions_keep_days",
            where="status = 'received'",
            unless=f"NOT {carried_at} < {{before}}",
        ),
        Rule("submissions", "created_at", "spam_keep_days", where="status = 'spam'"),
        Rule("leases", "until", timedelta(hours=1), is_epoch=True),
    ]


routes = retention_routes(CRON, rules)
