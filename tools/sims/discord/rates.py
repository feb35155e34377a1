"""Rate limits, and failures on a test's demand."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web

type Scope = Literal["user", "global", "shared"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """So many requests in so many seconds, from the first of them on."""

    limit: int
    window: float


@dataclass(frozen=True, slots=True)
class RateVerdict:
    """A request's place in its bucket: its rate limit headers; `wait` is in seconds if there is no place."""

    headers: Mapping[str, str]
    wait: float = 0.0


@dataclass(slots=True)
class Rates:
    """The remaining calls of each bucket."""

    _used: dict[str, tuple[int, float]] = field(default_factory=dict)

    def take(self, key: str, bucket: Bucket, now: float) -> RateVerdict:
        """Take a place, if there is one."""
        used, start = self._used.get(key, (0, now))
        if now >= start + bucket.window:
            used = 0
            start = now
        end = start + bucket.window
        full = used >= bucket.limit
        used += 0 if full else 1
        self._used[key] = used, start
        headers = {
            "X-RateLimit-Limit": str(bucket.limit),
            "X-RateLimit-Remaining": str(bucket.limit - used),
            "X-RateLimit-Reset": f"{end:.3f}",
            "X-RateLimit-Reset-After": f"{end - now:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(key.encode()).hexdigest()[:32],
        }
        return RateVerdict(headers, end - now if full else 0.0)

    def clear(self) -> None:
        """Forget all."""
        self._used.clear()


def limited(wait: float, scope: Scope = "user") -> web.Response:
    """Return the answer 429; the header has whole seconds."""
    everywhere = scope == "global"
    headers = {"Retry-After": str(math.ceil(wait)), "X-RateLimit-Scope": scope}
    if everywhere:
        headers["X-RateLimit-Global"] = "true"
    else:
        headers |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": f"{wait:.3f}"}
    message = "The resource is being rate limited." if scope == "shared" else "You are being rate limited."
    body = {"message": message, "retry_after": round(wait, 3), "global": everywhere}
    return web.json_response(body, status=429, headers=headers)


def in_milliseconds(answer: web.Response) -> web.Response:
    """Return the answer 429 as a path without a version gives it: its waits are in milliseconds."""
    body = json.loads(answer.text or "{}")
    body["retry_after"] = int(body["retry_after"] * 1000)
    headers = {name: value for name, value in answer.headers.items() if name.lower().startswith("x-")}
    return web.json_response(body, status=429, headers=headers | {"Retry-After": str(body["retry_after"])})


@dataclass(slots=True)
class Failure:
    """A failure of the next `count` requests with `where` in their path.

    After `delay` seconds the connection breaks (`reset`) or the request is answered with `status`; without a status, it
    is answered as usual.
    """

    status: int | None = None
    count: int = 1
    retry_after: float = 1.0
    delay: float = 0.0
    reset: bool = False
    scope: Scope = "user"
    where: str = ""

    def response(self) -> web.Response | None:
        """Return the failure's own answer, or None; a gateway's errors are not JSON."""
        if self.status is None:
            return None
        if self.status == 429:
            return limited(self.retry_after, self.scope)
        reason = f"{self.status}: {web.Response(status=self.status).reason}"
        if self.status >= 502:
            page = f"<html><head><title>{reason}</title></head><body>cloudflare</body></html>"
            return web.Response(text=page, status=self.status, content_type="text/html")
        return web.json_response({"message": reason, "code": 0}, status=self.status)
