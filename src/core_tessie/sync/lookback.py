"""The times that a sync reads again: of records that may have changed, are open, or were removed recently."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic_core import from_json

from core_tessie.sync.walk import PARTS, Span, Trail, Walk
from core_tessie.tessie.records import RECORDS
from edge import Statement
from edge.instants import to_epoch, to_text
from edge.ports import Row

OVERLAP = timedelta(days=2)
"""Tessie corrects records later (costs, tags, merged addresses): each sync looks back so far."""
REFRESH_AFTER = timedelta(days=30)
"""After this long, all of the history is read again."""
RECHECKED_FOR = timedelta(days=3)
"""For this long after a removal, the record's time is read again: Tessie may have erred."""
OPEN_RECORDS = 10
"""Open records that are looked up one by one: the newest half of this number, and a random choice of the others."""
IDLE_REREADS = 2
"""Most windows of idles that one run reads again: a parked car's idle may change without end."""
ROLLING = ("drives", "charges")
"""Kinds that owners tag and give costs: an older window is read again with each change."""
FOLLOWED = ("charges", "idles")
"""Kinds that last for days and may be listed only at their end: read them from the last stored end on."""


class VehicleRows(NamedTuple):
    """The stored rows of a vehicle: its own, those of its parts by name, and those of `bounds` by kind."""

    vehicle: Row
    parts: Mapping[str, Row]
    bounds: Mapping[str, Row]


def bounds(vin: str, stored: VehicleRows, now: datetime) -> list[Statement]:
    """Return, for each kind of history, the statement that finds its last ends, open records and removals.

    The ends are the last before each followed kind was last up to date, which is earlier if the kind has failed since.
    """
    since = to_text(now - RECHECKED_FOR)
    openings = (vin, OPEN_RECORDS // 2, OPEN_RECORDS)
    ends = [value for kind in FOLLOWED for value in (vin, _synced_at(stored.vehicle, stored.parts.get(kind, {})))]
    return [
        Statement(_BOUNDS.format(kind=kind), (*ends, *openings, vin, kind, since, vin, kind, since, vin, kind))
        for kind in RECORDS
    ]


def begin(run_id: str, stored: VehicleRows, now: datetime, rereads: int, left: Walk | None) -> Walk:
    """Return a new walk, including the spans that another walk `left` unread."""
    since = int(now.timestamp())
    trails = {part: Trail(floor=since) for part in PARTS}
    trails["battery_health"].floor = _floor(stored.vehicle, stored.parts.get("battery_health", {}), now)
    for kind in RECORDS:
        trail = _trail(kind, stored, now)
        trail.rereads = min(rereads, IDLE_REREADS) if kind == "idles" else rereads
        trails[kind] = _with_rest(trail, kind, left)
    return Walk(run_id=run_id, since=since, parts=trails)


def _trail(kind: str, stored: VehicleRows, now: datetime) -> Trail:
    vehicle = stored.vehicle
    part = stored.parts.get(kind, {})
    bound = stored.bounds[kind]
    floor = _floor(vehicle, part, now)
    if floor and kind in FOLLOWED:
        ends = [to_epoch(end) for row in stored.bounds.values() if (end := row[f"ended_before_{kind}"])]
        floor = min(floor, max(ends, default=floor))
    spans = [Span(floor, int(now.timestamp()))]
    if floor:
        spans += [Span(at, at) for at in map(to_epoch, from_json(bound["open"])) if at < floor]
        spans += _around_removals(bound, floor)
    return Trail(
        spans=spans,
        floor=floor,
        is_first=not (part["synced_at"] if part else vehicle["backfilled_at"]),
        has_removed=bool(bound["has_removed"]),
        is_rolling=kind in ROLLING,
        changed_at=part.get("changed_at"),
        handled_at=part.get("handled_at"),
        sought_at=part.get("sought_at"),
        reread_at=part.get("reread_at"),
    )


def _floor(vehicle: Row, part: Row, now: datetime) -> int:
    """Return how far back a kind is read again, in Unix seconds; 0 for all of it."""
    rows = [vehicle, *([part] if part else [])]
    synced_at = _synced_at(vehicle, part)
    if synced_at is None or not all(row["refreshed_at"] for row in rows):
        return 0
    if min(row["refreshed_at"] for row in rows) < to_text(now - REFRESH_AFTER):
        return 0
    return max(0, to_epoch(synced_at) - int(OVERLAP.total_seconds()))


def _synced_at(vehicle: Row, part: Row) -> str | None:
    """Return when a kind was last up to date; None if never."""
    instants = [row["synced_at"] for row in (vehicle, part) if row]
    return min(instants) if all(instants) else None


def _around_removals(bound: Row, floor: int) -> list[Span]:
    if not bound["removed_from"]:
        return []
    oldest = to_epoch(bound["removed_from"])
    return [Span(oldest, min(to_epoch(bound["removed_to"]), floor))] if oldest < floor else []


def _with_rest(trail: Trail, kind: str, left: Walk | None) -> Trail:
    """Add the spans that an unfinished walk had left, instead of reading again those that it had read."""
    rest = left.parts.get(kind) if left else None
    if left is None or rest is None or not rest.rows or rest.is_rereading or rest.status == "done" or not rest.spans:
        return trail
    floor = max(0, left.since - int(OVERLAP.total_seconds()))
    newest, *others = trail.spans
    if trail.floor:
        floor = min(floor, newest.floor)
    spans = [Span(floor, newest.until), *rest.spans, *others]
    return trail.model_copy(update={"spans": spans, "floor": rest.floor})


_BOUNDS = """
SELECT
  (SELECT ended_at FROM {kind} WHERE vin = ? AND ended_at <= ? ORDER BY started_at DESC LIMIT 1)
    AS ended_before_charges,
  (SELECT ended_at FROM {kind} WHERE vin = ? AND ended_at <= ? ORDER BY started_at DESC LIMIT 1) AS ended_before_idles,
  (SELECT json_group_array(started_at) FROM (
    SELECT started_at FROM (
      SELECT started_at, row_number() OVER (ORDER BY started_at DESC) AS place
      FROM {kind} WHERE vin = ? AND ended_at IS NULL)
    ORDER BY place > ?, random() LIMIT ?)) AS open,
  (SELECT min(started_at) FROM removed_records WHERE vin = ? AND kind = ? AND removed_at >= ?) AS removed_from,
  (SELECT max(started_at) FROM removed_records WHERE vin = ? AND kind = ? AND removed_at >= ?) AS removed_to,
  EXISTS (SELECT 1 FROM removed_records WHERE vin = ? AND kind = ?) AS has_removed
"""
