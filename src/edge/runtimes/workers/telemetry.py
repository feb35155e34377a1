"""The `Telemetry` port on Analytics Engine: a binding to write to, and an HTTP API that answers SQL to read from."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Any, cast

from pydantic_core import from_json
from pyodide.ffi import JsException

from edge.errors import NotConfigured
from edge.ports import Fetch, Fetched, LimitExceeded, Log, PortError
from edge.runtimes.limits import POINTS, check_point, check_totals
from edge.runtimes.workers.border import message_of, raw, to_object
from edge.telemetry import Point, Total

API_URL = "https://api.cloudflare.com/client/v4"
TIMEOUT = 20.0
"""Seconds that a query may take."""

_ACCOUNT = re.compile(r"[0-9a-f]{32}")
_DATASET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_URL = re.compile(r"https?://[!-~]+")

_written: ContextVar[list[int]] = ContextVar("points written in this event")


def begin_event() -> None:
    """Count the points of this event and of the work that it leaves in the background by themselves."""
    _written.set([0])


class AnalyticsEngine:
    """One dataset. `variable` gives a variable or secret of the Worker by name, `runtime` a port when it is needed.

    A binding can only write. To read it needs `CLOUDFLARE_ACCOUNT_ID`, `CLOUDFLARE_API_TOKEN` (with the permission
    Account Analytics: Read), `ANALYTICS_DATASET`, and may be sent elsewhere by `CLOUDFLARE_API_URL`.
    """

    def __init__(self, binding: Any, variable: Callable[[str], str | None], runtime: Mapping[Any, object]) -> None:
        self._binding, self._variable, self._runtime = raw(binding), variable, runtime

    def write(self, point: Point) -> None:
        try:
            check_point(point)
            _count()
            self._binding.writeDataPoint(
                to_object({"indexes": [point.index], "blobs": [*point.blobs], "doubles": [*point.doubles]})
            )
        except (PortError, JsException) as fault:
            reason = message_of(fault) if isinstance(fault, JsException) else str(fault)
            cast("Log", self._runtime[Log])("warning", "point dropped", index=point.index[:96], error=reason)

    async def totals(self, blobs: Sequence[int], doubles: Sequence[int], since: datetime) -> list[Total]:
        check_totals(blobs, doubles)
        rows = _rows(await self._ask(totals_sql(self._setting("ANALYTICS_DATASET", _DATASET), blobs, doubles, since)))
        try:
            return [_total(row, blobs, doubles) for row in rows]
        except (KeyError, TypeError, ValueError):
            raise PortError("Analytics Engine's answer lacks a column that was asked for") from None

    async def probe(self) -> None:
        """A dataset has nothing that can be asked without a key: that it is bound is all there is to know."""

    async def _ask(self, sql: str) -> Fetched:
        account = self._setting("CLOUDFLARE_ACCOUNT_ID", _ACCOUNT)
        token = self._setting("CLOUDFLARE_API_TOKEN", re.compile(r"[!-~]+"))
        base = self._setting("CLOUDFLARE_API_URL", _URL, API_URL).rstrip("/")
        fetch = cast("Fetch", self._runtime[Fetch])
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
    """Return the query for totals: numbers and constants alone. A row may stand for `_sample_interval` points."""
    groups = [f"blob{number}" for number in blobs]
    sums = [f"SUM(_sample_interval * double{number}) AS sum{number}" for number in doubles]
    grouped = f" GROUP BY {', '.join(groups)}" if groups else ""
    return (
        f"SELECT {', '.join([*groups, 'SUM(_sample_interval) AS points', *sums])} FROM {dataset} "
        f"WHERE timestamp >= toDateTime({int(since.timestamp())}){grouped} "
        f"ORDER BY {', '.join(['points DESC', *groups])} FORMAT JSON"
    )


def _count() -> None:
    written = _written.get(None)
    if written is not None:
        written[0] += 1
        if written[0] > POINTS:
            raise LimitExceeded(f"point {written[0]} of one event; it takes {POINTS}")


def _rows(answer: Fetched) -> list[dict[str, Any]]:
    if answer.status != 200:
        said = answer.body[:300].decode("utf-8", "replace")
        raise PortError(f"Analytics Engine answered {answer.status}: {said}")
    try:
        rows = from_json(answer.body)["data"]
    except (ValueError, KeyError, TypeError):
        rows = None
    if not isinstance(rows, list):
        raise PortError("Analytics Engine's answer is not what its documentation says")
    return rows


def _total(row: Mapping[str, Any], blobs: Sequence[int], doubles: Sequence[int]) -> Total:
    """Return a row as a total. 64-bit integers come as strings, and sums over nothing as null."""
    sums = tuple(float(row[f"sum{number}"] or 0) for number in doubles)
    return Total(tuple(str(row[f"blob{number}"]) for number in blobs), int(row["points"] or 0), sums)
