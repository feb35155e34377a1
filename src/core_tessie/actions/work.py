"""The life of an action: stored and sent together, claimed by one message, retried, given up, cancelled."""

from datetime import timedelta
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from core_tessie.actions.kinds import KINDS, PAYLOADS, ActionContext, Refused, Unfinished
from core_tessie.console.usage_points import Usage
from core_tessie.energy.summary import ReportNews
from core_tessie.journal import Journal, mask
from core_tessie.settings import TessieSettings
from core_tessie.sync.backfill import Backfill
from core_tessie.tessie.client import Tessie
from edge import Clock, Delivery, NotConfigured, Problem, Queue, Retry, SystemDatabase
from edge.instants import from_epoch, to_epoch, to_text
from edge.live.publisher import Publisher
from edge.ports import PortError, Row
from edge.ports.workflows import Workflow

UNSENT_AFTER = timedelta(seconds=10)
"""An action that is still unsent after this has lost its sender: the relay sends it."""
RELAYED = 50
WORKFLOW_VEHICLES = 20
"""Most vehicles of a backfill by workflow, which has 1,024 steps; the queue does a backfill of more."""
ENDED = frozenset({"succeeded", "failed", "dead", "cancelled"})
NOT_REPEATED = "the run was cut off: it is unknown whether the car did it; it is not repeated"


class RunAction(BaseModel):
    """A message: do an action."""

    kind: Literal["run_action"] = "run_action"
    action_id: str


class ActionWork(NamedTuple):
    """Does actions. The stored row decides: a message that comes twice finds its action done."""

    settings: TessieSettings
    db: SystemDatabase
    queue: Queue
    clock: Clock
    journal: Journal
    publisher: Publisher
    usage: Usage
    tessie: Tessie
    backfill: Backfill
    reports: ReportNews

    async def send(self, row: Row) -> None:
        """Send a stored action and mark it sent. If sending fails it stays unsent, for the relay."""
        try:
            await self.queue.send(RunAction(action_id=row["id"]).model_dump())
        except PortError as fault:
            self._note("warning", "action not sent; the relay will send it", row, error=str(fault))
            return
        await self.db.run(
            "UPDATE agent_actions SET sent_at = ?, updated_at = CURRENT_TIMESTAMP WHERE id = ?", self._now(), row["id"]
        )

    async def begin_again(self, row: Row) -> None:
        """Send an action that is retried; its sync run starts again, too."""
        await self.db.run("DELETE FROM sync_runs WHERE id = ?", row["id"])
        self.publish_status(row)
        await self.send(row)

    async def relay(self) -> int:
        """Send the stored actions that were never sent; return their number."""
        before = to_text(self.clock.now() - UNSENT_AFTER)
        rows = await self.db.all(_UNSENT, before, RELAYED)
        for row in rows:
            await self.send(row)
        return len(rows)

    async def watch(self) -> None:
        """Check backfills by workflows that have run for long: end those that have died or were cancelled."""
        rows = await self.db.all(_LONG, self._now(), RELAYED) if self.workflow else []
        for row in rows:
            assert self.workflow is not None
            if not await self._is_for_workflow(row):
                continue  # the queue delivers its message again
            status = await self.workflow.status(_instance(row))
            if row["is_called_off"]:
                await self.workflow.terminate(_instance(row))
                await self._end(row, "cancelled")
            elif status in {None, "errored", "terminated", "unknown"}:
                await self._end(row, "failed", error=f"its workflow is {status or 'gone'}")

    async def do(self, message: RunAction, delivery: Delivery) -> None:
        """Do an action, or a part of it; `Retry` if a later attempt may succeed."""
        row = await self._claim(message.action_id)
        if row is None:
            return
        self.publish_status(row)
        try:
            await self._execute(row, delivery.attempts)
        except PortError as fault:  # release the claim: the next attempt need not wait for the lease to end
            await self._requeue(row, str(fault), counts=True)
            raise

    async def _execute(self, row: Row, attempts: int) -> None:
        """Do a claimed action, or hand it over to its workflow."""
        if row["is_called_off"]:
            await self._end(row, "cancelled")
        elif row["attempts"] > 1 and not KINDS[row["kind"]].is_repeatable:
            await self._end(row, "failed", error=NOT_REPEATED)
        elif self.workflow is not None and await self._is_for_workflow(row):
            await self.workflow.start(_instance(row), {"action_id": row["id"]})
        else:
            await self._run(row, attempts)

    async def give_up(self, message: RunAction) -> None:
        """Give up an action after the last attempt of its queue."""
        row = await self.db.first("SELECT * FROM agent_actions WHERE id = ?", message.action_id)
        if row is not None and row["status"] not in ENDED:
            await self._end(row, "dead", error=row["error"] or "the last attempt of the queue failed")

    @property
    def workflow(self) -> Workflow | None:
        """The workflow that backfills, None if none is bound."""
        bound: Workflow | None = self.settings.sync_workflow
        return bound

    async def read(self, action_id: str) -> Row:
        """Return an action's row; `LookupError` if there is none."""
        row = await self.db.first("SELECT * FROM agent_actions WHERE id = ?", action_id)
        if row is None:
            raise LookupError(f"there is no action {action_id}")
        return row

    async def finish(self, action_id: str, result: dict[str, Any]) -> None:
        """End an action because its workflow has ended."""
        await self._end_with(await self.read(action_id), result)

    async def is_cancelled(self, action_id: str) -> bool:
        """Tell whether somebody has called the action off."""
        row = await self.db.first("SELECT is_called_off FROM agent_actions WHERE id = ?", action_id)
        return row is None or bool(row["is_called_off"])

    async def abort(self, action_id: str, status: str, error: str | None = None) -> None:
        """End an action because its workflow was cancelled or failed."""
        await self._end(await self.read(action_id), status, error=error)

    def publish_status(self, row: Row) -> None:
        """Publish the status of an action, and note it."""
        data = {name: row[name] for name in ("id", "kind", "status", "attempts", "error")}
        result = from_json(row["result"]) if row["result"] else None
        self.publisher.publish(f"action.{row['status']}", {**data, "result": result}, row["vin"])
        self._note("info", f"action {row['status']}", row)

    async def _is_for_workflow(self, row: Row) -> bool:
        """Tell whether a workflow does an action: a backfill of no more vehicles than the workflow's steps allow."""
        if row["kind"] != "backfill":
            return False
        if row["vin"] is not None:
            return True
        total = await self.db.first("SELECT count(*) AS number FROM vehicles")
        return total is not None and total["number"] <= WORKFLOW_VEHICLES

    async def _claim(self, action_id: str) -> Row | None:
        """Claim the action for this run alone and return it, or None if nothing is left to do."""
        now = self.clock.now()
        lease = to_text(now + timedelta(seconds=self.settings.agent_lease_s))
        result = await self.db.run(_CLAIM, to_text(now), lease, uuid4().hex, action_id, to_text(now))
        if result.rows:
            return result.rows[0]
        row = await self.db.first("SELECT status, lease_ends_at FROM agent_actions WHERE id = ?", action_id)
        if row is not None and row["status"] == "running" and row["lease_ends_at"]:
            left = to_epoch(row["lease_ends_at"]) - int(now.timestamp())
            raise Retry("another message is doing this action", max(1, min(left, 900)))
        return None

    async def _run(self, row: Row, attempts: int) -> None:
        kind = KINDS[row["kind"]]
        context = ActionContext(self.db, self.clock, self.tessie, self.reports, self.backfill, row)
        try:
            result = await kind.run(self._payload(row), context)
        except Unfinished:
            await self._requeue(row, None, counts=False)
            await self.queue.send(RunAction(action_id=row["id"]).model_dump())
        except (Refused, NotConfigured) as fault:
            await self._end(row, "failed", error=str(fault))
        except Problem as fault:
            if 400 <= fault.status < 500 or not kind.is_repeatable:
                await self._end(row, "failed", error=str(fault))
                return
            await self._requeue(row, str(fault), counts=True)
            raise Retry(str(fault), self.settings.sync_retry_s * 2 ** (attempts - 1)) from None
        else:
            await self._end_with(row, result)

    def _payload(self, row: Row) -> Any:
        """Return an action's payload; `Refused` if it is no longer allowed, or no longer valid."""
        try:
            payload = PAYLOADS[row["kind"]].validate_json(row["payload"])
        except ValidationError:
            raise Refused("its payload is not valid: ask for a new action") from None
        command = getattr(payload, "command", None)
        if command is not None and command not in self.settings.agent_commands:
            raise Refused(f"{command} is not in AGENT_COMMANDS")
        if getattr(payload, "vin", None) != row["vin"]:
            raise Refused("its payload names another vehicle than the action: ask for a new action")
        return payload

    async def _end_with(self, row: Row, result: dict[str, Any]) -> None:
        """End an action with its result: a sync that did not do every vehicle has failed."""
        failed = result.get("status") in {"failed", "partial"}
        error = f"the sync is {result['status']}: GET /colbycommands/sync/{row['id']} says why" if failed else None
        await self._end(row, "failed" if failed else "succeeded", result=result, error=error)

    async def _requeue(self, row: Row, error: str | None, *, counts: bool) -> None:
        attempts = row["attempts"] if counts else row["attempts"] - 1
        release = "lease_ends_at = NULL, claimed_by = NULL"
        sql = f"{_UPDATE} status = 'queued', attempts = ?, error = ?, {release} WHERE {_OURS}"
        result = await self.db.run(sql, attempts, error, row["id"], row["claimed_by"])
        if counts and result.rows:
            self.publish_status(result.rows[0])

    async def _end(
        self, row: Row, status: str, *, result: dict[str, Any] | None = None, error: str | None = None
    ) -> None:
        """Bring an action to its last status, once."""
        stored = to_json(result).decode() if result is not None else None
        sql = f"{_UPDATE} status = ?, result = ?, error = ?, ended_at = ?, lease_ends_at = NULL WHERE {_OPEN}"
        ended = await self.db.run(sql, status, stored, error, self._now(), row["id"])
        for action in ended.rows:
            self.publish_status(action)
            began = action["started_at"] or action["created_at"]
            ms = (to_epoch(action["ended_at"]) - to_epoch(began)) * 1000
            self.usage.action(action["kind"], status, ms, action["attempts"])

    def _now(self) -> str:
        return from_epoch(self.clock.now().timestamp())

    def _note(self, level: str, text: str, row: Row, **payload: object) -> None:
        if row["vin"]:
            payload["vehicle"] = mask(row["vin"])
        payload |= {"action": row["id"], "kind": row["kind"]}
        request_id = row["request_id"] or row["id"]
        self.journal.note(level, text, route="/agent/actions", actor=row["actor"], request_id=request_id, **payload)


def _instance(row: Row) -> str:
    """Return the id of the workflow's run for an action; each retry has an id of its own."""
    return f"{row['id']}-{row['retries']}"


_LONG = (
    "SELECT * FROM agent_actions WHERE status = 'running' AND kind = 'backfill' AND lease_ends_at < ? "
    "ORDER BY created_at LIMIT ?"
)
_UPDATE = "UPDATE agent_actions SET updated_at = CURRENT_TIMESTAMP,"
_OPEN = "id = ? AND status IN ('queued', 'running') RETURNING *"
_OURS = "id = ? AND status = 'running' AND claimed_by IS ? RETURNING *"
_CLAIM = f"""
{_UPDATE} status = 'running', attempts = attempts + 1, started_at = coalesce(started_at, ?), lease_ends_at = ?,
  claimed_by = ? WHERE id = ? AND (status = 'queued' OR (status = 'running' AND lease_ends_at < ?))
RETURNING *
"""
_UNSENT = (
    "SELECT * FROM agent_actions WHERE status = 'queued' AND sent_at IS NULL AND created_at < ? "
    "ORDER BY created_at LIMIT ?"
)
