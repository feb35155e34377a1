"""Syncs that are actions, of one vehicle or all, each in a run of its own; as a workflow if one is bound."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic_core import to_json

from core_tessie.sync import account, parts, runs
from core_tessie.sync.listing import take_list
from core_tessie.sync.news import SyncNews
from core_tessie.sync.reading import KeyRefused
from core_tessie.sync.vehicle import VehicleSync
from core_tessie.tessie.client import Tessie
from edge import Clock, Statement, SystemDatabase


class Backfill(NamedTuple):
    """The steps of a backfill. Each may be done twice, or be cut off and done again."""

    db: SystemDatabase
    tessie: Tessie
    clock: Clock
    news: SyncNews

    async def plan(
        self, run_id: str, vins: list[str] | None, actor: str, request_id: str | None, *, whole: bool
    ) -> list[str]:
        """Begin the run if it has not begun, and return the vehicles that it still waits for.

        Vehicles that were put off come last, those put off most often at the very end.
        `vins` None is every vehicle that Tessie lists or the database has; `whole` reads all of their history again.
        """
        run = await runs.read(self.db, run_id)
        if run is None:
            selected = vins if vins is not None else await self._all(run_id)
            vins_json = to_json(selected).decode()
            again = [Statement(_WHOLE, (vins_json,)), parts.begin_again(vins_json)] if whole else []
            begun = runs.begin_for(run_id, selected, self.clock.now(), actor, request_id)
            await self.db.batch([*again, *begun, runs.close(run_id, self.clock.now())])
            run = await runs.read(self.db, run_id)
        if run is None or run["ended_at"] is not None:
            return []
        waiting = {vin: facts for vin, facts in run["progress"].items() if facts.get("status") not in runs.ENDED}
        return sorted(waiting, key=lambda vin: waiting[vin].get("put_off", 0))

    async def step(self, run_id: str, vin: str) -> bool:
        """Do a part of one vehicle's sync; True when it has ended, also if Tessie refuses it for good.

        Errors: `TessieFailed` and `TessieTimeout` if it is worth another try.
        """
        sync = VehicleSync(vin, run_id, self.db, self.tessie, self.clock, self.news)
        try:
            return await sync.step()
        except KeyRefused as fault:
            await account.refuse(run_id, fault, self.db, self.clock, self.news)
            return True

    async def put_off(self, run_id: str, vin: str, reason: str) -> None:
        """Store that a vehicle failed, so that the others come before it."""
        run = await runs.read(self.db, run_id)
        before = run["progress"].get(vin, {}).get("put_off", 0) if run else 0
        facts = {"status": "retrying", "error": reason, "put_off": before + 1}
        await self.db.batch([runs.report(run_id, vin, facts)])

    async def give_up(self, run_id: str, vin: str, reason: str) -> None:
        """Report in the run that a vehicle, or parts of it, will not be synced."""
        await VehicleSync(vin, run_id, self.db, self.tessie, self.clock, self.news).give_up(reason)

    async def result(self, run_id: str) -> dict[str, Any]:
        """Return the status and counts of the run."""
        run = await runs.read(self.db, run_id)
        if run is None:
            return {"run_id": run_id}
        counted = ("status", "vehicles_total", "vehicles_done", "vehicles_failed", "rows_written")
        row: Mapping[str, object] = run
        return {"run_id": run_id} | {name: row[name] for name in counted}

    async def _all(self, run_id: str) -> list[str]:
        await take_list(self.db, self.tessie, self.clock, self.news, run_id)
        return [row["id"] for row in await self.db.all("SELECT id FROM vehicles ORDER BY id")]


_WHOLE = (
    "UPDATE vehicles SET refreshed_at = NULL, backfill = NULL, updated_at = CURRENT_TIMESTAMP "
    "WHERE id IN (SELECT value FROM json_each(?))"
)
