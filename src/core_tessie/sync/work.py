"""The sync's queue messages: their kinds, their handling, and how a failed one is given up."""

from collections.abc import Awaitable
from typing import Literal, NamedTuple

from pydantic import BaseModel

from core_tessie.journal import Journal, mask
from core_tessie.settings import TessieSettings
from core_tessie.sync import account, runs
from core_tessie.sync.batteries import read_originals
from core_tessie.sync.listing import take_list
from core_tessie.sync.news import SyncNews
from core_tessie.sync.reading import KeyRefused, VehicleRefused
from core_tessie.sync.runs import Cause, SyncRun
from core_tessie.sync.vehicle import VehicleSync
from core_tessie.tessie.client import Tessie
from edge import Clock, NotConfigured, Problem, Queue, Retry, Statement, SystemDatabase
from edge.ports import PortError

QUEUE = "core-tessie-queue"
DEAD_LETTERS = "core-tessie-dlq"
SEND_LIMIT = 100
"""Messages that a queue takes at once."""


class PlanSync(BaseModel):
    """A message: find the vehicles of a run and send one message for each."""

    kind: Literal["plan_sync"] = "plan_sync"
    run_id: str


class SyncVehicle(BaseModel):
    """A message: bring one vehicle up to date."""

    kind: Literal["sync_vehicle"] = "sync_vehicle"
    run_id: str
    vin: str


type Message = PlanSync | SyncVehicle


class SyncWork(NamedTuple):
    """Begins runs and does their messages. Each method may run twice, or be cut off and run again."""

    settings: TessieSettings
    db: SystemDatabase
    queue: Queue
    tessie: Tessie
    clock: Clock
    journal: Journal
    news: SyncNews

    async def begin(self, cause: Cause, actor: str, request_id: str) -> SyncRun:
        """Begin a run; a queue message plans it."""
        run = await self._begin(cause, actor, request_id)
        await self._sent(run, self.queue.send(PlanSync(run_id=run["id"]).model_dump()))
        return run

    async def begin_at_once(self, cause: Cause, request_id: str) -> None:
        """Begin a run and plan it at once; begin none while Tessie still refuses the key."""
        if await account.is_still_refused(self.db, self.tessie, request_id):
            return
        run = await self._begin(cause, cause, request_id)
        try:
            await self._plan(run["id"])
        except KeyRefused as fault:
            await account.refuse(run["id"], fault, self.db, self.clock, self.news)
        except (Problem, VehicleRefused, PortError) as fault:
            await self._end(runs.fail(run["id"], self.clock.now(), str(fault)))
            raise

    async def begin_for(self, vins: list[str], cause: Cause, request_id: str) -> None:
        """Begin a run of some vehicles."""
        run = await self._begin(cause, cause, request_id)
        await self._sent(run, self._send(run["id"], vins))

    async def begin_empty(self, cause: Cause, request_id: str) -> SyncRun:
        """Begin a run of no vehicle, which only reports why no vehicle can be synced."""
        return await self._begin(cause, cause, request_id)

    async def do(self, message: Message, attempts: int) -> None:
        """Do one message; `Retry` if a later attempt may succeed."""
        try:
            await self._do(message)
        except KeyRefused as fault:
            await account.refuse(message.run_id, fault, self.db, self.clock, self.news)
        except (VehicleRefused, NotConfigured) as fault:
            await self.give_up(message, str(fault))
        except Problem as fault:
            self._note("warning", "sync postponed; it is retried", message, error=str(fault))
            if isinstance(message, SyncVehicle):
                facts = {"status": "retrying", "error": str(fault)}
                await self.db.batch([runs.report(message.run_id, message.vin, facts)])
            raise Retry(str(fault), self.settings.sync_retry_s * 2 ** (attempts - 1)) from None

    async def give_up(self, message: Message, reason: str | None = None) -> None:
        """Report work that will not be done in its run; without a reason, the last reported one stands."""
        if isinstance(message, SyncVehicle):
            await self._sync(message).give_up(reason)
            return
        self._note("error", "sync failed", message, error=reason)
        error = reason or "Tessie's list of vehicles cannot be read"
        await self._end(runs.fail(message.run_id, self.clock.now(), error))

    async def _begin(self, cause: Cause, actor: str, request_id: str) -> SyncRun:
        run, abandoned = await runs.begin(self.db, self.clock.now(), cause, actor, request_id)
        self.news.ended(abandoned)
        self.news.started(run)
        return run

    async def _sent(self, run: SyncRun, sending: Awaitable[None]) -> None:
        """Wait until a run's messages are sent; the run fails if the queue does not take them."""
        try:
            await sending
        except PortError as fault:
            await self._end(runs.fail(run["id"], self.clock.now(), f"the queue took no message: {fault}"))
            raise

    async def _end(self, statement: Statement) -> None:
        (ended,) = await self.db.batch([statement])
        self.news.ended(ended.rows)

    async def _do(self, message: Message) -> None:
        if isinstance(message, PlanSync):
            await self._plan(message.run_id)
            return
        if await self._sync(message).step():
            self._note("info", "vehicle synced", message)
        else:
            await self.queue.send(message.model_dump())

    def _sync(self, message: SyncVehicle) -> VehicleSync:
        rereads = self.settings.sync_reread_windows
        return VehicleSync(message.vin, message.run_id, self.db, self.tessie, self.clock, self.news, rereads)

    async def _plan(self, run_id: str) -> None:
        """Make the run wait for every vehicle that Tessie lists or that is active in the database."""
        vins = await take_list(self.db, self.tessie, self.clock, self.news, run_id)
        if stored := await read_originals(self.tessie, run_id):
            await self.db.batch(stored)
        await self._send(run_id, vins)

    async def _send(self, run_id: str, vins: list[str]) -> None:
        """Make the run wait for vehicles, and send a message for each.

        Messages are sent only when the run waits for their vehicles. A plan that is made twice sends twice, which is
        harmless: a vehicle that has ended is skipped.
        """
        _, closed = await self.db.batch([runs.expect(run_id, vins), runs.close(run_id, self.clock.now())])
        self.news.ended(closed.rows)
        messages = [SyncVehicle(run_id=run_id, vin=vin).model_dump() for vin in vins]
        for start in range(0, len(messages), SEND_LIMIT):
            await self.queue.send_batch(messages[start : start + SEND_LIMIT])

    def _note(self, level: str, text: str, message: Message, **payload: object) -> None:
        if isinstance(message, SyncVehicle):
            payload["vehicle"] = mask(message.vin)
        self.journal.note(level, text, route=f"queue:{QUEUE}", actor="sync", request_id=message.run_id, **payload)
