"""The account's key at Tessie: while it is refused, one run reports it, not one at every clock tick."""

from core_tessie.sync import runs
from core_tessie.sync.news import SyncNews
from core_tessie.sync.reading import KEY_REFUSED, KeyRefused, VehicleRefused, list_vehicles
from core_tessie.tessie.client import Tessie
from edge import Clock, Problem, SystemDatabase


async def refused_since(db: SystemDatabase) -> str | None:
    """Return since when Tessie refuses the key, None if the last run that ended was not refused."""
    row = await db.first(_LAST)
    return row["ended_at"] if row and (row["error"] or "").startswith(KEY_REFUSED) else None


async def check_key(db: SystemDatabase) -> str | None:
    """Return why the key is not healthy, for `/health`; None if Tessie accepted it last."""
    since = await refused_since(db)
    return f"Tessie refuses it since {since} UTC; set a valid key" if since else None


async def is_still_refused(db: SystemDatabase, tessie: Tessie, request_id: str) -> bool:
    """Tell whether the key was refused and still is; makes one call, and none if it was accepted last."""
    if await refused_since(db) is None:
        return False
    try:
        await list_vehicles(tessie, request_id)
    except KeyRefused:
        return True
    except (Problem, VehicleRefused):
        pass  # the run that begins now reports the fault
    return False


async def refuse(run_id: str, fault: KeyRefused, db: SystemDatabase, clock: Clock, news: SyncNews) -> None:
    """End a run because the key is refused, and publish the refusal if it is new."""
    since = await refused_since(db)
    (ended,) = await db.batch([runs.fail(run_id, clock.now(), str(fault))])
    if ended.rows and since is None:
        news.key_refused(run_id, str(fault))
    news.ended(ended.rows)


_LAST = "SELECT ended_at, error FROM sync_runs WHERE ended_at IS NOT NULL ORDER BY ended_at DESC, rowid DESC LIMIT 1"
