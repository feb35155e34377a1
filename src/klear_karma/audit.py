"""The audit log: an administrator's action is recorded in the same batch as the action itself."""

from collections.abc import Mapping

from pydantic_core import to_json

from edge import Statement

_INSERT = (
    "INSERT INTO admin_audit (actor, action, target_kind, target_id, details, created_at) VALUES (?, ?, ?, ?, ?, ?)"
)


def audit_statement(
    actor: str, action: str, target: tuple[str, str], details: Mapping[str, object], now: str
) -> Statement:
    """Return the statement that records an action; a target is a kind and an id."""
    return Statement(_INSERT, (actor, action, *target, to_json(dict(details)).decode(), now))
