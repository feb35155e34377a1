"""The features of this kernel that a peer lacks, as one ASGI middleware around it.

They are: request id and trace, time taken, a key for all drives, security headers, and problem documents.
"""

import hmac
import os
import re
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from benchmarks.api import API_KEY
from edge.middleware.security_headers import HEADERS

_REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")
_SECURITY = [(name.encode(), value.encode()) for name, value in HEADERS]
_NOT_STORED = [*_SECURITY, (b"cache-control", b"no-store")]
_KEY = API_KEY.encode()
_PROBLEM = (b"content-type", b"application/problem+json")

type Application = Callable[[Any, Any, Any], Awaitable[None]]


def equal(app: Application) -> Application:
    """Return the application with these features."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        started = perf_counter()
        headers = dict(scope["headers"])
        fresh = os.urandom(24).hex()
        scope["trace"] = (fresh[:32], fresh[32:]) if b"traceparent" not in headers else None
        request_id = headers.get(b"x-request-id")
        if request_id is None or not _REQUEST_ID.fullmatch(request_id):
            request_id = fresh[:32].encode()
        scope["request_id"] = request_id
        is_private = scope["path"].startswith("/drives")
        is_missing = False

        async def finish(message: Any) -> None:
            nonlocal is_missing
            if message["type"] == "http.response.start":
                added = [*message["headers"], (b"x-request-id", request_id)]
                added.append((b"server-timing", f"app;dur={(perf_counter() - started) * 1000:.3f}".encode()))
                added += _NOT_STORED if is_private else _SECURITY
                is_missing = message["status"] == 404
                if is_missing:
                    added = [pair for pair in added if pair[0].lower() not in {b"content-type", b"content-length"}]
                    added.append(_PROBLEM)
                message["headers"] = added
            elif is_missing:
                message["body"] = problem(404, "Not found", scope["path"], request_id)
            await send(message)

        if is_private and not _is_known(headers.get(b"authorization", b"")):
            await finish({"type": "http.response.start", "status": 401, "headers": [_PROBLEM]})
            await finish({"type": "http.response.body", "body": problem(401, "Unknown", scope["path"], request_id)})
            return
        await app(scope, receive, finish)

    return answer


def _is_known(sent: bytes) -> bool:
    scheme, _, token = sent.partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(token, _KEY)


def problem(status: int, title: str, path: str, request_id: bytes, **more: Any) -> bytes:
    """Return a problem document."""
    members = {"type": "about:blank", "title": title, "status": status, "instance": path}
    return to_json({**members, "request_id": request_id.decode(), **more})


def invalid(fault: ValidationError, path: str, request_id: bytes) -> bytes:
    """Return the problem document of an invalid body, with a JSON pointer for each of its faults."""
    errors = [
        {"pointer": "/" + "/".join(map(str, error["loc"])), "detail": error["msg"]}
        for error in fault.errors(include_url=False, include_context=False, include_input=False)
    ]
    return problem(422, "Invalid body", path, request_id, detail=errors[0]["detail"], errors=errors)
