"""HTTP values without a runtime: headers, responses, trace contexts, percent-encoding."""

import re
from collections.abc import AsyncIterable, Iterable
from typing import NamedTuple, Protocol, Self
from urllib.parse import unquote

from pydantic_core import to_json

from edge.errors import BadEncoding

type HeaderList = list[tuple[str, str]]
type Body = bytes | AsyncIterable[bytes]

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Headers(Protocol):
    """Request headers, read one at a time: a copy of all of them is expensive on Workers."""

    def get(self, name: str) -> str | None:
        """Return the value of the header called `name` (lower case), or None."""


class Trace(NamedTuple):
    """A W3C trace context: 32 and 16 lower-case hex digits, and the two of the flags."""

    trace_id: str
    parent_id: str
    flags: str = "01"

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.parent_id}-{self.flags}"


class FixedHeaders:
    """Headers that many responses have alike, encoded once."""

    __slots__ = ("encoded", "pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = tuple(pairs)
        self.encoded = [(name.encode("latin-1"), value.encode()) for name, value in self.pairs]


class Response:
    """One HTTP response. Header names are lower case; a body other than bytes is streamed.

    `headers` are its own, `fixed` groups of those that many responses have alike.
    """

    __slots__ = ("body", "fixed", "headers", "status")

    def __init__(
        self,
        body: Body = b"",
        status: int = 200,
        headers: HeaderList | None = None,
        fixed: tuple[FixedHeaders, ...] = (),
    ) -> None:
        self.body = body
        self.status = status
        self.headers = headers if headers is not None else []
        self.fixed = fixed

    @classmethod
    def json(cls, value: object, status: int = 200, media_type: str = "application/json") -> Self:
        """Return `value` as compact JSON; models, dates and bytes as Pydantic writes them."""
        return cls(to_json(value), status, [("content-type", media_type)])

    @classmethod
    def text(cls, text: str, status: int = 200, media_type: str = "text/plain; charset=utf-8") -> Self:
        """Return `text` in UTF-8."""
        return cls(text.encode(), status, [("content-type", media_type)])

    def all_headers(self) -> HeaderList:
        """Return the response's own headers and the fixed ones."""
        return [*self.headers, *(pair for group in self.fixed for pair in group.pairs)]

    def header(self, name: str) -> str | None:
        """Return the first value of the header called `name` (lower case), or None."""
        for pairs in (self.headers, *(group.pairs for group in self.fixed)):
            for key, value in pairs:
                if key == name:
                    return value
        return None


def has_current(etag: str, if_none_match: str | None) -> bool:
    """Tell whether a client's `If-None-Match` names an entity tag, so that a 304 will do (RFC 9110, 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return "*" in tags or etag in tags


async def close(body: Body) -> None:
    """Close a stream that nobody will read to its end; bytes need no closing."""
    closing = getattr(body, "aclose", None)
    if closing is not None:
        await closing()


def percent_decode(text: str) -> str:
    """Decode `%XX` escapes as UTF-8, once; `BadEncoding` if an escape or the UTF-8 is wrong."""
    if "%" not in text:
        return text
    if _BAD_ESCAPE.search(text):
        raise BadEncoding(text)
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadEncoding(text) from None
