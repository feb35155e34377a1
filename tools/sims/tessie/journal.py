"""A log of the requests received, newest ten thousand, for tests to look at."""

import time
from collections import deque

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sims.tessie.records import Json

KEPT = 10_000


class Journal:
    """Entries in order of arrival; `status` is null until the answer has begun, `at` is real epoch seconds."""

    def __init__(self) -> None:
        self.entries: deque[Json] = deque(maxlen=KEPT)


class JournalMiddleware:
    """ASGI: writes down each request but the simulator's own, and the status it was answered with."""

    def __init__(self, app: ASGIApp, journal: Journal) -> None:
        self._app = app
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log one request and hand it on."""
        if scope["type"] != "http" or scope["path"].startswith("/_sim/"):
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        entry = _entry(scope, body)
        self._journal.entries.append(entry)
        replayed = False

        async def receive_again() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send_noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            await send(message)

        await self._app(scope, receive_again, send_noting)


def _entry(scope: Scope, body: bytes) -> Json:
    return {
        "at": time.time(),
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode("latin-1"),
        "headers": [[name.decode("latin-1").lower(), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body.decode("utf-8", "replace"),
        "status": None,
    }


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
