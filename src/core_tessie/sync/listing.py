"""Tessie's list of the account's vehicles: new, missing and returned vehicles, and changed kinds of history."""

from pydantic_core import to_json

from core_tessie.sync import archive, parts
from core_tessie.sync.news import SyncNews
from core_tessie.sync.reading import Listing, list_vehicles
from core_tessie.sync.rows import listed
from core_tessie.tessie.client import Tessie
from edge import Clock, SystemDatabase
from edge.ports import Row


async def take_list(db: SystemDatabase, tessie: Tessie, clock: Clock, news: SyncNews, run_id: str) -> list[str]:
    """Bring the stored vehicles up to date with Tessie's list, and return the VINs that a run syncs.

    These are the listed vehicles, and the active vehicles that the list lacks. Errors: as `Reader`.
    """
    listing = await list_vehicles(tessie, run_id)
    missing = await _missing(db, listing)
    is_active = {vin: car.is_active for vin, car in listing.cars.items()}
    activity = listed(is_active)
    back = archive.bring_back(to_json(list(is_active)).decode())
    changed: list[Row] = []
    returned: list[Row] = []
    if is_active or missing:
        noted = parts.note_listing(listing.cars, missing, clock.now())
        *upserts, returned_result = await db.batch([*activity, *noted, back])
        changed = [row for result in upserts[: len(activity)] for row in result.rows]
        returned = returned_result.rows
    for row in changed:
        news.changed(row["id"], {"is_active": is_active[row["id"]]})
    news.returned(returned)
    news.bad_listing(run_id, listing.unreadable)
    return sorted({*is_active, *(row["id"] for row in missing)})


async def _missing(db: SystemDatabase, listing: Listing) -> list[Row]:
    """Return the active vehicles that the list lacks, with since when and for how many runs."""
    return await db.all(_MISSING, to_json(list(listing.cars)).decode())


_MISSING = f"""
SELECT vehicles.id, first_failed_at, coalesce(failures, 0) AS failures
FROM vehicles LEFT JOIN sync_parts ON sync_parts.id = vehicles.id || '-{parts.LISTING}'
WHERE is_active = 1 AND vehicles.id NOT IN (SELECT value FROM json_each(?)) ORDER BY vehicles.id
"""
