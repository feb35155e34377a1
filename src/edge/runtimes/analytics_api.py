"""Reads Analytics Engine datasets with its SQL API, over HTTP."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from edge.errors import NotConfigured
from edge.ports import Fetch, Fetched, PortError
from edge.ports.telemetry import Total
from edge.runtimes.limits import check_totals

API_URL = "https://api.cloudflare.com/client/v4"
TIMEOUT = 20.0
"""Seconds that a query may take."""

_ACCOUNT = re.compile(r"[0-9a-f]{32}")
_DATASET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_TOKEN = re.compile(r"[!-~]+")
_URL = re.compile(r"https?://[!-~]+")


class AnalyticsApi:
    """Reads one dataset. `variable` returns a variable or secret by name; it is called at each query.

    Needed are `CLOUDFLARE_ACCOUNT_ID`, `CLOUDFLARE_API_TOKEN` (with the permission Account Analytics: Read) and
    `ANALYTICS_DATASET`. `CLOUDFLARE_API_URL` replaces the API's address.
    """

    def __init__(self, variable: Callable[[str], str | None]) -> None:
        self._variable = variable

    async def totals(self, fetch: Fetch, blobs: Sequence[int], doubles: Sequence[int], since: datetime) -> list[Total]:
        """Return the totals; the contract is `Telemetry.totals`."""
        check_totals(blobs, doubles)
        dataset = self._setting("ANALYTICS_DATASET", _DATASET)
        rows = _rows(await self._ask(fetch, totals_sql(dataset, blobs, doubles, since)))
        try:
            return [_total(row, blobs, doubles) for row in rows]
        except (KeyError, TypeError, ValueError):
            raise PortError("Analytics Engine's answer lacks a requested column") from None

    async def _ask(self, fetch: Fetch, sql: str) -> Fetched:
        account = self._setting("CLOUDFLARE_ACCOUNT_ID", _ACCOUNT)
        token = self._setting("CLOUDFLARE_API_TOKEN", _TOKEN)
        base = self._setting("CLOUDFLARE_API_URL", _URL, API_URL).rstrip("/")
        headers = [("authorization", f"Bearer {token}"), ("content-type", "text/plain")]
        url = f"{base}/accounts/{account}/analytics_engine/sql"
        return await fetch("POST", url, headers=headers, body=sql.encode(), timeout=TIMEOUT)

    def _setting(self, name: str, form: re.Pattern[str], default: str | None = None) -> str:
        value = self._variable(name) or default
        if not value:
            raise NotConfigured(name)
        if not form.fullmatch(value):
            raise NotConfigured(name, "is not valid")
        return value


def totals_sql(dataset: str, blobs: Sequence[int], doubles: Sequence[int], since: datetime) -> str:
    """Return the SQL query for totals, made of numbers and constants. A row may stand for `_sample_interval` points."""
    groups = [f"blob{number}" for number in blobs]
    sums = [f"SUM(_sample_interval * double{number}) AS sum{number}" for number in doubles]
    grouped = f" GROUP BY {', '.join(groups)}" if groups else ""
    return (
        f"SELECT {', '.join([*groups, 'SUM(_sample_interval) AS points', *sums])} FROM {dataset} "
        f"WHERE timestamp >= toDateTime({int(since.timestamp())}){grouped} "
        f"ORDER BY {', '.join(['points DESC', *groups])} FORMAT JSON"
    )


def _rows(answer: Fetched) -> list[dict[str, Any]]:
    if answer.status in {400, 404, 422} and b"unable to find type of table" in answer.body:
        return []  # a dataset comes into being with its first point
    if answer.status != 200:
        text = answer.body[:300].decode("utf-8", "replace")
        raise PortError(f"Analytics Engine answered {answer.status}: {text}")
    try:
        rows = from_json(answer.body)["data"]
    except (ValueError, KeyError, TypeError):
        rows = None
    if not isinstance(rows, list):
        raise PortError("Analytics Engine's answer does not fit its documentation")
    return rows


def _total(row: Mapping[str, Any], blobs: Sequence[int], doubles: Sequence[int]) -> Total:
    """Return a row as a total. 64-bit integers come as strings, and sums over nothing as null."""
    sums = tuple(float(row[f"sum{number}"] or 0) for number in doubles)
    return Total(tuple(str(row[f"blob{number}"]) for number in blobs), int(row["points"] or 0), sums)
