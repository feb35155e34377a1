"""`/api/v1/analytics`: stores events and returns counts. D1 has all events; KV caches counts of active capsules."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import Annotated, Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

from devcapsules.access.callers import USERS, KeyNotAllowed, visit_of
from devcapsules.access.keys import WidgetKeys
from devcapsules.capsules.catalogue import CapsuleNotFound
from devcapsules.events import MOST_EVENTS, Event, NewEvent, insert_events
from edge import PUBLIC, READER, Body, Clock, KeyValue, Query, Request, Routes, SystemDatabase, Tick
from edge.data import ScopedDatabase
from edge.errors import Fault, InvalidParameter
from edge.instants import to_text
from edge.ports import PortError, Row
from edge.reach import CHECKED

CRON = "* * * * *"
MOST_DAYS = 400
HOT = 200
"""Most capsules copied per run."""
FRESH_S = 60.0
"""Seconds for which a copy of counts is valid; without a valid copy they are read from D1."""
COPY_LIFETIME_S = 86_400

events = Routes("/api/v1/analytics/events", tag="analytics", access=READER, reach=CHECKED)
routes = Routes("/api/v1/analytics", tag="analytics", access=READER, reach=USERS)
public = Routes("/api/v1/capsules", tag="analytics", access=PUBLIC)

_READABLE = "SELECT id FROM capsules WHERE id IN (SELECT value FROM json_each(?))"
_TOTALS = "SELECT kind, count(*) AS n FROM analytics_events WHERE capsule_id = ? GROUP BY kind"
_DAYS = (
    "SELECT day, kind, outcome, count(*) AS n FROM analytics_events "
    "WHERE capsule_id = ? AND day BETWEEN ? AND ? GROUP BY day, kind, outcome ORDER BY day"
)
_EDITED = (
    "SELECT c.id, c.title FROM capsules AS c WHERE EXISTS (SELECT 1 FROM capsule_answers AS a "
    "WHERE a.capsule_id = c.id) ORDER BY c.created_at DESC, c.id LIMIT 1000"
)
_COUNTS = (
    "SELECT capsule_id, kind, count(*) AS n FROM analytics_events "
    "WHERE capsule_id IN (SELECT value FROM json_each(?)) GROUP BY capsule_id, kind"
)
_RECENT = "SELECT DISTINCT capsule_id FROM analytics_events WHERE created_at >= ? LIMIT ?"


class EventBatch(BaseModel):
    """A batch of events; repeated ones are recognised by id."""

    model_config = ConfigDict(extra="forbid")

    events: Annotated[list[NewEvent], Field(min_length=1, max_length=MOST_EVENTS)]


class Accepted(TypedDict):
    """The number of new events, and of events stored before."""

    accepted: int
    known: int


class Period(BaseModel):
    """A range of UTC days; the default is the last 30."""

    model_config = ConfigDict(extra="forbid")

    since: date | None = None
    until: date | None = None


class Counts(TypedDict):
    """The event counts of a capsule."""

    views: int
    attempts: int
    completions: int


class Copy(TypedDict):
    """Cached counts, and the time of their counting in seconds."""

    at: float
    counts: Counts


class DayCounts(Counts):
    """The counts of a day; `outcomes` counts attempts by outcome."""

    day: str
    outcomes: dict[str, int]


class CapsuleAnalytics(TypedDict):
    """The counts of a capsule: in total, and for each day with an event."""

    capsule_id: str
    totals: Counts
    days: list[DayCounts]


class CapsuleCounts(Counts):
    """The total counts of one of the caller's capsules."""

    capsule_id: str
    title: str


class Overview(TypedDict):
    """The counts of the caller's capsules, the newest first."""

    capsules: list[CapsuleCounts]


class EventStore:
    """Stores and counts events without a scope; callers must check access first."""

    def __init__(self, db: SystemDatabase, kv: KeyValue, clock: Clock) -> None:
        self._db = db
        self._kv = kv
        self._clock = clock

    async def add(self, events: list[Event]) -> int:
        """Add events; return the number of new ones."""
        results = await self._db.batch(insert_events(events, self._clock))
        return sum(len(result.rows) for result in results)

    async def copied(self, capsule_id: str) -> Counts:
        """Return the cached counts of a capsule; if there are none of the last minute, count and cache them."""
        if (text := await self._kv.get(_name(capsule_id))) is not None:
            copy: Copy = from_json(text)
            if self._clock.now().timestamp() - copy["at"] < FRESH_S:
                return copy["counts"]
        copies = await self._count([capsule_id])
        with suppress(PortError):  # KV takes one write a second for each key; the next reader counts again
            await self._store(copies)
        return copies[capsule_id]["counts"]

    async def copy_recent(self, *, is_dry: bool) -> int:
        """Cache the counts of capsules with events in the last two minutes; return their number."""
        since = to_text(self._clock.now() - timedelta(minutes=2))
        ids = [row["capsule_id"] for row in await self._db.all(_RECENT, since, HOT)]
        if ids and not is_dry:
            await self._store(await self._count(ids))
        return len(ids)

    async def _count(self, ids: list[str]) -> dict[str, Copy]:
        at = self._clock.now().timestamp()
        counts = _by_capsule(await self._db.all(_COUNTS, to_json(ids).decode()))
        none = Counts(views=0, attempts=0, completions=0)
        return {capsule_id: Copy(at=at, counts=counts.get(capsule_id, none)) for capsule_id in ids}

    async def _store(self, copies: Mapping[str, Copy]) -> None:
        for capsule_id, copy in copies.items():
            await self._kv.put(_name(capsule_id), to_json(copy), ttl=COPY_LIFETIME_S)


@events.post("", CapsuleNotFound, KeyNotAllowed, status=202)
async def add_events(
    body: Body[EventBatch], request: Request, db: ScopedDatabase, keys: WidgetKeys, store: EventStore
) -> Accepted:
    """Send events of capsules that you may read. The response confirms that all are stored, each once."""
    capsule_ids = {event.capsule_id for event in body.events}
    visit = visit_of(request, keys)
    if visit is not None and capsule_ids != {visit.capsule_id}:
        raise KeyNotAllowed("the page token is for another capsule")
    rows = await db.all(_READABLE, to_json(sorted(capsule_ids)).decode())
    if capsule_ids - {row["id"] for row in rows}:
        raise CapsuleNotFound("you cannot read the capsule of some event; no event was stored")
    new_events = [Event(event.id, event.capsule_id, event.kind, event.outcome) for event in body.events]
    new = await store.add(new_events)
    return Accepted(accepted=new, known=len(new_events) - new)


@routes.get("/capsules/{capsule_id}", CapsuleNotFound)
async def get_capsule_analytics(
    capsule_id: str, query: Query[Period], db: ScopedDatabase, clock: Clock
) -> CapsuleAnalytics:
    """Get the counts of a capsule that you may change, by day and outcome."""
    until = query.until or clock.now().date()
    since = query.since or date.fromordinal(max(1, until.toordinal() - 29))
    if not 0 <= (until - since).days <= MOST_DAYS:
        raise InvalidParameter([Fault(pointer="since", detail=f"must be at most {MOST_DAYS} days before until")])
    if await db.first("SELECT 1 AS yes FROM capsule_answers WHERE capsule_id = ? LIMIT 1", capsule_id) is None:
        raise CapsuleNotFound("there is no such capsule of yours")
    totals = await db.all(_TOTALS, capsule_id)
    days = await db.all(_DAYS, capsule_id, since.isoformat(), until.isoformat())
    return CapsuleAnalytics(capsule_id=capsule_id, totals=_counts(totals), days=_by_day(days))


@routes.get("/overview")
async def get_overview(db: ScopedDatabase) -> Overview:
    """Get the total counts of the capsules that you may change."""
    edited = await db.all(_EDITED)
    counts = _by_capsule(await db.all(_COUNTS, to_json([row["id"] for row in edited]).decode()))
    none = Counts(views=0, attempts=0, completions=0)
    totals = [(row, counts.get(row["id"], none)) for row in edited]
    return Overview(capsules=[CapsuleCounts(capsule_id=row["id"], title=row["title"], **n) for row, n in totals])


@public.get("/{capsule_id}/counts", CapsuleNotFound)
async def get_counts(capsule_id: str, db: ScopedDatabase, store: EventStore) -> Counts:
    """Get the counts of a public or unlisted capsule, at most a minute old."""
    if await db.first("SELECT 1 AS yes FROM capsules WHERE id = ?", capsule_id) is None:
        raise CapsuleNotFound("there is no such capsule, or you may not read it")
    return await store.copied(capsule_id)


@events.cron(CRON)
async def copy_counts(tick: Tick, store: EventStore) -> dict[str, Any]:
    """Cache the counts of capsules with recent events in KV."""
    return {"capsules": await store.copy_recent(is_dry=tick.is_dry)}


def _name(capsule_id: str) -> str:
    return f"totals:{capsule_id}"


def _counts(rows: list[Row]) -> Counts:
    totals = {row["kind"]: row["n"] for row in rows}
    return Counts(
        views=totals.get("view", 0), attempts=totals.get("attempt", 0), completions=totals.get("completion", 0)
    )


def _by_capsule(rows: list[Row]) -> dict[str, Counts]:
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row["capsule_id"], []).append(row)
    return {capsule_id: _counts(some) for capsule_id, some in grouped.items()}


def _by_day(rows: list[Row]) -> list[DayCounts]:
    days: dict[str, DayCounts] = {}
    for row in rows:
        day = days.setdefault(row["day"], DayCounts(day=row["day"], views=0, attempts=0, completions=0, outcomes={}))
        name = {"view": "views", "attempt": "attempts", "completion": "completions"}[row["kind"]]
        day[name] += row["n"]  # type: ignore[literal-required] # one of the three
        if row["kind"] == "attempt" and row["outcome"]:
            day["outcomes"][row["outcome"]] = day["outcomes"].get(row["outcome"], 0) + row["n"]
    return [*days.values()]
