"""Syncs that are an action: of one vehicle or all, in a run of the action's own; as a workflow, where one is bound."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from core_tessie.live_events import SyncVehicleFailed
from core_tessie.sync import runs
from core_tessie.sync.news import SyncNews
from core_tessie.sync.rows import listed
from core_tessie.sync.vehicle import VehicleRefused, VehicleSync, listed_vehicles
from core_tessie.tessie.client import Tessie
from edge.ports import Clock, Statement, SystemDatabase


class Backfill(NamedTuple):
    """The steps of such a sync. Each may be done twice, or be cut off and done again."""

    db: SystemDatabase
    tessie: Tessie
    clock: Clock
    news: SyncNews

    async def plan(
        self, run_id: str, vins: list[str] | None, actor: str, request_id: str | None, *, whole: bool
    ) -> list[str]:
        """Begin the run where it has not begun, and return the vehicles that it still waits for.

        `vins` None is every vehicle that Tessie lists or the database knows; `whole` reads all of their history again.
        """
        run = await runs.read(self.db, run_id)
        if run is None:
            known = vins if vins is not None else await self._all(run_id)
            again = [Statement(_WHOLE, (vin,)) for vin in known] if whole else []
            begun = runs.begin_for(run_id, known, self.clock.now(), actor, request_id)
            await self.db.batch([*again, *begun, runs.close(run_id, self.clock.now())])
            run = await runs.read(self.db, run_id)
        if run is None or run["ended_at"] is not None:
            return []
        return [vin for vin, facts in run["progress"].items() if facts.get("status") not in {"succeeded", "failed"}]

    async def step(self, run_id: str, vin: str, windows: int | None = None) -> bool:
        """Do a part of one vehicle's sync; True when it is through, also where Tessie refuses it for good.

        Errors: `TessieFailed` and `TessieTimeout` when it is worth another try.
        """
        sync = VehicleSync(vin, run_id, self.db, self.tessie, self.clock, self.news)
        try:
            return await (sync.step() if windows is None else sync.step(windows))
        except VehicleRefused as fault:
            await self.give_up(run_id, vin, str(fault))
            return True

    async def give_up(self, run_id: str, vin: str, reason: str) -> None:
        """Name a vehicle in the run that will not be done, and close the run where it was the last."""
        facts = {"status": "failed", "error": reason}
        statements = [runs.report(run_id, vin, facts), runs.close(run_id, self.clock.now())]
        noted, closed = await self.db.batch(statements)
        if noted.rows:
            self.news.vehicle_failed(vin, SyncVehicleFailed(run_id=run_id, error=reason))
        self.news.ended(closed.rows)

    async def result(self, run_id: str) -> dict[str, Any]:
        """Return what the run came to."""
        run = await runs.read(self.db, run_id)
        if run is None:
            return {"run_id": run_id}
        counted = ("status", "vehicles_total", "vehicles_done", "vehicles_failed", "rows_written")
        row: Mapping[str, object] = run
        return {"run_id": run_id} | {name: row[name] for name in counted}

    async def _all(self, run_id: str) -> list[str]:
        found = await listed_vehicles(self.tessie, run_id)
        if found:
            await self.db.batch(listed(found))
        return [row["id"] for row in await self.db.all("SELECT id FROM vehicles ORDER BY id")]


_WHOLE = "UPDATE vehicles SET refreshed_at = NULL, backfill = NULL, updated_at = CURRENT_TIMESTAMP WHERE id = ?"
