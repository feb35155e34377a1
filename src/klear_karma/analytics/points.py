"""Data points of usage, all in one layout: index and blob 1 the kind, blob 2 the day in UTC; double 1 is 1.

No point contains a user, a place or a text. The environment is not a blob: each has a dataset of its own.
"""

from typing import Literal

from edge import Clock, Request, Response
from edge.pipeline import Next
from edge.ports.telemetry import Point, Telemetry

type Kind = Literal["search", "view", "booking", "cancellation"]

KINDS: tuple[Kind, ...] = ("search", "view", "booking", "cancellation")
ROUTES: dict[tuple[str, str], tuple[Kind, int]] = {
    ("GET", "/api/practitioners/search"): ("search", 200),
    ("GET", "/api/practitioners/{practitioner_id}"): ("view", 200),
    ("POST", "/api/appointments"): ("booking", 201),
}
"""Routes that are counted: the kind, and the status of a response that counts."""


class Usage:
    """Writes data points; does nothing without a dataset."""

    def __init__(self, analytics: Telemetry | None, clock: Clock) -> None:
        self._analytics = analytics
        self._clock = clock

    def count(self, kind: Kind) -> None:
        """Count one search, view, booking or cancellation of today."""
        if self._analytics is not None:
            self._analytics.write(Point(kind, (kind, self._clock.now().date().isoformat()), (1,)))


async def count_use(request: Request, inner: Next, usage: Usage) -> Response:
    """Count a request as usage, by its route and the status of its response."""
    response = await inner(request)
    kind, status = ROUTES.get((request.method, request.route or ""), (None, 0))
    if kind is not None and response.status == status:
        usage.count(kind)
    return response
