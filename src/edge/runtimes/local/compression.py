"""Compression of whole responses: by gzip, and by zstd if Python has it. Cloudflare does the same before a Worker.

Streams stay as they are, and so do small bodies, media that are compressed already, and responses that set a cookie.
"""

import asyncio
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module

from edge.http import HeaderList, Response

LEAST = 1024
"""Bytes of a body below which nothing is won."""
LARGE = 64 * 1024
"""Bytes of a body above which it is compressed in a thread, so that others need not wait for it."""
LEVEL = 4

_TYPES = frozenset(f"application/{name}" for name in ("javascript", "json", "manifest+json", "wasm", "xml", "yaml")) | {
    "image/svg+xml"
}
_NOT_CODED = frozenset({"content-encoding", "content-range", "set-cookie"})
"""Headers of a response that stays as it is."""
_CHANGED = frozenset({"content-length", "etag"})
"""Headers that a coding changes."""
_OTHER = frozenset({101, 204, 206, 304})
"""Statuses of a response without a body, or with a part of one."""


def _gzip(body: bytes) -> bytes:
    return zlib.compress(body, LEVEL, wbits=31)


def _coders() -> dict[str, Callable[[bytes], bytes]]:
    """Return the codings on offer, the best first."""
    try:
        zstd = import_module("compression.zstd")
    except ImportError:
        return {"gzip": _gzip}
    return {"zstd": zstd.compress, "gzip": _gzip}


CODERS = _coders()
_OFFERED = tuple(CODERS)


class Compressed(Response):
    """A response whose body was compressed in advance; `forms` gives its bytes by coding."""

    __slots__ = ("forms",)

    def __init__(self, body: bytes, headers: HeaderList, forms: Mapping[str, bytes]) -> None:
        super().__init__(body, headers=headers)
        self.forms = forms


def is_compressible(response: Response, length: int) -> bool:
    """Tell whether a response with so many bytes has a form for each coding."""
    if length < LEAST or response.status in _OTHER:
        return False
    headers = dict(response.all_headers())
    if not _NOT_CODED.isdisjoint(headers) or "no-transform" in headers.get("cache-control", ""):
        return False
    return _is_text(headers.get("content-type", ""))


@lru_cache(maxsize=64)
def _is_text(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in _TYPES or media_type.startswith("text/") or media_type.endswith(("+json", "+xml"))


@lru_cache(maxsize=256)
def chosen(accept_encoding: str, offered: tuple[str, ...]) -> str | None:
    """Return the first coding on offer that a client takes; None for the body as it is."""
    weights: dict[str, float] = {}
    for member in accept_encoding.lower().split(","):
        name, _, parameter = member.partition(";")
        weight = parameter.replace(" ", "").removeprefix("q=") or "1"
        weights[name.strip()] = float(weight) if weight.replace(".", "", 1).isdecimal() else 0.0
    return next((name for name in offered if weights.get(name, weights.get("*", 0.0)) > 0), None)


async def compress(response: Response, accept_encoding: str | None) -> None:
    """Give a whole response the form that its client takes; add `Vary` if it has several."""
    length = length_of(response)
    if response.status != 304 and not is_compressible(response, length):
        return
    response.headers.append(("vary", "accept-encoding"))
    offered = tuple(response.forms) if isinstance(response, Compressed) and response.forms else _OFFERED
    coding = chosen(accept_encoding[:1000], offered) if accept_encoding and response.status != 304 else None
    if coding is None:
        return
    if length > LARGE:
        await asyncio.to_thread(encode, response, coding)
    else:
        encode(response, coding)


def encode(response: Response, coding: str) -> None:
    """Give a response the form of a coding. One without a body answers HEAD: only its headers change."""
    assert isinstance(response.body, bytes)
    if isinstance(response, Compressed) and coding in response.forms:
        response.body = response.forms[coding]
    elif response.body:
        response.body = CODERS[coding](response.body)
    if not _CHANGED.isdisjoint(dict(response.headers)):
        headers = [(name, _weak(value) if name == "etag" else value) for name, value in response.headers]
        response.headers = [pair for pair in headers if pair[0] != "content-length"]
    response.headers.append(("content-encoding", coding))


def length_of(response: Response) -> int:
    """Return the bytes of a response's body as it is, or those that it has for GET; -1 for a stream."""
    if not isinstance(response.body, bytes):
        return -1
    if response.body:
        return len(response.body)
    announced = response.header("content-length") or "0"
    return int(announced) if announced.isdecimal() else 0


def _weak(etag: str) -> str:
    return etag if etag.startswith("W/") else f"W/{etag}"
