"""The `Telemetry` port on Analytics Engine: a binding to write to, and its SQL API to read from."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from pyodide.ffi import JsException

from edge.ports import Fetch, LimitExceeded, Log, PortError
from edge.ports.telemetry import Point, Total
from edge.runtimes.analytics_api import AnalyticsApi
from edge.runtimes.limits import POINTS, check_point
from edge.runtimes.workers.js_bridge import message_of, raw, to_object
from edge.runtimes.workers.runtime import count_point


class AnalyticsEngine:
    """One dataset.

    `variable` returns a variable or secret of the Worker by name, `runtime` a port when it is needed.
    """

    def __init__(self, binding: Any, variable: Callable[[str], str | None], runtime: Mapping[Any, object]) -> None:
        self._binding = raw(binding)
        self._api = AnalyticsApi(variable)
        self._runtime = runtime

    def write(self, point: Point) -> None:
        try:
            check_point(point)
            if (number := count_point()) > POINTS:
                raise LimitExceeded(f"point {number} of one event; it takes {POINTS}")
            self._binding.writeDataPoint(
                to_object({"indexes": [point.index], "blobs": [*point.blobs], "doubles": [*point.doubles]})
            )
        except (PortError, JsException) as fault:
            reason = message_of(fault) if isinstance(fault, JsException) else str(fault)
            cast("Log", self._runtime[Log])("warning", "point dropped", index=point.index[:96], error=reason)

    async def totals(self, blobs: Sequence[int], doubles: Sequence[int], since: datetime) -> list[Total]:
        return await self._api.totals(cast("Fetch", self._runtime[Fetch]), blobs, doubles, since)

    async def probe(self) -> None:
        """Do nothing: a dataset has no request without a key, so a probe only confirms that it is bound."""
