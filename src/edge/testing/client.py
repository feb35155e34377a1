"""An in-process client for an app: requests, cron ticks and queue messages without a server."""

from collections.abc import Iterable, Sequence
from copy import copy
from datetime import UTC, datetime
from typing import Any, Self

from pydantic_core import from_json, to_json

from edge.app import App
from edge.context import Ports
from edge.errors import PayloadTooLarge
from edge.events import Delivery, Outcome, Tick
from edge.http import Body, HeaderList, close
from edge.request import Request

LONGEST_STREAM = 16 * 1024 * 1024
"""Most bytes of a stream that the client reads."""


class EndlessStream(Exception):
    """A stream is longer than the client reads: call the app's `fetch`, and read a part of it."""


SHORTEST_SECRET = 9
"""Least characters: a shorter secret occurs in an answer by chance."""


class HeaderTable:
    """Request headers from a list of pairs, read as the servers read them."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = [(name.lower(), value.strip(" \t")) for name, value in pairs]

    def get(self, name: str) -> str | None:
        """Return the header's values, joined by commas, or None."""
        values = [value for key, value in self._pairs if key == name]
        return ", ".join(values) if values else None


class Answer:
    """A response, read to its end."""

    def __init__(self, status: int, headers: HeaderList, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """Return the body as a JSON value."""
        return from_json(self.body)


def check_secrets(place: str, data: bytes, secrets: Iterable[str]) -> None:
    """Refuse data that holds a secret; the message names the place."""
    leaked = [secret[:4] for secret in secrets if len(secret) >= SHORTEST_SECRET and secret.encode() in data]
    assert not leaked, f"{place} holds a secret: {leaked[0]}…"


class Client:
    """Calls an app directly; `headers` go with every request, and no answer may hold one of the `secrets`."""

    def __init__(
        self, app: App, ports: Ports, headers: HeaderList | None = None, *, secrets: Sequence[str] = ()
    ) -> None:
        self.app = app
        self.ports = ports
        self.headers = headers or []
        self.secrets = secrets

    def anonymous(self) -> Self:
        """Return a client that sends no headers of its own, so no key."""
        other = copy(self)
        other.headers = []
        return other

    async def request(
        self,
        method: str,
        target: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        json: object = None,
        body: bytes = b"",
    ) -> Answer:
        """Send a request; `target` is path and query as in a request line."""
        sent = [*headers, *self.headers]
        if json is not None:
            body = to_json(json)
            sent = [("content-type", "application/json"), *sent]
        answer = await self._send(method, target, sent, body)
        if self.secrets:
            check_secrets(f"{method} {target}", answer.body + repr(answer.headers).encode(), self.secrets)
        return answer

    async def _send(self, method: str, target: str, headers: HeaderList, body: bytes) -> Answer:
        path, _, query = target.partition("?")
        request = Request(method, path, query, HeaderTable(headers), _reader(body), self.ports, "127.0.0.1")
        response = await self.app.fetch(request)
        return Answer(response.status, response.all_headers(), await _whole(response.body))

    async def get(self, target: str, *, headers: Sequence[tuple[str, str]] = ()) -> Answer:
        """Send a GET."""
        return await self.request("GET", target, headers=headers)

    async def post(self, target: str, json: object = None, *, headers: Sequence[tuple[str, str]] = ()) -> Answer:
        """Send a POST with a JSON body."""
        return await self.request("POST", target, headers=headers, json=json)

    async def scheduled(self, cron: str, at: datetime | None = None) -> None:
        """Fire a cron expression."""
        await self.app.scheduled(Tick(cron, at or datetime.now(UTC)), self.ports)

    async def queue(self, name: str, bodies: Sequence[object], *, attempts: int = 1) -> list[Outcome]:
        """Deliver messages to a queue's consumer."""
        now = datetime.now(UTC)
        deliveries = [Delivery(f"message-{number}", body, attempts, now) for number, body in enumerate(bodies)]
        return await self.app.queue(name, deliveries, self.ports)


async def _whole(body: Body) -> bytes:
    """Read a body to its end; a stream without one is closed, and `EndlessStream`."""
    if isinstance(body, bytes):
        return body
    parts = list[bytes]()
    size = 0
    try:
        async for part in body:
            parts.append(part)
            size += len(part)
            if size > LONGEST_STREAM:
                raise EndlessStream(f"more than {LONGEST_STREAM} bytes came")
    finally:
        await close(body)
    return b"".join(parts)


def _reader(body: bytes) -> Any:
    async def read(limit: int) -> bytes:
        if len(body) > limit:
            raise PayloadTooLarge(limit)
        return body

    return read
