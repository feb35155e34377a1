"""`/api/stats`: counts and values of a user's records; amounts of different currencies are never added."""

from collections.abc import Iterable, Mapping
from typing import TypedDict

from pydantic import BaseModel, ConfigDict, Field

from edge import READER, Database, Query, Routes, Statement
from edge.ports import Row
from vinyl_vault.members import MEMBER

routes = Routes("/api/stats", tag="stats", access=READER, reach=MEMBER)

SOLD = "(sold_on IS NOT NULL OR price_sold IS NOT NULL)"
OWNED = f"deleted_at IS NULL AND status = 'owned' AND NOT {SOLD}"
_DIMENSIONS: Mapping[str, tuple[str, str]] = {
    "genres": ("genre.value", "LEFT JOIN json_each(collections.genre) AS genre"),
    "decades": ("year / 10 * 10", ""),
    "artists": ("artist COLLATE NOCASE", ""),
    "labels": ("label COLLATE NOCASE", ""),
    "media_conditions": ("media_condition", ""),
    "sleeve_conditions": ("sleeve_condition", ""),
}
"""The expression that groups the records of each list, and its join."""


class StatsOptions(BaseModel):
    """The most groups in each list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=500, description="groups in each list, the largest first")


class Amount(TypedDict):
    """A sum in minor units over a number of records."""

    currency: str
    amount: int
    records: int


class Group(TypedDict):
    """Records that share a name, or null without one; a record with two genres is in both groups."""

    name: str | None
    records: int
    value: list[Amount]


class DecadeGroup(TypedDict):
    """Records of a decade, such as 1970; null if the year is unknown."""

    decade: int | None
    records: int
    value: list[Amount]


class Stats(TypedDict):
    """Statistics of a collection.

    `owned`, `wanted` and `sold` count records; all groups and `value` include only owned records. `value` sums market
    values, `paid` and `earned` sum prices, each by currency.
    """

    owned: int
    wanted: int
    sold: int
    value: list[Amount]
    paid: list[Amount]
    earned: list[Amount]
    genres: list[Group]
    decades: list[DecadeGroup]
    artists: list[Group]
    labels: list[Group]
    media_conditions: list[Group]
    sleeve_conditions: list[Group]


_COUNTS = (
    f"SELECT count(*) FILTER (WHERE {OWNED}) AS owned, count(*) FILTER (WHERE status = 'wanted') AS wanted, "
    f"count(*) FILTER (WHERE status = 'owned' AND {SOLD}) AS sold FROM collections WHERE deleted_at IS NULL"
)


@routes.get()
async def get_stats(query: Query[StatsOptions], db: Database) -> Stats:
    """Get counts and values of your collection by genre, decade, artist, label and condition."""
    amounts = {"value": ("market_value", OWNED), "paid": ("price_paid", OWNED)}
    amounts["earned"] = ("price_sold", f"deleted_at IS NULL AND status = 'owned' AND {SOLD}")
    statements = [Statement(_COUNTS), *(_amounts(*amount) for amount in amounts.values())]
    statements += [_groups(*dimension) for dimension in _DIMENSIONS.values()]
    counts, *results = [result.rows for result in await db.batch(statements)]
    sums = dict(zip(amounts, map(_listed, results), strict=False))
    groups = dict(zip(_DIMENSIONS, (_grouped(rows)[: query.limit] for rows in results[len(amounts) :]), strict=True))
    decades = [DecadeGroup(decade=_decade(g), records=g["records"], value=g["value"]) for g in groups.pop("decades")]
    return Stats(
        owned=counts[0]["owned"],
        wanted=counts[0]["wanted"],
        sold=counts[0]["sold"],
        value=sums["value"],
        paid=sums["paid"],
        earned=sums["earned"],
        genres=groups["genres"],
        decades=decades,
        artists=groups["artists"],
        labels=groups["labels"],
        media_conditions=groups["media_conditions"],
        sleeve_conditions=groups["sleeve_conditions"],
    )


def _amounts(column: str, where: str) -> Statement:
    """Return the statement that sums a column of money by currency."""
    return Statement(
        f"SELECT {column} ->> 'currency' AS currency, sum({column} ->> 'amount') AS amount, count(*) AS records "
        f"FROM collections WHERE {column} IS NOT NULL AND {where} GROUP BY 1 ORDER BY 3 DESC, 1"
    )


def _groups(expression: str, join: str) -> Statement:
    """Return the statement that counts owned records and sums their values, by name and currency."""
    return Statement(
        f"SELECT {expression} AS name, market_value ->> 'currency' AS currency, count(*) AS records, "
        f"sum(market_value ->> 'amount') AS amount FROM collections {join} WHERE {OWNED} GROUP BY 1, 2"
    )


def _listed(rows: Iterable[Row]) -> list[Amount]:
    return [Amount(currency=row["currency"], amount=row["amount"], records=row["records"]) for row in rows]


def _grouped(rows: Iterable[Row]) -> list[Group]:
    """Merge rows per name and currency into groups, the largest first."""
    groups: dict[str, Group] = {}
    for row in rows:
        name = None if row["name"] in {None, ""} else str(row["name"])
        group = groups.setdefault((name or "").lower(), Group(name=name, records=0, value=[]))
        group["records"] += row["records"]
        if row["currency"] is not None:
            group["value"].append(Amount(currency=row["currency"], amount=row["amount"], records=row["records"]))
    for group in groups.values():
        group["value"].sort(key=lambda amount: (-amount["records"], amount["currency"]))
    return sorted(groups.values(), key=lambda group: (-group["records"], group["name"] or ""))


def _decade(group: Group) -> int | None:
    return None if group["name"] is None else int(group["name"])
