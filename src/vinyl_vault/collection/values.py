"""`/api/stats/values`: the value of a collection by day; a schedule refreshes the prices."""

from datetime import date, timedelta
from typing import Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from edge import READER, Clock, Database, Query, Routes, Statement, SystemDatabase, Tick
from edge.instants import to_text
from vinyl_vault.collection.stats import OWNED
from vinyl_vault.members import MEMBER

CRON = "10 4 * * *"
USERS = 200
"""Number of users per statement that records values."""
PER_RUN = 5_000
"""Most records scheduled per run."""

routes = Routes("/api/stats/values", tag="stats", access=READER, reach=MEMBER)

_USERS = "SELECT id FROM users WHERE id > ? ORDER BY id LIMIT ?"
_NOTE = (
    "INSERT INTO daily_values (user_id, day, currency, amount, records) "
    "SELECT user_id, ?, market_value ->> 'currency', sum(market_value ->> 'amount'), count(*) FROM collections "
    f"WHERE user_id > ? AND user_id <= ? AND market_value IS NOT NULL AND {OWNED} GROUP BY 1, 3 "
    "ON CONFLICT (user_id, day, currency) DO UPDATE SET amount = excluded.amount, records = excluded.records"
)
_SCHEDULE = (
    "INSERT INTO details_due (user_id, record_id, import_id, release_id, due_at) "
    "SELECT user_id, id, '', discogs ->> 'id', ? FROM collections WHERE user_id > ? AND user_id <= ? "
    f"AND {OWNED} AND discogs ->> 'kind' = 'release' AND NOT EXISTS (SELECT 1 FROM details_due "
    "WHERE details_due.user_id = collections.user_id AND record_id = collections.id) LIMIT ?"
)


class HistoryOptions(BaseModel):
    """The number of days to list."""

    model_config = ConfigDict(extra="forbid")

    days: int = Field(365, ge=1, le=3_660, description="days up to today")


class DailyValue(TypedDict):
    """The sum of market values on a day, in minor units, over a number of records."""

    day: str
    currency: str
    amount: int
    records: int


@routes.get()
async def list_values(query: Query[HistoryOptions], db: Database, clock: Clock) -> list[DailyValue]:
    """List the value of your collection by day and currency, the oldest first."""
    first = clock.now().date() - timedelta(days=query.days - 1)
    rows = await db.all(
        "SELECT day, currency, amount, records FROM daily_values WHERE day >= ? ORDER BY day, currency",
        first.isoformat(),
    )
    return [DailyValue(**row) for row in rows]  # type: ignore[typeddict-item]


@routes.cron(CRON)
async def note_values(tick: Tick, db: SystemDatabase, clock: Clock) -> dict[str, Any]:
    """Record the values of all collections today, and schedule price updates for records without a schedule."""
    now = clock.now()
    last = ""
    noted = scheduled = 0
    while users := await db.all(_USERS, last, USERS):
        first, last = last, str(users[-1]["id"])
        if tick.is_dry:
            noted += len(users)
            continue
        results = await db.batch(_statements(now.date(), to_text(now), (first, last), PER_RUN - scheduled))
        noted += results[0].changes
        scheduled += results[1].changes
    return {"users": noted} if tick.is_dry else {"values": noted, "scheduled": scheduled}


def _statements(day: date, now: str, users: tuple[str, str], most: int) -> list[Statement]:
    return [Statement(_NOTE, (day.isoformat(), *users)), Statement(_SCHEDULE, (now, *users, most))]
