"""Statements that bring the tables up to date with what Tessie answered."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from core_tessie.tessie.records import Capacity, Climate, Record, Software, Vehicle, VehicleSettings
from edge.data.upserts import upsert
from edge.ports import Statement


def history(kind: type[Record], vin: str, results: Sequence[object]) -> tuple[list[Statement], int]:
    """Return the upserts of a car's drives, charges or idles, and how many records were none and are left out."""
    columns = ("id", "vin", *kind.model_fields)
    rows = []
    for result in results:
        try:
            record = kind.model_validate(result)
        except ValidationError:
            continue
        rows.append((f"{vin}-{record.tessie_id}", vin, *record.model_dump().values()))
    return upsert(kind.table, columns, rows), len(results) - len(rows)


def capacities(vin: str, results: Sequence[object]) -> list[Statement]:
    """Return the upserts of a car's battery measurements, one row for each instant."""
    columns = ("id", "vin", *Capacity.model_fields)
    rows = []
    for result in results:
        try:
            capacity = Capacity.model_validate(result)
        except ValidationError:
            continue
        rows.append((f"{vin}-{capacity.recorded_at}", vin, *capacity.model_dump().values()))
    return upsert("battery_health", columns, rows)


def snapshot(vin: str, state: Mapping[str, Any], now: str) -> list[Statement]:
    """Return the upserts of everything that a state object tells: the car, its settings, climate and software.

    A sub-object that is missing leaves its columns as they were: it tells nothing about them.
    """
    statements = _present("vehicles", {"id": vin, "vin": vin}, Vehicle, state)
    statements += _present("vehicle_settings", {"id": vin, "vin": vin}, VehicleSettings, state)
    return statements + _climate(vin, state) + _software(vin, state, now)


def listed(vehicles: Mapping[str, bool]) -> list[Statement]:
    """Return the upserts that make cars known, by VIN, with whether each is active."""
    rows = [(vin, vin, is_active) for vin, is_active in vehicles.items()]
    return upsert("vehicles", ("id", "vin", "is_active"), rows)


def _present(table: str, keys: Mapping[str, str], model: type[BaseModel], state: Mapping[str, Any]) -> list[Statement]:
    values = model.model_validate(state).model_dump()
    told = {name: values[name] for name, field in model.model_fields.items() if _is_told(name, field, state)}
    row = {**keys, **told}
    return upsert(table, tuple(row), [tuple(row.values())]) if told else []


def _is_told(name: str, field: Any, state: Mapping[str, Any]) -> bool:
    first = field.validation_alias.path[0] if field.validation_alias else name
    return state.get(first) is not None


def _climate(vin: str, state: Mapping[str, Any]) -> list[Statement]:
    try:
        climate = Climate.model_validate(state)
    except ValidationError:
        return []
    columns = ("id", "vin", *Climate.model_fields)
    return upsert("climates", columns, [(f"{vin}-{climate.recorded_at}", vin, *climate.model_dump().values())])


def _software(vin: str, state: Mapping[str, Any], now: str) -> list[Statement]:
    """An update that waits, and the version that runs: its row was there before if it was seen waiting."""
    waiting = Software.model_validate(state)
    running = (Vehicle.model_validate(state).car_version or "").partition(" ")[0]
    statements = []
    if waiting.version and waiting.version.strip() and waiting.version.strip() != running:
        version = waiting.version.strip()
        status, progress = waiting.status or "available", (waiting.download_pct, waiting.install_pct)
        values = (f"{vin}-{version}", vin, version, status, now, *progress, waiting.expected_duration_s)
        statements.append(Statement(_WAITING, values))
    if running:
        statements.append(Statement(_RUNNING, (f"{vin}-{running}", vin, running, now, now)))
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
    "INSERT INTO software_updates (id, vin, version, status, first_seen_at, installed_at) "
    "VALUES (?, ?, ?, 'installed', ?, ?) ON CONFLICT (id) DO UPDATE SET status = 'installed', "
    "installed_at = excluded.installed_at, download_pct = NULL, install_pct = NULL, updated_at = CURRENT_TIMESTAMP "
    "WHERE software_updates.status IS NOT 'installed' RETURNING version, status, download_pct, install_pct"
)
