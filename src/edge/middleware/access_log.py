"""One JSON line for each request, and `Server-Timing` on its response."""

from time import perf_counter_ns

from edge.http import Response
from edge.pipeline import Next
from edge.request import Request

_HUNDREDTHS = [f"{number:02}" for number in range(100)]
"""Two digits each: to look them up takes half as long as to format a float."""


async def access_log(request: Request, call_next: Next) -> Response:
    """Log the request, its caller and its result: the route's pattern, never the path or the query."""
    started = perf_counter_ns()
    response = await call_next(request)
    hundredths = (perf_counter_ns() - started) // 10_000
    response.headers.append(("server-timing", f"app;dur={hundredths // 100}.{_HUNDREDTHS[hundredths % 100]}"))
    log = request.ports.log
    if log.writes("info"):
        log(
            "info",
            "request",
            method=request.method,
            route=request.route or None,
            status=response.status,
            ms=hundredths / 100,
            actor=request.actor.name if request.actor else None,
            request_id=request.id,
        )
    return response
