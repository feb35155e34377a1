"""Security headers: nosniff, CSP, frame denial, no-store."""

from edge.http import FixedHeaders, Response
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
_FIXED = (FixedHeaders(HEADERS),)
_FIXED_UNKEPT = (FixedHeaders((*HEADERS, UNKEPT)),)
_NAMES = frozenset(name for name, _ in HEADERS)


def security_headers(request: Request, response: Response) -> None:
    """Add them. A response's own policy stays, and responses to authenticated callers are not stored by default."""
    names = dict(response.headers) if response.headers else ()
    is_kept = request.actor is None or UNKEPT[0] in names
    if not names or _NAMES.isdisjoint(names):
        response.fixed += _FIXED if is_kept else _FIXED_UNKEPT
        return
    response.headers += [pair for pair in HEADERS if pair[0] not in names]
    if not is_kept:
        response.headers.append(UNKEPT)
