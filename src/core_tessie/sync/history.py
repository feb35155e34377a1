"""One window of a vehicle's history: read, compared with the stored rows, and written in one batch."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from core_tessie.sync import removals
from core_tessie.sync.news import RECORDED, SyncNews, record_lookup
from core_tessie.sync.reading import Reader, results
from core_tessie.sync.rows import Records, history
from core_tessie.sync.walk import WINDOW, Span, Trail, record_id, starts_of
from core_tessie.tessie.records import RECORDS
from edge import Statement, SystemDatabase
from edge.instants import to_epoch
from edge.ports import Result, Row

CONFIRMATIONS = 3
"""Most calls that confirm the removals of one window; rows that they do not reach stay."""
UNITS: Mapping[str, object] = {"distance_format": "mi", "temperature_format": "c"}


class HistoryWindow:
    """A window of one kind of history."""

    def __init__(self, vin: str, kind: str, db: SystemDatabase, reader: Reader, news: SyncNews) -> None:
        self.vin = vin
        self.kind = kind
        self.db = db
        self.reader = reader
        self.news = news
        self.entries: list[Any] = []
        self.gone: list[Row] = []
        self.is_first = False
        self.has_removed = False
        self.records = Records([], Counter(), [], "")

    async def read(self, trail: Trail) -> None:
        """Read the next window of a trail, move the trail past it, and find the rows that Tessie no longer has."""
        self.entries = await self._ask(trail.query())
        counted = set(trail.last)
        covered = trail.advance(self.entries)
        self.is_first = trail.is_first
        self.has_removed = trail.has_removed
        self.gone = await self._gone(covered)
        self.records = history(RECORDS[self.kind], self.vin, self.entries, counted)
        trail.unreadable = dict(Counter(trail.unreadable) + self.records.unreadable)
        trail.newest_update = max(trail.newest_update, self.records.newest_update)
        trail.error = None
        trail.settle()

    async def write(self, place: Callable[[], Sequence[Statement]], count: Statement, now: datetime) -> None:
        """Write the records with the trail's new place, and publish those that are new, ended, removed or back."""
        ids = self._ids()
        lookup = [] if self.is_first else record_lookup(self.kind, self.vin, ids)
        aside = await self._set_aside(ids)
        restoring = removals.restore(self.kind, aside)
        removing = removals.remove(self.kind, self.vin, self.gone, now) if self.gone else []
        upserts = [part for upsert in self.records.upserts for part in (upsert, count)]
        counted = [*restoring, *upserts, *removing, *([count] if removing else [])]
        done = await self.db.batch([*lookup, *counted, *place(), *lookup])
        back = {row["id"] for row in done[len(lookup)].rows} if restoring else set()
        self._publish(done, back if lookup else set(), has_lookup=bool(lookup))
        if restoring:
            self.news.restored(self.vin, self.kind, done[len(lookup)].rows)
        if removing:
            self.news.removed(self.vin, self.kind, done[len(lookup) + len(counted) - 2].rows)

    def _publish(self, done: Sequence[Result], back: set[str], *, has_lookup: bool) -> None:
        if not has_lookup or self.kind not in RECORDED:
            return
        before = {row["id"]: row for row in done[0].rows}
        after = [row for row in done[-1].rows if row["id"] not in back]
        self.news.recorded(self.vin, self.kind, (row for row in after if row["id"] not in before))
        self.news.record_ended(self.vin, self.kind, (row for row in after if _ends(before.get(row["id"]), row)))

    async def _ask(self, query: Mapping[str, object]) -> list[Any]:
        return results(self.kind, await self.reader.object(self.vin, self.kind, {**UNITS, **query}))

    async def _gone(self, covered: Span) -> list[Row]:
        """Return the rows that Tessie no longer has; their time is read a second time to confirm it."""
        ids = [record_id(entry) for entry in self.entries]
        if None in ids or covered.floor > covered.until:
            return []
        rows = await self._missing(covered)
        if not rows:
            return []
        floor = await self._confirmed_from(rows)
        return [row for row in await self._missing(covered) if to_epoch(row["started_at"]) >= floor]

    async def _confirmed_from(self, rows: Sequence[Row]) -> float:
        """Read the time of rows again, and return the instant from which the answers have all of Tessie's records."""
        span = removals.around(rows)
        oldest = min(to_epoch(row["started_at"]) for row in rows)
        whole_from = math.inf
        seen: set[int | None] = set()
        for _ in range(CONFIRMATIONS):
            again = await self._ask({"from": span.floor, "to": span.until, "limit": WINDOW})
            ids = {record_id(entry) for entry in again}
            if None in ids:
                break
            known = set(self._ids())
            self.entries += [entry for entry in again if record_id(entry) not in known]
            starts = [start for start in starts_of(again) if span.floor <= start <= span.until]
            if not starts or ids <= seen:
                return span.floor
            whole_from = min(starts) + 1
            if oldest >= whole_from:
                break
            seen |= ids
            span = Span(span.floor, min(starts))
        return whole_from

    def _ids(self) -> list[int]:
        """Return Tessie's ids of the records that have one."""
        return [id_ for id_ in map(record_id, self.entries) if id_ is not None]

    async def _missing(self, covered: Span) -> list[Row]:
        statement = removals.missing(self.kind, self.vin, covered, self._ids())
        return await self.db.all(statement.sql, *statement.params)

    async def _set_aside(self, ids: list[int]) -> list[Row]:
        if not self.has_removed or not ids:
            return []
        statement = removals.set_aside(self.kind, self.vin, ids)
        return await self.db.all(statement.sql, *statement.params)


def _ends(before: Row | None, after: Row) -> bool:
    return after["ended_at"] is not None and (before is None or before["ended_at"] is None)
