"""The `sync_parts` rows: when each part of a vehicle's sync last succeeded, and since when it fails."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic_core import to_json

from core_tessie.sync.reading import ListedCar
from core_tessie.sync.walk import Walk
from edge import Statement
from edge.data.upserts import upsert
from edge.instants import from_epoch, to_text
from edge.ports import Row

LISTING = "listing"
"""The part that fails while a vehicle is missing from Tessie's list."""

_OUTCOME_COLUMNS = ("id", "vin", "part", "synced_at", "refreshed_at", "first_failed_at", "failures", "error")
_CHANGES = ("handled_at", "sought_at", "reread_at")


def load(vin: str) -> Statement:
    """Return the statement that finds the parts of a vehicle."""
    return Statement("SELECT * FROM sync_parts WHERE vin = ?", (vin,))


def note_listing(cars: Mapping[str, ListedCar], missing: Iterable[Row], now: datetime) -> list[Statement]:
    """Return the statements that store a list's news: the kinds that changed, and the vehicles that it lacks.

    `missing` are rows of vehicles with the part's `first_failed_at` and `failures`.
    """
    rows = [
        (f"{row['id']}-{LISTING}", row["id"], LISTING, row["first_failed_at"] or to_text(now), row["failures"] + 1)
        for row in missing
    ]
    listed = Statement(_LISTED, (to_json(sorted(cars)).decode(),))
    return [
        *note_changes(cars),
        *upsert("sync_parts", ("id", "vin", "part", "first_failed_at", "failures"), rows),
        listed,
    ]


def note_changes(cars: Mapping[str, ListedCar]) -> list[Statement]:
    """Return the statements that store when each kind of history changed, by Tessie's list."""
    changed = [
        (f"{vin}-{kind}", vin, kind, at) for vin, listed in cars.items() for kind, at in listed.changed_at.items()
    ]
    return upsert("sync_parts", ("id", "vin", "part", "changed_at"), changed)


def outcomes(vin: str, walk: Walk, before: Mapping[str, Row], now: datetime) -> list[Statement]:
    """Return the statements that store how each part of a walk ended; `before` are the rows of the parts."""
    rows: list[tuple[object, ...]] = []
    for part, trail in walk.parts.items():
        row = before.get(part, {})
        if trail.status == "failed":
            state = (row.get("synced_at"), row.get("refreshed_at"), failing_since(row, now))
            rows.append((f"{vin}-{part}", vin, part, *state, row.get("failures", 0) + 1, trail.error))
        else:
            # If Tessie's list contradicts the records, the next sync reads from the same time on.
            since = row.get("synced_at") if trail.is_contradicted else from_epoch(walk.since)
            refreshed = since if trail.floor == 0 else row.get("refreshed_at")
            rows.append((f"{vin}-{part}", vin, part, since, refreshed, None, 0, None))
    return [*upsert("sync_parts", _OUTCOME_COLUMNS, rows), *_handled(vin, walk)]


def failing_since(row: Mapping[str, object], now: datetime) -> object:
    """Return since when a part fails."""
    return row.get("first_failed_at") or to_text(now)


def begin_again(vins: str) -> Statement:
    """Return the statement that makes the next sync read the whole history of vehicles, a JSON list of VINs."""
    return Statement(
        "UPDATE sync_parts SET refreshed_at = NULL, updated_at = CURRENT_TIMESTAMP "
        "WHERE vin IN (SELECT value FROM json_each(?)) AND refreshed_at IS NOT NULL",
        (vins,),
    )


def _handled(vin: str, walk: Walk) -> list[Statement]:
    """Return the statements that store the changes found, and the progress of the search for others."""
    rows = [
        (f"{vin}-{part}", vin, part, trail.handled_at, trail.sought_at, trail.reread_at)
        for part, trail in walk.parts.items()
        if trail.status == "done" and (trail.changed_at or trail.handled_at or trail.sought_at)
    ]
    return upsert("sync_parts", ("id", "vin", "part", *_CHANGES), rows)


_LISTED = (
    "UPDATE sync_parts SET failures = 0, first_failed_at = NULL, updated_at = CURRENT_TIMESTAMP "
    f"WHERE part = '{LISTING}' AND failures > 0 AND vin IN (SELECT value FROM json_each(?))"
)
