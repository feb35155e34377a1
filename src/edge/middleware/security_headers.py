"""Security headers: nosniff, CSP, frame denial, no-store."""

from edge.app import Next
from edge.http import Response
from edge.request import Request

POLICY = ("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
HEADERS = (
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("strict-transport-security", "max-age=63072000"),
    POLICY,
)
UNKEPT = ("cache-control", "no-store")
_NAMES = frozenset(name for name, _ in HEADERS)


async def security_headers(request: Request, call_next: Next) -> Response:
    """Add them. A response's own policy stays, and responses to authenticated callers are not stored by default."""
    response = await call_next(request)
    names = dict(response.headers)
    missing = HEADERS if _NAMES.isdisjoint(names) else [pair for pair in HEADERS if pair[0] not in names]
    response.headers += missing
    if request.actor is not None and UNKEPT[0] not in names:
        response.headers.append(UNKEPT)
    return response
