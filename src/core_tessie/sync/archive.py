"""Archives vehicles that Tessie no longer has: unlisted, and answered with 404, for three runs."""

from collections.abc import Mapping
from datetime import datetime

from core_tessie.sync.parts import LISTING
from core_tessie.sync.walk import Walk
from edge import Statement
from edge.instants import to_text
from edge.ports import Row

GONE_AFTER = 3
"""Successive runs in which a vehicle is missing from the list and Tessie answers 404 for it."""
UNKNOWN = 404


def recount(vin: str, walk: Walk, parts: Mapping[str, Row]) -> list[Statement]:
    """Return the statement that starts the count of `GONE_AFTER` again, as Tessie did not answer 404; or none."""
    if walk.parts["state"].http_status == UNKNOWN or not parts.get(LISTING, {}).get("failures"):
        return []
    sql = (
        "UPDATE sync_parts SET failures = 0, first_failed_at = NULL, error = NULL, updated_at = CURRENT_TIMESTAMP "
        "WHERE id = ?"
    )
    return [Statement(sql, (f"{vin}-{LISTING}",))]


def is_gone(walk: Walk, parts: Mapping[str, Row]) -> bool:
    """Tell whether Tessie no longer has a vehicle, so that this walk is its last."""
    missing = parts.get(LISTING, {}).get("failures", 0)
    unknown = parts.get("state", {}).get("failures", 0) + 1
    return walk.parts["state"].http_status == UNKNOWN and missing >= GONE_AFTER and unknown >= GONE_AFTER


def close(vin: str, now: datetime) -> Statement:
    """Return the statement that archives a vehicle; its history stays."""
    return Statement(
        "UPDATE vehicles SET is_active = 0, archived_at = ?, backfill = NULL, updated_at = CURRENT_TIMESTAMP "
        "WHERE id = ? AND archived_at IS NULL RETURNING id, display_name, archived_at",
        (to_text(now), vin),
    )


def bring_back(vins: str) -> Statement:
    """Return the statement that restores archived vehicles, a JSON list of VINs, that Tessie lists again."""
    return Statement(
        "UPDATE vehicles SET archived_at = NULL, updated_at = CURRENT_TIMESTAMP "
        "WHERE archived_at IS NOT NULL AND id IN (SELECT value FROM json_each(?)) RETURNING id, display_name",
        (vins,),
    )
