"""Cross-origin access, by an exact list of origins (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

import re
from functools import lru_cache

from edge.app import Next
from edge.http import HeaderList, Response
from edge.request import Request
from edge.settings import Settings

_EXPOSED = (
    "etag, content-range, link, location, preference-applied, ratelimit, ratelimit-policy, retry-after, "
    "server-timing, x-request-id"
)
_MAX_AGE = "7200"
LONGEST = 4_000
"""Most characters of an origin, and of a list of headers, that are read: answers are cached by the first."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


async def cors(request: Request, call_next: Next, settings: Settings) -> Response:
    """Answer a preflight, and tell the browser on every other response whether the page may read it."""
    origin = request.headers.get("origin")
    allowed = () if "cors_allowed_origins" in settings.faults else settings.cors_allowed_origins
    granted = _grant(allowed, origin if origin is None or len(origin) <= LONGEST else "")
    if request.method == "OPTIONS" and origin and request.headers.get("access-control-request-method"):
        return Response(status=204, headers=_preflight(request) + list(granted))
    response = await call_next(request)
    response.headers += granted
    return response


@lru_cache(maxsize=256)
def _grant(allowed: tuple[str, ...], origin: str | None) -> tuple[tuple[str, str], ...]:
    exposed = ("access-control-expose-headers", _EXPOSED)
    if "*" in allowed:
        return (("access-control-allow-origin", "*"), exposed)
    if origin in allowed or (len(allowed) == 1 and origin is None):
        return (("access-control-allow-origin", origin or allowed[0]), ("vary", "origin"), exposed)
    return (("vary", "origin"), exposed)


def _preflight(request: Request) -> HeaderList:
    methods = ", ".join(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))
    headers = request.headers.get("access-control-request-headers") or "authorization, content-type"
    return [
        ("access-control-allow-methods", methods),
        ("access-control-allow-headers", _plain(headers)),
        ("access-control-max-age", _MAX_AGE),
    ]


def _plain(names: str) -> str:
    """Return the names that are tokens (RFC 9110, 5.6.2), so that nothing else is sent back."""
    return ", ".join(name for name in map(str.strip, names[:LONGEST].split(",")) if _TOKEN.fullmatch(name))
