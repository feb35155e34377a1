"""Request id and W3C trace context: the caller's if valid, else new ones."""

import os
import re

from edge.http import Response
from edge.pipeline import Next
from edge.request import Request

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")
_TRACEPARENT = re.compile(
    r"(?!ff)(?!00.{53}.)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?"
)

DRAWN = 64
"""Ids that are drawn at once: one call of the system for many requests."""
_FRESH: list[tuple[str, str]] = []
"""Ids of traces and spans that are drawn and not used. Empty at import: a snapshot of it would repeat them."""


async def request_id(request: Request, call_next: Next) -> Response:
    """Give the request its id and trace, and the response the id."""
    header = request.headers.get("x-request-id")
    request.trace_ids = trace_ids = _trace_ids(request.headers.get("traceparent"))
    request.id = header if header and _REQUEST_ID.fullmatch(header) else trace_ids[0]
    response = await call_next(request)
    response.headers.append(("x-request-id", request.id))
    return response


def _trace_ids(header: str | None) -> tuple[str, ...]:
    """Continue the caller's trace under a span of our own, or begin one (https://www.w3.org/TR/trace-context/)."""
    if header and (match := _TRACEPARENT.fullmatch(header)):
        return match[1], os.urandom(8).hex(), match[2]
    if not _FRESH:
        drawn = os.urandom(24 * DRAWN).hex()
        _FRESH.extend([(drawn[at : at + 32], drawn[at + 32 : at + 48]) for at in range(0, len(drawn), 48)])
    return _FRESH.pop()
