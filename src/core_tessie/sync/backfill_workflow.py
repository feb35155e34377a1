"""The backfill as a workflow: a durable step for the plan, for some windows of each vehicle, and for the result."""

from typing import Any, NamedTuple

from pydantic import BaseModel

from core_tessie.actions.work import ActionWork
from core_tessie.sync.backfill import Backfill
from edge import OPERATOR, Body, Routes
from edge.ports.workflows import Run, Steps

routes = Routes("/agent/actions", tag="agent", access=OPERATOR)

THROUGH = "through"
FURTHER = "further"
CALLED_OFF = "called off"
"""The vehicle's state after a step."""


class BackfillRun(BaseModel):
    """The parameters of the workflow."""

    action_id: str


@routes.workflow("SYNC_WORKFLOW")
async def run_backfill(run: Run, body: Body[BackfillRun], work: ActionWork, backfill: Backfill) -> dict[str, Any]:
    """Backfill in durable steps. The workflow retries a failed step; then its vehicle alone is given up."""
    steps = BackfillSteps(body.action_id, run.steps, work, backfill)
    try:
        for vin in await run.steps.do("plan", steps.plan):
            if not await steps.vehicle(vin):
                await run.steps.do("called off", lambda: work.abort(body.action_id, "cancelled"))
                return {"status": "cancelled"}
    except Exception as fault:
        reason = str(fault)[:500]
        await run.steps.do("failed", lambda: work.abort(body.action_id, "failed", reason))
        raise
    return await run.steps.do("end", steps.end)


class BackfillSteps(NamedTuple):
    """The steps of one run."""

    action_id: str
    steps: Steps
    work: ActionWork
    backfill: Backfill

    async def plan(self) -> list[str]:
        """Begin the run and return its vehicles."""
        row = await self.work.read(self.action_id)
        vins = [row["vin"]] if row["vin"] else None
        return await self.backfill.plan(self.action_id, vins, row["actor"], row["request_id"], whole=True)

    async def vehicle(self, vin: str) -> bool:
        """Walk through a vehicle's history, some windows a step; False if the action was cancelled."""
        number = 0
        state = FURTHER
        while state == FURTHER:
            number += 1
            try:
                state = await self.steps.do(f"{vin} part {number}", lambda: self.windows(vin))
            except Exception as fault:  # the step's last attempt failed: go on with the other vehicles
                await self._give_up(vin, str(fault)[:500])
                return True
        return state == THROUGH

    async def _give_up(self, vin: str, reason: str) -> None:
        await self.steps.do(f"{vin} given up", lambda: self.backfill.give_up(self.action_id, vin, reason))

    async def windows(self, vin: str) -> str:
        """Copy as many windows as one invocation may."""
        if await self.work.is_cancelled(self.action_id):
            return CALLED_OFF
        return THROUGH if await self.backfill.step(self.action_id, vin) else FURTHER

    async def end(self) -> dict[str, Any]:
        """End the action with its run's result."""
        result = await self.backfill.result(self.action_id)
        await self.work.finish(self.action_id, result)
        return result
