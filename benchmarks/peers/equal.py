"""The features of this kernel that a peer lacks, as one ASGI middleware around it.

They are: request id and trace, time taken, a key for all drives, security headers, problem documents, and limits of the
answers under way, of their time, and of the size of a body.
"""

import asyncio
import hmac
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from benchmarks.api import API_KEY
from edge.middleware.security_headers import HEADERS

MOST_AT_WORK = 256
TIME_LIMIT = 300
BODY_LIMIT = 1024 * 1024
_REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")
_SECURITY = [(name.encode(), value.encode()) for name, value in HEADERS]
_NOT_STORED = [*_SECURITY, (b"cache-control", b"no-store")]
_KEY = API_KEY.encode()
_PROBLEM = (b"content-type", b"application/problem+json")
_REPLACED = frozenset({b"content-type", b"content-length"})

type Application = Callable[[Any, Any, Any], Awaitable[None]]


class Answer:
    """One answer: adds headers to its start, and makes a problem document of a 404."""

    __slots__ = ("_is_missing", "_path", "_request_id", "_send", "_started", "is_private")

    def __init__(self, scope: Any, headers: Mapping[bytes, bytes], send: Any) -> None:
        self._started = perf_counter()
        self._send = send
        self._path = scope["path"]
        self._is_missing = False
        self.is_private = self._path.startswith("/drives")
        fresh = os.urandom(24).hex()
        scope["trace"] = (fresh[:32], fresh[32:]) if b"traceparent" not in headers else None
        request_id = headers.get(b"x-request-id")
        if request_id is None or not _REQUEST_ID.fullmatch(request_id):
            request_id = fresh[:32].encode()
        scope["request_id"] = self._request_id = request_id

    async def send(self, message: Any) -> None:
        """Send a message of the application."""
        if message["type"] == "http.response.start":
            added = [*message["headers"], (b"x-request-id", self._request_id)]
            ms = (perf_counter() - self._started) * 1000
            added.append((b"server-timing", f"app;dur={ms:.2f}".encode()))
            added += _NOT_STORED if self.is_private else _SECURITY
            self._is_missing = message["status"] == 404
            if self._is_missing:
                added = [pair for pair in added if pair[0].lower() not in _REPLACED]
                added.append(_PROBLEM)
            message["headers"] = added
        elif self._is_missing:
            message["body"] = problem(404, "Not found", self._path, self._request_id)
        await self._send(message)

    async def refuse(self, status: int, title: str) -> None:
        """Answer without the application."""
        await self.send({"type": "http.response.start", "status": status, "headers": [_PROBLEM]})
        await self.send({"type": "http.response.body", "body": problem(status, title, self._path, self._request_id)})


def equal(app: Application) -> Application:
    """Return the application with these features."""
    at_work = 0

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        nonlocal at_work
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        answer = Answer(scope, headers, send)
        refusal = _refusal(headers, at_work, is_private=answer.is_private)
        if refusal is not None:
            await answer.refuse(*refusal)
            return
        at_work += 1
        try:
            async with asyncio.timeout(TIME_LIMIT):
                await app(scope, receive, answer.send)
        finally:
            at_work -= 1

    return answer


def _refusal(headers: Mapping[bytes, bytes], at_work: int, *, is_private: bool) -> tuple[int, str] | None:
    if at_work >= MOST_AT_WORK:
        return 503, "Overloaded"
    if is_private and not is_known(headers.get(b"authorization", b"")):
        return 401, "Unknown"
    if int(headers.get(b"content-length", b"0")) > BODY_LIMIT:
        return 413, "Too large"
    return None


def is_known(sent: bytes) -> bool:
    """Tell whether a header holds the key."""
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
