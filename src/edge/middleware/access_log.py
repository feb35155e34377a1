"""One JSON line for each request, and `Server-Timing` on its response."""

from time import perf_counter

from edge.http import Response
from edge.pipeline import Next
from edge.request import Request


async def access_log(request: Request, call_next: Next) -> Response:
    """Log the request, its caller and its result: the route's pattern, never the path or the query."""
    started = perf_counter()
    response = await call_next(request)
    ms = (perf_counter() - started) * 1000
    response.headers.append(("server-timing", f"app;dur={ms:.3f}"))
    log = request.ports.log
    if log.writes("info"):
        log(
            "info",
            "request",
            method=request.method,
            route=request.route or None,
            status=response.status,
            ms=round(ms, 3),
            actor=request.actor.name if request.actor else None,
            request_id=request.id,
        )
    return response
