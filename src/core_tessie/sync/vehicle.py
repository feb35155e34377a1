"""One vehicle's sync: its present state, then its history in windows, newest first; each part by itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from core_tessie.live_events import SyncPartFailed, SyncProgress, SyncUnreadable, SyncVehicleDone, SyncVehicleFailed
from core_tessie.sync import archive, lookback, parts, runs
from core_tessie.sync.history import HistoryWindow
from core_tessie.sync.news import SyncNews, difference
from core_tessie.sync.reading import Reader, TessieMalformed, VehicleRefused, results
from core_tessie.sync.rows import capacities, snapshot, unreadable_in
from core_tessie.sync.walk import Trail, Walk
from core_tessie.tessie.client import Tessie, TessieFailed, TessieTimeout
from core_tessie.tessie.records import RECORDS
from edge import Clock, Problem, Statement, SystemDatabase
from edge.instants import from_epoch, to_text
from edge.ports import Row

WINDOWS_AT_ONCE = 8
"""Windows that one message reads before it requeues itself: a Worker's invocation is limited."""
REREADS = 10
"""Windows of older history that one run reads again to find a change."""
ATTEMPTS = 5
"""Steps in which a part may fail while another succeeds, before the run gives it up."""
ERROR_LIMIT = 500
"""Characters of a vehicle's error that a run keeps."""
ABSENT = frozenset({403, 404})
"""Statuses by which Tessie says that an account has no battery measurements."""


class VehicleSync(NamedTuple):
    """Brings one vehicle up to date within a run."""

    vin: str
    run_id: str
    db: SystemDatabase
    tessie: Tessie
    clock: Clock
    news: SyncNews
    rereads: int = REREADS

    async def step(self, windows: int = WINDOWS_AT_ONCE) -> bool:
        """Do as much as one message may, or fewer windows; True when the vehicle has ended in this run.

        A part that fails holds up no other: a later step tries it again, until `give_up`.
        Errors: `KeyRefused` for good; `TessieFailed` or `TessieTimeout` if the rest is worth another try.
        """
        stored = await self._load()
        if stored is None:
            return True
        if not stored.vehicle:
            await self._fail("the vehicle is not in the database")
            return True
        walk = await self._walk(stored)
        fault: Problem | None = None
        reader = Reader(self.tessie, self.run_id)
        for part in walk.open_parts():
            try:
                windows = await self._part(walk, part, windows, reader)
            except (TessieFailed, TessieTimeout) as failed:
                fault = failed
                await self._note(walk, part, failed)
                if isinstance(failed, TessieTimeout):
                    break
        left = walk.open_parts()
        if not left:
            return await self._finish(walk, stored)
        if fault is not None and all(walk.parts[part].error for part in left):
            raise fault
        return False

    async def give_up(self, reason: str | None = None) -> None:
        """End the vehicle in this run: report the parts that failed, and keep the rows that were read."""
        stored = await self._load()
        if stored is None:
            return
        if not stored.vehicle:
            await self._fail(reason)
            return
        walk = await self._walk(stored)
        if walk.run_id != self.run_id:
            walk = await self._begin(stored, None)
        for part in walk.open_parts():
            trail = walk.parts[part]
            trail.status = "failed"
            trail.error = trail.error or reason
        await self._finish(walk, stored)

    async def _load(self) -> lookback.VehicleRows | None:
        """Return the vehicle's stored rows, which may be none; None if this run does not wait for it."""
        vehicles, waiting, part_rows = await self.db.batch(
            [
                Statement("SELECT * FROM vehicles WHERE id = ?", (self.vin,)),
                runs.waits_for(self.run_id, self.vin),
                parts.load(self.vin),
            ]
        )
        if not waiting.rows:
            return None
        return lookback.VehicleRows(
            vehicles.rows[0] if vehicles.rows else {}, {row["part"]: row for row in part_rows.rows}, {}
        )

    async def _walk(self, stored: lookback.VehicleRows) -> Walk:
        """Return the current walk, the walk of another run that waits for this vehicle too, or a new one."""
        walk = Walk.parse(stored.vehicle["backfill"])
        if walk is None:
            return await self._begin(stored, None)
        if walk.run_id == self.run_id:
            return walk
        (waiting,) = await self.db.batch([runs.waits_for(walk.run_id, self.vin)])
        return walk if waiting.rows else await self._begin(stored, walk)

    async def _begin(self, stored: lookback.VehicleRows, left: Walk | None) -> Walk:
        now = self.clock.now()
        answers = await self.db.batch(lookback.bounds(self.vin, stored, now))
        bounds = {kind: result.rows[0] for kind, result in zip(RECORDS, answers, strict=True)}
        return lookback.begin(self.run_id, stored._replace(bounds=bounds), now, self.rereads, left)

    async def _part(self, walk: Walk, part: str, windows: int, reader: Reader) -> int:
        """Read one part as far as the windows allow, and return how many of them are left."""
        trail = walk.parts[part]
        try:
            if part == "state":
                await self._observe(walk, trail, reader)
                return windows
            if part == "battery_health":
                await self._measure(walk, trail, reader)
                return windows
            while windows and walk.parts[part].status == "open":
                await self._window(walk, part, reader)
                windows -= 1
        except VehicleRefused as refusal:
            await self._refuse(walk, part, refusal)
        return windows

    async def _refuse(self, walk: Walk, part: str, refusal: VehicleRefused) -> None:
        trail = walk.parts[part]
        if part == "battery_health" and refusal.status in ABSENT:
            trail.status = "done"
            return
        trail.status = "failed"
        trail.error = str(refusal)
        trail.http_status = refusal.status
        await self.db.batch([self._place(walk)])

    async def _note(self, walk: Walk, part: str, fault: Problem) -> None:
        """Store why a part failed, so that the next step begins with the others."""
        trail = walk.parts[part]
        trail.error = str(fault)
        trail.attempts += 1
        is_alone = any(other.status == "done" for other in walk.parts.values())
        if trail.attempts >= ATTEMPTS and is_alone:
            trail.status = "failed"
        await self.db.batch([self._place(walk)])

    async def _observe(self, walk: Walk, trail: Trail, reader: Reader) -> None:
        state = await reader.object(self.vin, "state", {})
        row = Statement("SELECT * FROM vehicles WHERE id = ?", (self.vin,))
        values = snapshot(self.vin, state, to_text(self.clock.now()))
        if not values:
            raise TessieMalformed("state: no member of a state", upstream="Tessie")
        statements = [row, *(part for value in values for part in (value, runs.count_rows(self.run_id)))]
        trail.status = "done"
        trail.error = None
        trail.unreadable = dict(unreadable_in(state))
        before, *written, _, after = await self.db.batch([*statements, self._place(walk), row])
        self.news.changed(self.vin, difference(before.rows[0], after.rows[0]))
        if before.rows[0]["backfilled_at"] is not None:
            self.news.updated(self.vin, (update for result in written for update in result.rows if "version" in update))

    async def _measure(self, walk: Walk, trail: Trail, reader: Reader) -> None:
        span = {"from": trail.floor, "to": walk.since, "distance_format": "mi"}
        entries = results("battery_health", await reader.object(self.vin, "battery_health", span))
        statements, unreadable = capacities(self.vin, entries)
        trail.status = "done"
        trail.error = None
        trail.unreadable = dict(unreadable)
        counted = [part for statement in statements for part in (statement, runs.count_rows(self.run_id))]
        await self.db.batch([*counted, self._place(walk)])

    async def _window(self, walk: Walk, kind: str, reader: Reader) -> None:
        trail = walk.parts[kind].copied()  # a window that fails half-way leaves the walk before it
        window = HistoryWindow(self.vin, kind, self.db, reader, self.news)
        await window.read(trail)
        walk.parts[kind] = trail
        back_to = from_epoch(trail.back_to) if trail.back_to else None
        await window.write(
            lambda: [self._place(walk), runs.report(self.run_id, self.vin, {kind: trail.rows, "back_to": back_to})],
            runs.count_rows(self.run_id),
            self.clock.now(),
        )
        self.news.progressed(self.vin, SyncProgress(run_id=self.run_id, kind=kind, rows=trail.rows, back_to=back_to))

    async def _finish(self, walk: Walk, stored: lookback.VehicleRows) -> bool:
        now = self.clock.now()
        is_gone = archive.is_gone(walk, stored.parts)
        status = "archived" if is_gone else _status(walk)
        facts = _facts(walk, stored.parts, now, status)
        *archived, noted, closed = await self.db.batch(
            [
                *parts.outcomes(self.vin, walk, stored.parts, now),
                *archive.recount(self.vin, walk, stored.parts),
                *([archive.close(self.vin, now)] if is_gone else [_end(self.vin, walk, status)]),
                runs.report(walk.run_id, self.vin, facts),
                runs.close(walk.run_id, now),
            ]
        )
        if noted.rows:
            self._publish(walk, status, facts, (now.timestamp() - walk.since) * 1000)
        if is_gone:
            self.news.archived(self.vin, archived[-1].rows)
        self.news.ended(closed.rows)
        return walk.run_id == self.run_id

    def _publish(self, walk: Walk, status: str, facts: Mapping[str, Any], ms: float) -> None:
        """Publish how the vehicle ended, the parts that failed and the fields that could not be read."""
        if status == "failed":
            self.news.vehicle_failed(self.vin, SyncVehicleFailed(run_id=walk.run_id, error=facts.get("error")))
            return
        for part, fault in (facts.get("failing") or {}).items():
            failed = SyncPartFailed(run_id=walk.run_id, part=part, error=fault["error"], since=fault["since"])
            self.news.part_failed(self.vin, failed)
        if facts.get("unreadable"):
            self.news.unreadable(self.vin, SyncUnreadable(run_id=walk.run_id, fields=facts["unreadable"]))
        rows = {part: trail.rows for part, trail in walk.parts.items() if part in RECORDS}
        self.news.vehicle_done(self.vin, SyncVehicleDone(run_id=walk.run_id, rows=rows), ms)

    async def _fail(self, reason: str | None) -> None:
        facts = {"status": "failed"} | ({"error": reason} if reason else {})
        noted, closed = await self.db.batch(
            [runs.report(self.run_id, self.vin, facts), runs.close(self.run_id, self.clock.now())]
        )
        if noted.rows and closed.rows:
            self.news.vehicle_failed(self.vin, SyncVehicleFailed(run_id=self.run_id, error=reason))
        self.news.ended(closed.rows)

    def _place(self, walk: Walk) -> Statement:
        return Statement(_PLACE, (walk.model_dump_json(exclude_defaults=True), self.vin))


def _status(walk: Walk) -> str:
    failed = len(walk.failed())
    return "succeeded" if not failed else "failed" if failed == len(walk.parts) else "partial"


def _facts(walk: Walk, before: Mapping[str, Row], now: datetime, status: str) -> dict[str, Any]:
    """Return a run's facts about a vehicle at its end; None removes a fact reported earlier."""
    failed = walk.failed()
    errors = list(dict.fromkeys(trail.error for trail in failed.values() if trail.error))
    failing = {
        part: {"error": trail.error, "since": parts.failing_since(before.get(part, {}), now)}
        for part, trail in failed.items()
    }
    facts: dict[str, Any] = {"status": status, "back_to": None, "put_off": None}
    if errors or not failed:
        facts["error"] = "; ".join(errors)[:ERROR_LIMIT] or None
    if failing:
        facts["failing"] = failing
    unreadable = {part: trail.unreadable for part, trail in walk.parts.items() if trail.unreadable}
    return facts | ({"unreadable": unreadable} if unreadable else {})


def _end(vin: str, walk: Walk, status: str) -> Statement:
    """Return the statement that stores how a walk ended, and the rest of a history that was cut off."""
    since = from_epoch(walk.since) if status != "failed" else None
    kinds = [walk.parts[kind] for kind in RECORDS if walk.parts[kind].status == "done"]
    whole = since if kinds and all(trail.floor == 0 for trail in kinds) else None
    is_cut = any(trail.rows and trail.spans for trail in walk.failed().values())
    left = walk.model_dump_json(exclude_defaults=True) if is_cut else None
    return Statement(_END, (since, whole, since if kinds else None, left, vin))


_PLACE = "UPDATE vehicles SET backfill = ?, updated_at = CURRENT_TIMESTAMP WHERE id = ?"
_END = (
    "UPDATE vehicles SET synced_at = coalesce(?, synced_at), refreshed_at = coalesce(?, refreshed_at), "
    "backfilled_at = coalesce(backfilled_at, ?), backfill = ?, updated_at = CURRENT_TIMESTAMP WHERE id = ?"
)
