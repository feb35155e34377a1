"""The poll: one call that wakes no vehicle finds all those that began or ended a drive or a charge."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic_core import to_json

from core_tessie.sync import account, parts, runs
from core_tessie.sync.news import difference
from core_tessie.sync.reading import KeyRefused, ListedCar, Listing, VehicleRefused, list_vehicles
from core_tessie.sync.rows import present
from core_tessie.sync.work import SyncWork
from edge import Problem, Statement, Tick
from edge.ports import Row

MOVING = frozenset({"D", "R", "N"})
CHARGING = frozenset({"Charging", "Starting"})
ENDING = frozenset({"drives", "charges"})
"""Kinds of history that are synced at once when the list shows a change."""
AT_ONCE = 200
"""Most vehicles that one poll syncs, longest waiting first: the statements of an invocation are limited."""
EVERY = 5
"""Minutes between two ticks of the clock that polls."""


class StoredState(NamedTuple):
    """The stored state: vehicles by VIN, the last changes of their history, and the vehicles that a run waits for."""

    vehicles: Mapping[str, Row]
    changed_at: Mapping[tuple[str, str], str]
    waiting: frozenset[str]


async def poll(tick: Tick, work: SyncWork) -> list[str]:
    """Sync the vehicles that began, ended or changed a drive or charge since the last poll; return their VINs."""
    every = work.settings.sync_poll_minutes
    if tick.is_dry or not every or int(tick.scheduled_at.timestamp()) // 60 % every >= EVERY:
        return []
    stored = await _load_state(work)
    if not stored.vehicles or await account.refused_since(work.db) is not None:
        return []
    request_id = f"poll-{int(tick.scheduled_at.timestamp())}"
    listing = await _list(work, request_id)
    due = [] if listing is None else _due(listing, stored)
    if listing is None or not due:
        return []
    await _take(work, {vin: listing.cars[vin] for vin in due}, stored)
    await work.begin_for(due, "poll", request_id)
    return due


async def _list(work: SyncWork, request_id: str) -> Listing | None:
    """Return Tessie's list, or None if it cannot be read: the next tick will do as well."""
    try:
        return await list_vehicles(work.tessie, request_id, patient=False)
    except KeyRefused as fault:
        run = await work.begin_empty("poll", request_id)
        await account.refuse(run["id"], fault, work.db, work.clock, work.news)
    except (VehicleRefused, Problem) as fault:
        work.journal.note(
            "info",
            "poll postponed; the next tick retries",
            route="cron",
            actor="poll",
            request_id=request_id,
            error=str(fault),
        )
    return None


async def _load_state(work: SyncWork) -> StoredState:
    vehicles, changes, waiting = await work.db.batch([Statement(_VEHICLES), Statement(_CHANGES), Statement(_WAITING)])
    return StoredState(
        {row["id"]: row for row in vehicles.rows},
        {(row["vin"], row["part"]): row["changed_at"] for row in changes.rows},
        frozenset(row["key"] for row in waiting.rows),
    )


def _due(listing: Listing, stored: StoredState) -> list[str]:
    vehicles = stored.vehicles
    due = [
        vin
        for vin, car in listing.cars.items()
        if vin in vehicles and vin not in stored.waiting and _is_news(vin, car, stored)
    ]
    return sorted(due, key=lambda vin: (vehicles[vin]["synced_at"] or "", vin))[:AT_ONCE]


def _is_news(vin: str, car: ListedCar, stored: StoredState) -> bool:
    """Tell whether an activity began or ended, or a record of a parked vehicle changed.

    While a vehicle drives or charges its records change all the time; so does the idle of a parked one.
    """
    before = stored.vehicles[vin]
    now = activity_of(car.last_state or {}, before)
    if now != activity_of({}, before):
        return True
    changed = {kind: at for kind, at in car.changed_at.items() if kind in ENDING}
    return now == "parked" and any(stored.changed_at.get((vin, kind), at) != at for kind, at in changed.items())


def activity_of(state: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Return `driving`, `charging` or `parked` for a state object; a part that it lacks is as `before`, a row."""
    shift = _member(state, "drive_state", "shift_state", before)
    charging = _member(state, "charge_state", "charging_state", before)
    if shift in MOVING:
        return "driving"
    return "charging" if charging in CHARGING else "parked"


def _member(state: Mapping[str, Any], part: str, name: str, before: Mapping[str, Any]) -> str | None:
    """Return a text of a part of a state, None if it cannot be read, and the stored one without the part."""
    members = state.get(part)
    value = members.get(name) if isinstance(members, Mapping) else before.get(name)
    return value if isinstance(value, str) else None


async def _take(work: SyncWork, cars: Mapping[str, ListedCar], stored: StoredState) -> None:
    """Store the list's state of the vehicles that are due, so that the next poll does not find them due again."""
    states = [part for vin, car in cars.items() if car.last_state for part in present(vin, car.last_state)]
    look = Statement("SELECT * FROM vehicles WHERE id IN (SELECT value FROM json_each(?))", (_json(list(cars)),))
    *_, after = await work.db.batch([*states, *parts.note_changes(cars), look])
    for row in after.rows:
        work.news.changed(row["id"], difference(stored.vehicles[row["id"]], row))


def _json(values: list[str]) -> str:
    return to_json(values).decode()


_VEHICLES = "SELECT * FROM vehicles WHERE is_active = 1 AND backfilled_at IS NOT NULL"
_CHANGES = "SELECT vin, part, changed_at FROM sync_parts WHERE changed_at IS NOT NULL"
_WAITING = (
    "SELECT DISTINCT key FROM sync_runs, json_each(progress) WHERE ended_at IS NULL "
    f"AND value ->> 'status' NOT IN {runs.ENDED}"
)
