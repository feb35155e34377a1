"""Requests and responses as plain values: what every runtime translates to and from."""

import re
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self
from urllib.parse import unquote

from pydantic_core import from_json, to_json

from edge.errors import BadEncoding, MalformedJson, PayloadTooLarge, Problem

if TYPE_CHECKING:
    from edge.access import Actor
    from edge.ports import Ports

type HeaderList = list[tuple[str, str]]
type Body = bytes | AsyncIterable[bytes]

BODY_LIMIT = 1024 * 1024
"""Bytes of a request body that a route takes unless it says otherwise."""

URL_LIMIT = 16 * 1024
"""Characters of a request's path and query, as they came: what Cloudflare takes."""

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Headers(Protocol):
    """Request headers, asked for one at a time: a copy of all of them is dear on Workers."""

    def get(self, name: str) -> str | None:
        """Return the value of the header called `name` (lower case), or None."""


class Trace(NamedTuple):
    """A W3C trace context: 32 and 16 lower-case hex digits, and the two of the flags."""

    trace_id: str
    parent_id: str
    flags: str = "01"

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.parent_id}-{self.flags}"


class Request:
    """One HTTP request.

    `path` and `query` are as they stood in the request line, still percent-encoded. `params` are the decoded
    values of the route's path parameters in their order; `route`, `actor`, `id`, `trace` and `standings` (with the
    limits that count it) are filled in on the way. A `refusal` is all that it gets, from a server that is full.
    `client` is the sender's address, or a function that finds it when it is first asked for.
    """

    __slots__ = (
        "_body", "_client", "_read", "actor", "headers", "id", "method", "params", "path", "ports", "query",
        "refusal", "route", "standings", "trace",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a request line and nothing else
        self,
        method: str,
        path: str,
        query: str,
        headers: Headers,
        read: Callable[[int], Awaitable[bytes]],
        ports: "Ports",
        client: str | Callable[[], str] = "",
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.ports = ports
        self._client = client
        self.params: tuple[str, ...] = ()
        self.route = ""
        self.id = ""
        self.trace: Trace | None = None
        self.actor: Actor | None = None
        self.standings: list[Any] = []
        self.refusal: Problem | None = None
        self._read = read
        self._body: bytes | None = None

    @property
    def client(self) -> str:
        """The address that the request came from, as the runtime knows it; empty where it has none."""
        if not isinstance(self._client, str):
            self._client = self._client()
        return self._client

    async def body(self, limit: int = BODY_LIMIT) -> bytes:
        """Return the whole body, read once; `PayloadTooLarge` beyond `limit` bytes."""
        if self._body is None:
            announced = self.headers.get("content-length")
            if announced and announced.isdecimal() and (len(announced) > 18 or int(announced) > limit):
                raise PayloadTooLarge(limit)
            self._body = await self._read(limit)
        return self._body

    async def json(self, limit: int = BODY_LIMIT) -> Any:
        """Return the body as a JSON value; `MalformedJson` where it is none."""
        try:
            return from_json(await self.body(limit), allow_inf_nan=False)
        except ValueError as fault:
            raise MalformedJson(str(fault)) from None

    def query_items(self) -> list[tuple[str, str]]:
        """Return the query's pairs in their order, decoded; `BadEncoding` for a wrong escape or no UTF-8."""
        if not self.query:
            return []
        pairs = (pair.partition("=") for pair in self.query.split("&") if pair)
        return [(_form(name), _form(value)) for name, _, value in pairs]


class Response:
    """One HTTP response. Header names are lower case; a body that is no bytes is streamed."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, body: Body = b"", status: int = 200, headers: HeaderList | None = None) -> None:
        self.body = body
        self.status = status
        self.headers = headers if headers is not None else []

    @classmethod
    def json(cls, value: object, status: int = 200, media_type: str = "application/json") -> Self:
        """Return `value` as compact JSON; models, dates and bytes as Pydantic writes them."""
        return cls(to_json(value), status, [("content-type", media_type)])

    @classmethod
    def text(cls, text: str, status: int = 200, media_type: str = "text/plain; charset=utf-8") -> Self:
        """Return `text` in UTF-8."""
        return cls(text.encode(), status, [("content-type", media_type)])

    def header(self, name: str) -> str | None:
        """Return the first value of the header called `name` (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)


async def close(body: Body) -> None:
    """Close a stream that nobody will read to its end; bytes need no closing."""
    closing = getattr(body, "aclose", None)
    if closing is not None:
        await closing()


def percent_decode(text: str) -> str:
    """Decode `%XX` escapes as UTF-8, once; `BadEncoding` where an escape or the UTF-8 is wrong."""
    if "%" not in text:
        return text
    if _BAD_ESCAPE.search(text):
        raise BadEncoding(text)
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadEncoding(text) from None


def _form(text: str) -> str:
    return percent_decode(text.replace("+", " "))
