"""`GET /colbycommands/usage`: counts, durations and outcomes of requests, syncs, actions and chats in a period."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, TypedDict

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core_tessie.console.usage_points import BLOBS, DOUBLES
from core_tessie.d1.values import EXPECTED, instant
from core_tessie.reach import ALL_VEHICLES, VehicleOutOfReach
from edge import READER, Clock, NotConfigured, Query, Routes
from edge.data import Kind
from edge.errors import BadGateway, Fault, InvalidParameter
from edge.instants import FORM, to_text
from edge.ports import PortError
from edge.ports.telemetry import Telemetry, Total
from edge.text import Matching

routes = Routes("/colbycommands/usage", tag="colbycommands", access=READER, reach=ALL_VEHICLES)

LONGEST = timedelta(days=90)
"""Points are kept for three months."""

_BY = f"(?:{'|'.join(BLOBS[1:])})"


class UsageFailed(BadGateway):
    """The dataset of usage did not answer."""

    title = "The dataset of usage did not answer"


def _instant(text: str) -> str:
    try:
        return instant(text)
    except (ValueError, OverflowError):
        raise ValueError(EXPECTED[Kind.INSTANT]) from None


class UsageQuery(BaseModel):
    """The points to count, and the dimensions to group them by."""

    model_config = ConfigDict(extra="forbid")

    since: Annotated[str, AfterValidator(_instant)] | None = Field(
        None, description="ISO 8601, at most 90 days ago; absent for 24 hours ago", examples=["2026-01-31T00:00:00Z"]
    )
    by: Annotated[str, Matching(f"{_BY}(?:,{_BY})*", f"a comma list of {', '.join(BLOBS[1:])}")] = Field(
        "name,outcome", description=f"comma list of {', '.join(BLOBS[1:])}; each kind is always told apart"
    )


class UsageTotal(TypedDict):
    """Totals of one kind: `sums` has `ms` and the kind's other measures. Members that were not requested are null."""

    kind: Annotated[str, Field(description="request, sync, action or chat")]
    name: Annotated[str | None, Field(description="route, part of a sync, kind of action, or model")]
    outcome: Annotated[str | None, Field(description="2xx to 5xx, or how it ended")]
    detail: Annotated[str | None, Field(description="method of a request, cause of a sync")]
    actor: str | None
    count: int
    mean_ms: float
    sums: dict[str, float]


class Usage(TypedDict):
    """Totals of a period, the most frequent first."""

    since: str
    until: str
    totals: list[UsageTotal]


@routes.get("", InvalidParameter, VehicleOutOfReach, NotConfigured, UsageFailed)
async def get_usage(query: Query[UsageQuery], analytics: Telemetry, clock: Clock) -> Usage:
    """Count requests, syncs, actions and chat turns.

    On Cloudflare the numbers come from Analytics Engine: they are estimates if it samples, and a point appears after
    some seconds. Bodies that are streamed count as 0 bytes, and their time ends when the response begins.
    """
    now = clock.now()
    since = _since(query, now)
    names = ("kind", *dict.fromkeys(query.by.split(",")))
    doubles = range(1, max(map(len, DOUBLES.values())) + 1)
    try:
        totals = await analytics.totals([BLOBS.index(name) + 1 for name in names], doubles, since)
    except PortError as fault:
        raise UsageFailed(str(fault), upstream="Analytics Engine") from None
    rows = sorted((_total_of(names, total) for total in totals), key=lambda row: -row["count"])
    return Usage(since=to_text(since), until=to_text(now), totals=rows)


def _since(query: UsageQuery, now: datetime) -> datetime:
    if query.since is None:
        return now - timedelta(days=1)
    since = datetime.strptime(query.since, FORM).replace(tzinfo=UTC)
    if not now - LONGEST <= since <= now:
        raise InvalidParameter([Fault(pointer="since", detail="it lies in the last 90 days")])
    return since


def _total_of(names: tuple[str, ...], total: Total) -> UsageTotal:
    values = dict(zip(names, total.blobs, strict=True))
    sums = dict(zip(DOUBLES.get(values["kind"], ("ms",)), total.sums, strict=False))
    count = total.count + round(sums.pop("more", 0))  # calls that share a point
    mean = sums["ms"] / count if count else 0.0
    rounded = {name: round(value, 3) for name, value in sums.items()}
    return UsageTotal(
        kind=values["kind"],
        name=values.get("name"),
        outcome=values.get("outcome"),
        detail=values.get("detail"),
        actor=values.get("actor"),
        count=count,
        mean_ms=round(mean, 3),
        sums=rounded,
    )
