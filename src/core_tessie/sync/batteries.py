"""Original battery capacities from Tessie's list of them: one call for all cars, which may fail."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from core_tessie.sync.reading import read_object, results
from core_tessie.tessie.client import Ask, Tessie
from core_tessie.tessie.records import Lenient
from edge import Problem, Statement


class OriginalCapacity(BaseModel):
    """A car's battery against what it was when new."""

    model_config = ConfigDict(allow_inf_nan=False)

    vin: str
    original_capacity: Lenient[float] = None
    degradation_percent: Lenient[float] = None


async def read_originals(tessie: Tessie, request_id: str) -> list[Statement]:
    """Return the statement that stores the original capacities, or none where Tessie does not give them."""
    try:
        fetched = await tessie.send(Ask("GET", "/battery_health", "distance_format=mi", request_id=request_id))
        return originals(results("battery_health", read_object("battery_health", fetched)))
    except Problem:
        return []


def originals(entries: Sequence[Any]) -> list[Statement]:
    """Return the statement that stores the original capacities of known cars; what is not given stays as it was."""
    rows = []
    for entry in entries:
        try:
            read = OriginalCapacity.model_validate(entry)
        except ValidationError:
            continue
        rows.append((read.vin, read.original_capacity, read.degradation_percent))
    return [Statement(_STORE, (to_json(rows).decode(),))] if rows else []


_STORE = (
    "UPDATE vehicles SET original_capacity_kwh = coalesce(value ->> 1, original_capacity_kwh), "
    "degradation_pct = coalesce(value ->> 2, degradation_pct), updated_at = CURRENT_TIMESTAMP "
    "FROM json_each(?) WHERE vehicles.id = value ->> 0 AND (original_capacity_kwh, degradation_pct) "
    "IS NOT (coalesce(value ->> 1, original_capacity_kwh), coalesce(value ->> 2, degradation_pct))"
)
