"""Cross-origin access, by an exact list of origins (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from functools import lru_cache

from edge.http import FixedHeaders, Response
from edge.pipeline import Next
from edge.request import Request
from edge.settings import Settings

_EXPOSED = (
    "etag, content-range, idempotency-replayed, link, location, preference-applied, ratelimit, ratelimit-policy, "
    "retry-after, server-timing, x-request-id"
)
_ALLOWED = (
    "accept, accept-language, accept-profile, authorization, content-profile, content-type, idempotency-key, if-match, "
    "if-none-match, if-range, last-event-id, prefer, range, traceparent, tracestate, x-api-key, x-client-info, "
    "x-request-id, x-stainless-arch, x-stainless-helper-method, x-stainless-lang, x-stainless-os, "
    "x-stainless-package-version, x-stainless-retry-count, x-stainless-runtime, x-stainless-runtime-version, "
    "x-stainless-timeout, x-visitor"
)
"""Request headers that an app reads, and those that the clients of PostgREST and OpenAI send by themselves."""
LONGEST = 4_000
"""Characters of an origin that are looked at: answers are remembered by it."""
_PREFLIGHT = (
    ("access-control-allow-methods", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
    ("access-control-allow-headers", _ALLOWED),
    ("access-control-max-age", "7200"),
)


async def cors(request: Request, call_next: Next, settings: Settings) -> Response:
    """Answer a preflight, and tell the browser on every other response whether the page may read it."""
    origin = request.headers.get("origin")
    allowed = () if "cors_allowed_origins" in settings.faults else settings.cors_allowed_origins
    granted = _grant(allowed, origin if origin is None or len(origin) <= LONGEST else "")
    if request.method == "OPTIONS" and origin and request.headers.get("access-control-request-method"):
        return Response(status=204, headers=[*_PREFLIGHT, *granted.pairs])
    response = await call_next(request)
    response.fixed += (granted,)
    return response


@lru_cache(maxsize=256)
def _grant(allowed: tuple[str, ...], origin: str | None) -> FixedHeaders:
    exposed = ("access-control-expose-headers", _EXPOSED)
    if "*" in allowed:
        return FixedHeaders((("access-control-allow-origin", "*"), exposed))
    if origin in allowed or (len(allowed) == 1 and origin is None):
        return FixedHeaders((("access-control-allow-origin", origin or allowed[0]), ("vary", "origin"), exposed))
    return FixedHeaders((("vary", "origin"), exposed))
