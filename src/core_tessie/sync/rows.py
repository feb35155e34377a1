"""Statements that bring the tables up to date with Tessie's answers."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from core_tessie.overrides import upsert_from_tessie
from core_tessie.tessie.records import CAPACITY, CLIMATE, SETTINGS, SOFTWARE, VEHICLE, Read, Source, read, read_id
from edge import Statement
from edge.data.upserts import upsert


class Records(NamedTuple):
    """The records of an answer as upserts; `unreadable` counts by name the fields that could not be read.

    `ids` are Tessie's ids of all records, None if some record lacks one.
    """

    upserts: list[Statement]
    unreadable: Counter[str]
    ids: list[int] | None
    newest_update: str


def history(source: Source, vin: str, results: Sequence[object], counted: Collection[int] = ()) -> Records:
    """Return the upserts of a car's drives, charges or idles; ids in `counted` are not counted again."""
    records: dict[str, Read] = {}
    unreadable: Counter[str] = Counter()
    updates = [""]
    for result in results:
        record = read(source, result)
        row, dropped = record
        if row is None or row["tessie_id"] not in counted:
            unreadable.update(dropped)
        if row is not None:
            records[f"{vin}-{row['tessie_id']}"] = record
            updates.append(row["tessie_updated_at"] or "")
    ids = [read_id(result.get("id")) if isinstance(result, dict) else None for result in results]
    valid_ids = [id_ for id_ in ids if id_ is not None]
    return Records(
        _upserts(source, vin, records),
        unreadable,
        valid_ids if len(valid_ids) == len(ids) else None,
        max(updates),
    )


def capacities(vin: str, results: Sequence[object]) -> tuple[list[Statement], Counter[str]]:
    """Return the upserts of a car's battery measurements, one row an instant, and the count of unreadable fields."""
    records: dict[str, Read] = {}
    unreadable: Counter[str] = Counter()
    for result in results:
        record = read(CAPACITY, result)
        unreadable.update(record.unreadable)
        if record.row is not None:
            records[f"{vin}-{record.row['recorded_at']}"] = record
    return _upserts(CAPACITY, vin, records), unreadable


def _upserts(source: Source, vin: str, records: Mapping[str, Read]) -> list[Statement]:
    """Return the upserts of records by id; a stored value stays where the new one cannot be read."""
    rows: dict[tuple[str, ...], list[tuple[object, ...]]] = {}
    for id_, (row, unreadable) in records.items():
        columns = tuple(name for name in source.columns if name not in unreadable)
        rows.setdefault(columns, []).append((id_, vin, *((row or {})[name] for name in columns)))
    return [
        statement
        for columns, group in rows.items()
        for statement in upsert_from_tessie(source.table, ("id", "vin", *columns), group)
    ]


def snapshot(vin: str, state: Mapping[str, Any], now: str) -> list[Statement]:
    """Return the upserts of all data in a state object: the car, its settings, climate and software.

    A missing sub-object leaves its columns as they were.
    """
    statements = present(vin, state)
    statements += _present(SETTINGS, vin, state)
    return statements + _climate(vin, state) + _software(vin, state, now)


def present(vin: str, state: Mapping[str, Any]) -> list[Statement]:
    """Return the upsert of a state object's values about the car itself."""
    return _present(VEHICLE, vin, _named(state))


def unreadable_in(state: Mapping[str, Any]) -> Counter[str]:
    """Count by name the fields of a state object that are present and cannot be read."""
    read_all = [read(source, state) for source in (VEHICLE, SETTINGS, CLIMATE, SOFTWARE)]
    return Counter({name for row, unreadable in read_all if row is not None for name in unreadable})


def _named(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a state with the car's own name, if Tessie gives it no other."""
    name = state.get("display_name")
    own = state.get("vehicle_state")
    if (isinstance(name, str) and name.strip()) or not isinstance(own, Mapping):
        return state
    return {**state, "display_name": own.get("vehicle_name")}


def listed(vehicles: Mapping[str, bool]) -> list[Statement]:
    """Return the upserts of cars by VIN, each with whether it is active."""
    rows = [(vin, vin, is_active) for vin, is_active in vehicles.items()]
    return upsert("vehicles", ("id", "vin", "is_active"), rows)


def _present(source: Source, vin: str, state: Mapping[str, Any]) -> list[Statement]:
    present = source.members(state)
    values = {name: value for name, value in (read(source, state).row or {}).items() if name in present}
    row = {"id": vin, "vin": vin, **values}
    return upsert_from_tessie(source.table, tuple(row), [tuple(row.values())]) if values else []


def _climate(vin: str, state: Mapping[str, Any]) -> list[Statement]:
    row = read(CLIMATE, state).row
    if row is None:
        return []
    columns = ("id", "vin", *CLIMATE.columns)
    return upsert("climates", columns, [(f"{vin}-{row['recorded_at']}", vin, *row.values())])


def _software(vin: str, state: Mapping[str, Any], now: str) -> list[Statement]:
    """Return the upserts of an update that waits and of the running version, which has a row if it was seen waiting."""
    vehicle = read(VEHICLE, state).row or {}
    waiting = read(SOFTWARE, state).row or {}
    running = (vehicle.get("car_version") or "").partition(" ")[0]
    version = (waiting.get("version") or "").strip()
    statements = []
    if version and version != running:
        progress = (waiting["download_pct"], waiting["install_pct"], waiting["expected_duration_s"])
        values = (f"{vin}-{version}", vin, version, waiting["status"] or "available", now, *progress)
        statements.append(Statement(_WAITING, values))
    if running:
        statements.append(Statement(_RUNNING, (f"{vin}-{running}", vin, running, now, vin, now)))
    return statements


_WAITING = (
    "INSERT INTO software_updates (id, vin, version, status, first_seen_at, download_pct, install_pct, "
    "expected_duration_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET status = excluded.status, "
    "download_pct = excluded.download_pct, install_pct = excluded.install_pct, "
    "expected_duration_s = excluded.expected_duration_s, updated_at = CURRENT_TIMESTAMP "
    "WHERE (software_updates.status, software_updates.download_pct, software_updates.install_pct) "
    "IS NOT (excluded.status, excluded.download_pct, excluded.install_pct) "
    "RETURNING version, status, download_pct, install_pct"
)
_RUNNING = (
    "INSERT INTO software_updates (id, vin, version, status, first_seen_at, installed_at) SELECT ?, ?, ?, 'installed', "
    "?, CASE WHEN EXISTS (SELECT 1 FROM software_updates WHERE vin = ? AND status = 'installed') THEN ? END "
    "WHERE true ON CONFLICT (id) DO UPDATE SET status = 'installed', installed_at = excluded.first_seen_at, "
    "download_pct = NULL, install_pct = NULL, updated_at = CURRENT_TIMESTAMP "
    "WHERE software_updates.status IS NOT 'installed' RETURNING version, status, download_pct, install_pct"
)
"""The install time of the first version seen on a car is unknown; a later one is installed when first seen."""
