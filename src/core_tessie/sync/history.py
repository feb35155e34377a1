"""One window of a vehicle's history: read, compared with what is here, and written in one batch."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from core_tessie.sync import removals
from core_tessie.sync.news import RECORDED, SyncNews, looked_up
from core_tessie.sync.reading import Reader, results
from core_tessie.sync.rows import Records, history
from core_tessie.sync.walk import WINDOW, Span, Trail, is_time, record_id
from core_tessie.tessie.records import RECORDS
from edge import Statement, SystemDatabase
from edge.ports import Result, Row

UNITS: Mapping[str, object] = {"distance_format": "mi", "temperature_format": "c"}


class HistoryWindow:
    """A window of one kind of history."""

    def __init__(self, vin: str, kind: str, db: SystemDatabase, reader: Reader, news: SyncNews) -> None:
        self.vin, self.kind = vin, kind
        self.db, self.reader, self.news = db, reader, news
        self.found: list[Any] = []
        self.gone: list[Row] = []
        self.is_first = False
        self.has_removed = False
        self.records = Records([], Counter(), [], "")

    async def read(self, trail: Trail) -> None:
        """Read the next window of a trail, move the trail past it, and find what Tessie no longer has."""
        self.found = await self._ask(trail.query())
        counted = set(trail.last)
        covered = trail.advance(self.found)
        self.is_first = trail.is_first
        self.has_removed = trail.has_removed
        self.gone = await self._gone(covered)
        self.records = history(RECORDS[self.kind], self.vin, self.found, counted)
        trail.unreadable = dict(Counter(trail.unreadable) + self.records.unreadable)
        trail.newest_update = max(trail.newest_update, self.records.newest_update)
        trail.error = None
        trail.settle()

    async def write(self, place: Callable[[], Sequence[Statement]], count: Statement, now: datetime) -> None:
        """Write the records with the trail's new place, and tell what is new, ended, removed or back."""
        known = self._known()
        looked = [] if self.is_first else looked_up(self.kind, self.vin, known)
        aside = await self._set_aside(known)
        restoring = removals.restore(self.kind, aside)
        removing = removals.remove(self.kind, self.vin, self.gone, now) if self.gone else []
        upserts = [part for upsert in self.records.upserts for part in (upsert, count)]
        counted = [*restoring, *upserts, *removing, *([count] if removing else [])]
        done = await self.db.batch([*looked, *counted, *place(), *looked])
        back = {row["id"] for row in done[len(looked)].rows} if restoring else set()
        self._tell(done, back if looked else set(), has_looked=bool(looked))
        if restoring:
            self.news.restored(self.vin, self.kind, done[len(looked)].rows)
        if removing:
            self.news.removed(self.vin, self.kind, done[len(looked) + len(counted) - 2].rows)

    def _tell(self, done: Sequence[Result], back: set[str], *, has_looked: bool) -> None:
        if not has_looked or self.kind not in RECORDED:
            return
        before = {row["id"]: row for row in done[0].rows}
        after = [row for row in done[-1].rows if row["id"] not in back]
        self.news.recorded(self.vin, self.kind, (row for row in after if row["id"] not in before))
        self.news.record_ended(self.vin, self.kind, (row for row in after if _ends(before.get(row["id"]), row)))

    async def _ask(self, query: Mapping[str, object]) -> list[Any]:
        return results(self.kind, await self.reader.object(self.vin, self.kind, {**UNITS, **query}))

    async def _gone(self, covered: Span) -> list[Row]:
        """Return the rows that Tessie no longer has; it is asked for their time a second time before they go."""
        ids = [record_id(one) for one in self.found]
        if None in ids or covered.floor > covered.until:
            return []
        rows = await self._missing(covered)
        if not rows:
            return []
        span = removals.around(rows)
        again = await self._ask({"from": span.floor, "to": span.until, "limit": WINDOW})
        self.found += [one for one in again if record_id(one) not in ids]
        present = {record_id(one) for one in again}
        starts = [one["started_at"] for one in again if isinstance(one, dict) and is_time(one.get("started_at"))]
        if None in present:
            return []
        floor = int(min(starts)) + 1 if starts and len(again) >= WINDOW else span.floor
        return [row for row in await self._missing(covered) if removals.around([row]).floor + 1 >= floor]

    def _known(self) -> list[int]:
        """Return Tessie's ids of the records that have one."""
        return [id_ for id_ in map(record_id, self.found) if id_ is not None]

    async def _missing(self, covered: Span) -> list[Row]:
        statement = removals.missing(self.kind, self.vin, covered, self._known())
        return await self.db.all(statement.sql, *statement.params)

    async def _set_aside(self, ids: list[int]) -> list[Row]:
        if not self.has_removed or not ids:
            return []
        statement = removals.set_aside(self.kind, self.vin, ids)
        return await self.db.all(statement.sql, *statement.params)


def _ends(before: Row | None, after: Row) -> bool:
    return after["ended_at"] is not None and (before is None or before["ended_at"] is None)
