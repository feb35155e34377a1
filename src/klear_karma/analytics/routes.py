"""`/api/analytics`: searches, views, bookings and cancellations per day, for administrators."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import TypedDict

from pydantic import BaseModel, ConfigDict, Field

from edge import ADMIN, Clock, NotConfigured, Query, Routes
from edge.errors import BadGateway
from edge.ports import PortError
from edge.ports.telemetry import Telemetry
from edge.reach import OPEN

routes = Routes("/api/analytics", tag="analytics", access=ADMIN, reach=OPEN)

MOST_DAYS = 90
"""Data points are stored for three months."""


class AnalyticsFailed(BadGateway):
    """The analytics dataset did not answer."""

    title = "The analytics dataset did not answer"


class Period(BaseModel):
    """The number of days to count, today included."""

    model_config = ConfigDict(extra="forbid")

    days: int = Field(30, ge=1, le=MOST_DAYS)


class Day(TypedDict):
    """A day in UTC; `conversion` is bookings divided by views, null without views."""

    day: str
    searches: int
    views: int
    bookings: int
    cancellations: int
    conversion: float | None


@routes.get("/daily", NotConfigured, AnalyticsFailed)
async def get_daily_use(query: Query[Period], analytics: Telemetry, clock: Clock) -> list[Day]:
    """Count searches, views, bookings and cancellations per day, the newest first.

    On Cloudflare the numbers come from Analytics Engine: estimates if it samples, and some seconds late.
    """
    today = clock.now().date()
    first = today - timedelta(days=query.days - 1)
    try:
        totals = await analytics.totals((1, 2), (1,), datetime.combine(first, time(), UTC))
    except PortError as fault:
        raise AnalyticsFailed(str(fault), upstream="Analytics Engine") from None
    counts = Counter({(total.blobs[0], total.blobs[1]): round(total.sums[0]) for total in totals})
    return [_day(counts, (today - timedelta(days=back)).isoformat()) for back in range(query.days)]


def _day(counts: Counter[tuple[str, str]], day: str) -> Day:
    views, bookings = counts["view", day], counts["booking", day]
    return Day(
        day=day,
        searches=counts["search", day],
        views=views,
        bookings=bookings,
        cancellations=counts["cancellation", day],
        conversion=round(bookings / views, 4) if views else None,
    )
