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
    before = _activity(stored.vehicles[vin])
    now = before if car.last_state is None else activity_of(car.last_state)
    if now != before:
        return True
    changed = {kind: at for kind, at in car.changed_at.items() if kind in ENDING}
    return now == "parked" and any(stored.changed_at.get((vin, kind), at) != at for kind, at in changed.items())


def activity_of(state: Mapping[str, Any]) -> str:
    """Return `driving`, `charging` or `parked` for a state object."""
    drive, charge = (state.get(name) for name in ("drive_state", "charge_state"))
    return _activity(
        {
            "shift_state": drive.get("shift_state") if isinstance(drive, Mapping) else None,
            "charging_state": charge.get("charging_state") if isinstance(charge, Mapping) else None,
        }
    )


def _activity(row: Mapping[str, Any]) -> str:
    if row["shift_state"] in MOVING:
        return "driving"
    return "charging" if row["charging_state"] in CHARGING else "parked"


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
