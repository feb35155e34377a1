"""The small API in Kinglet with all that this kernel does, around its own entry."""

import asyncio
import os
import re
from time import perf_counter
from typing import Any

from benchmarks.peers.equal import TIME_LIMIT, is_known, problem
from benchmarks.peers.kinglet_api import WorkersResponse
from benchmarks.peers.kinglet_api import app as plain
from edge.middleware.security_headers import HEADERS, UNKEPT

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")
_SECURITY = dict(HEADERS)
_NOT_STORED = dict([*HEADERS, UNKEPT])


async def app(request: Any, env: Any) -> Any:
    """Answer a request."""
    started = perf_counter()
    fresh = os.urandom(24).hex()
    request.trace = (fresh[:32], fresh[32:]) if request.headers.get("traceparent") is None else None
    request_id = request.headers.get("x-request-id")
    if request_id is None or not _REQUEST_ID.fullmatch(request_id):
        request_id = fresh[:32]
    is_private = "/drives" in request.url
    if is_private and not is_known(request.headers.get("authorization", "").encode()):
        answer = WorkersResponse(b"", 401, {})
    else:
        async with asyncio.timeout(TIME_LIMIT):
            answer = await plain(request, env)
    if answer.status in {401, 404}:
        path = request.url.removeprefix("https://api.example")
        answer.body = problem(answer.status, "Refused", path, request_id.encode())
        answer.headers["content-type"] = "application/problem+json"
    answer.headers["x-request-id"] = request_id
    answer.headers["server-timing"] = f"app;dur={(perf_counter() - started) * 1000:.2f}"
    answer.headers.update(_NOT_STORED if is_private else _SECURITY)
    return answer
