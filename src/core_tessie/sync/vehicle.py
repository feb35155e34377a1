"""One vehicle's sync: what it is like now, then its history in windows, newest first, back to the last sync."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from pydantic import BaseModel
from pydantic_core import from_json

from core_tessie.live_events import SyncProgress, SyncVehicleDone
from core_tessie.sync import runs
from core_tessie.sync.news import SyncNews, difference, looked_up
from core_tessie.sync.rows import capacities, history, snapshot
from core_tessie.tessie.client import Ask, Tessie, TessieFailed
from core_tessie.tessie.records import RECORDS
from edge.instants import from_epoch, to_epoch, to_text
from edge.ports import Clock, Fetched, Row, Statement, SystemDatabase

WINDOW = 100
"""Records that one call asks for."""
WINDOWS_AT_ONCE = 8
"""Windows that one message walks through before it puts itself back: a Worker's invocation is bounded."""
OVERLAP = timedelta(days=2)
"""Tessie corrects records later (costs, tags, merged addresses): so far each sync looks back again."""
REFRESH_AFTER = timedelta(days=30)
"""After this long, all of the history is read again."""
REFUSALS = frozenset({400, 401, 402, 403, 404})
"""Statuses that the same question would meet again."""
UNITS = {"distance_format": "mi", "temperature_format": "c"}


class VehicleRefused(Exception):
    """Tessie will not answer for this vehicle, however often it is asked."""


class TessieMalformed(TessieFailed):
    """Tessie's answer is not what its documentation says."""

    title = "Tessie's answer is not what its documentation says"


class Trail(BaseModel):
    """How far the walk back through one kind of history has come: `until` in Unix seconds, None at its end."""

    until: int | None
    rows: int = 0
    last: list[int] = []


class Walk(BaseModel):
    """A walk through a vehicle's history, kept in `vehicles.backfill`, so that it goes on where it was cut off.

    `since` is when it began and `floor` how far back it goes, both in Unix seconds; `run_id` is the run it belongs to.
    """

    run_id: str
    since: int
    floor: int
    trails: dict[str, Trail]

    @property
    def next_kind(self) -> str | None:
        """The kind of history that is not at its end yet."""
        return next((kind for kind, trail in self.trails.items() if trail.until is not None), None)


class VehicleSync(NamedTuple):
    """Brings one vehicle up to date within a run."""

    vin: str
    run_id: str
    db: SystemDatabase
    tessie: Tessie
    clock: Clock
    news: SyncNews

    async def step(self, windows: int = WINDOWS_AT_ONCE) -> bool:
        """Do as much as one message may, or fewer windows; True when the vehicle is through in this run.

        Errors: `VehicleRefused` for good; `TessieFailed` or `TessieTimeout` when it is worth another try.
        """
        vehicle, is_open = await self._load()
        if not is_open:
            return True
        walk = Walk.model_validate_json(vehicle["backfill"]) if vehicle["backfill"] else None
        if walk is None:
            await self._observe(vehicle)
            walk = self._begin(vehicle)
        for _ in range(windows):
            if walk.next_kind is None:
                await self._finish(walk)
                return walk.run_id == self.run_id
            await self._window(walk, walk.next_kind, is_first=vehicle["backfilled_at"] is None)
        return False

    async def _load(self) -> tuple[Row, bool]:
        found, waiting = await self.db.batch(
            [
                Statement("SELECT * FROM vehicles WHERE id = ?", (self.vin,)),
                Statement(
                    "SELECT 1 FROM sync_runs, json_each(progress) WHERE sync_runs.id = ? AND ended_at IS NULL "
                    "AND key = ? AND value ->> 'status' NOT IN ('succeeded', 'failed')",
                    (self.run_id, self.vin),
                ),
            ]
        )
        return (found.rows[0] if found.rows else {"backfill": None}), bool(found.rows and waiting.rows)

    async def _observe(self, vehicle: Row) -> None:
        state = await self._read("state", {})
        row = Statement("SELECT * FROM vehicles WHERE id = ?", (self.vin,))
        statements = [row]
        for statement in snapshot(self.vin, state, to_text(self.clock.now())):
            statements += [statement, runs.count_rows(self.run_id)]
        before, *written, after = await self.db.batch([*statements, row])
        self.news.changed(self.vin, difference(before.rows[0], after.rows[0]))
        if vehicle["backfilled_at"] is not None:
            self.news.updated(self.vin, (one for result in written for one in result.rows if "version" in one))

    def _begin(self, vehicle: Row) -> Walk:
        now = self.clock.now()
        floor = 0
        refreshed = vehicle["refreshed_at"]
        if refreshed and refreshed >= to_text(now - REFRESH_AFTER):
            floor = max(0, to_epoch(vehicle["synced_at"]) - int(OVERLAP.total_seconds()))
        since = int(now.timestamp())
        return Walk(run_id=self.run_id, since=since, floor=floor, trails={kind: Trail(until=since) for kind in RECORDS})

    async def _window(self, walk: Walk, kind: str, *, is_first: bool) -> None:
        trail = walk.trails[kind]
        query = {**UNITS, "from": walk.floor, "to": trail.until, "limit": WINDOW}
        found = _results(await self._read(kind, query))
        upserts, rejected = history(RECORDS[kind], self.vin, found)
        _advance(trail, found)
        back_to = from_epoch(trail.until) if trail.until else None
        facts: dict[str, object] = {kind: trail.rows, "back_to": back_to}
        if rejected:
            facts["rejected"] = rejected
        statements = [part for upsert in upserts for part in (upsert, runs.count_rows(self.run_id))]
        looked = [] if is_first else looked_up(kind, self.vin, trail.last)
        results = await self.db.batch(
            [
                *looked,
                *statements,
                Statement(_PLACE, (walk.model_dump_json(), self.vin)),
                runs.report(self.run_id, self.vin, facts),
                *looked,
            ]
        )
        if looked:
            known = {row["id"] for row in results[0].rows}
            self.news.recorded(self.vin, kind, (row for row in results[-1].rows if row["id"] not in known))
        progress = SyncProgress(run_id=self.run_id, kind=kind, rows=trail.rows, back_to=back_to)
        self.news.progressed(self.vin, progress)

    async def _finish(self, walk: Walk) -> None:
        span = {"from": walk.floor, "to": walk.since, "distance_format": "mi"}
        measured = capacities(self.vin, _results(await self._read("battery_health", span, may_be_refused=True)))
        since = from_epoch(walk.since)
        refreshed = since if walk.floor == 0 else None
        now = self.clock.now()
        *_, noted, closed = await self.db.batch(
            [
                *measured,
                Statement(_FINISH, (since, refreshed, since, self.vin)),
                runs.report(walk.run_id, self.vin, {"status": "succeeded", "error": None, "back_to": None}),
                runs.close(walk.run_id, now),
            ]
        )
        if noted.rows:
            done = SyncVehicleDone(run_id=walk.run_id, rows={kind: trail.rows for kind, trail in walk.trails.items()})
            self.news.vehicle_done(self.vin, done, (now.timestamp() - walk.since) * 1000)
        self.news.ended(closed.rows)

    async def _read(self, path: str, query: Mapping[str, object], *, may_be_refused: bool = False) -> dict[str, Any]:
        ask = Ask("GET", f"/{self.vin}/{path}", urlencode(query), vin=self.vin, request_id=self.run_id)
        fetched = await self.tessie.send(ask)
        if fetched.status in REFUSALS:
            if may_be_refused and fetched.status in {403, 404}:
                return {"results": []}
            raise VehicleRefused(f"{path}: Tessie answered {fetched.status}")
        return _object(path, fetched)


async def listed_vehicles(tessie: Tessie, request_id: str) -> dict[str, bool]:
    """Return the VINs that Tessie lists, with whether each is active. Errors: as `VehicleSync.step`."""
    fetched = await tessie.send(Ask("GET", "/vehicles", request_id=request_id))
    if fetched.status in REFUSALS:
        raise VehicleRefused(f"vehicles: Tessie answered {fetched.status}")
    listing = [one for one in _results(_object("vehicles", fetched)) if isinstance(one, dict)]
    return {one["vin"]: one.get("is_active") is not False for one in listing if isinstance(one.get("vin"), str)}


def _object(path: str, fetched: Fetched) -> dict[str, Any]:
    if fetched.status != 200:
        raise TessieFailed(f"{path}: Tessie answered {fetched.status}", upstream="Tessie")
    try:
        value = from_json(fetched.body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise TessieMalformed(f"{path}: not a JSON object", upstream="Tessie")
    return value


def _results(value: Mapping[str, Any]) -> list[Any]:
    results = value.get("results")
    if not isinstance(results, list):
        raise TessieMalformed("no list of results", upstream="Tessie")
    return results


def _advance(trail: Trail, results: list[Any]) -> None:
    """Move a trail past a window. The next one ends where the oldest record of this one began.

    That record comes again there: a window that brings nothing else is the end, and so is one that is not full.
    """
    records = [one for one in results if isinstance(one, dict) and _is_time(one.get("started_at"))]
    fresh = [one for one in records if one.get("id") not in trail.last]
    trail.rows += len(fresh)
    trail.last = [one["id"] for one in records if isinstance(one.get("id"), int)]
    oldest = min((int(one["started_at"]) for one in records), default=None)
    trail.until = oldest if fresh and len(results) >= WINDOW else None


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_PLACE = "UPDATE vehicles SET backfill = ?, updated_at = CURRENT_TIMESTAMP WHERE id = ?"
_FINISH = (
    "UPDATE vehicles SET updated_at = CURRENT_TIMESTAMP, synced_at = ?, "
    "refreshed_at = coalesce(?, refreshed_at), backfilled_at = coalesce(backfilled_at, ?), backfill = NULL WHERE id = ?"
)
