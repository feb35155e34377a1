"""Original battery capacities from Tessie's list: one call for all cars; if it fails, the sync goes on."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from core_tessie.sync.reading import read_object, results
from core_tessie.tessie.client import Tessie, TessieRequest
from core_tessie.tessie.records import ORIGINAL_CAPACITY, read
from edge import Problem, Statement


async def read_originals(tessie: Tessie, request_id: str) -> list[Statement]:
    """Return the statement that stores the original capacities, or none if Tessie does not give them."""
    try:
        fetched = await tessie.send(
            TessieRequest("GET", "/battery_health", "distance_format=mi", request_id=request_id)
        )
        return originals(results("battery_health", read_object("battery_health", fetched)))
    except Problem:
        return []


def originals(entries: Sequence[Any]) -> list[Statement]:
    """Return the statement that stores the original capacities of stored cars; missing values stay as they were."""
    read_all = [read(ORIGINAL_CAPACITY, entry).row for entry in entries]
    rows = [tuple(row.values()) for row in read_all if row is not None]
    return [Statement(_STORE, (to_json(rows).decode(),))] if rows else []


_STORE = (
    "UPDATE vehicles SET original_capacity_kwh = coalesce(value ->> 1, original_capacity_kwh), "
    "degradation_pct = coalesce(value ->> 2, degradation_pct), updated_at = CURRENT_TIMESTAMP "
    "FROM json_each(?) WHERE vehicles.id = value ->> 0 AND (original_capacity_kwh, degradation_pct) "
    "IS NOT (coalesce(value ->> 1, original_capacity_kwh), coalesce(value ->> 2, degradation_pct))"
)
