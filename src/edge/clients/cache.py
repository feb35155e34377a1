"""Stale-while-revalidate over KV (RFC 5861): no caller waits for a refetch, and at most one is under way."""

import re
from collections.abc import Callable, Coroutine
from hashlib import sha256
from typing import Any, NamedTuple

from edge.clients.leases import Leases
from edge.clients.single_flight import SingleFlight, single_flight_of
from edge.errors import NotFound
from edge.http import HeaderList, Response
from edge.ports import Background, Clock, KeyValue, Log, PortError

type Make = Callable[[], Coroutine[Any, Any, bytes]]
"""Makes an entry; if it raises `NotFound`, the cached entry is removed."""

LONGEST_NAME = 512
"""Bytes of a name in KV."""

_ENTRY = re.compile(rb"([0-9]{1,12})\n(.*)", re.DOTALL)


class Terms(NamedTuple):
    """Times in seconds: an entry is served for `fresh` without a refetch, and for `keep` while refetches fail.

    Refetches of one entry are at least `pause` apart.
    """

    fresh: int = 60
    keep: int = 604_800
    pause: int = 30


class CacheEntry(NamedTuple):
    """A cached value: `age` in seconds, `was_cached` if it came from the cache."""

    body: bytes
    age: int
    was_cached: bool
    terms: Terms

    def headers(self, cache: str) -> HeaderList:
        """Return its caching headers: `Age`, `Cache-Control`, and `Cache-Status` (RFC 9211) of this `cache`."""
        how = f"hit; ttl={self.terms.fresh - self.age}" if self.was_cached else "fwd=uri-miss; stored"
        control = f"public, max-age={self.terms.fresh}, stale-while-revalidate={self.terms.keep}"
        return [("age", str(self.age)), ("cache-control", control), ("cache-status", f"{cache}; {how}")]

    def response(self, cache: str) -> Response:
        """Return it as a JSON response with the stored bytes."""
        return Response(self.body, 200, [("content-type", "application/json"), *self.headers(cache)])


class Cache:
    """Entries in KV, each the second of its making, a line break, and its bytes."""

    def __init__(self, kv: KeyValue, leases: Leases, clock: Clock, background: Background, log: Log) -> None:
        self._kv, self._leases, self._clock = kv, leases, clock
        self._background, self._log = background, log
        self._flights: SingleFlight[str, CacheEntry] = single_flight_of(background, "cache")

    async def get(self, name: str, make: Make, terms: Terms | None = None) -> CacheEntry:
        """Return a cached entry, fresh or stale; without one, the result of `make`, with its errors."""
        terms = terms or Terms()
        name = _stored_as(name)
        entry = await self._read(name, terms)
        if entry is None:
            return await self._flights.join(name, lambda: self._store(name, make, terms))
        if entry.age >= terms.fresh:
            self._background.add(self._refetch(name, make, terms))
        return entry

    async def drop(self, *names: str) -> None:
        """Delete entries, so that the next caller waits for a new one. Elsewhere KV may take 60 s to know."""
        for name in names:
            await self._kv.delete(_stored_as(name))

    async def _read(self, name: str, terms: Terms) -> CacheEntry | None:
        try:
            stored = await self._kv.get(name)
        except PortError as fault:
            self._log("warning", "cache not read", name=name, error=str(fault))
            return None
        match = _ENTRY.fullmatch(stored or b"")
        if match is None:
            return None
        age = max(0, int(self._clock.now().timestamp()) - int(match[1]))
        return CacheEntry(match[2], age, True, terms)

    async def _store(self, name: str, make: Make, terms: Terms) -> CacheEntry:
        made_at = int(self._clock.now().timestamp())  # before the fetch, as the content may change meanwhile
        body = await make()
        try:
            await self._kv.put(name, b"%d\n%s" % (made_at, body), ttl=max(60, terms.keep))
        except PortError as fault:
            self._log("warning", "cache not written", name=name, error=str(fault))
        return CacheEntry(body, 0, False, terms)

    async def _refetch(self, name: str, make: Make, terms: Terms) -> None:
        try:
            if await self._leases.take(f"cache:{name}", terms.pause):
                await self._store(name, make, terms)
        except NotFound:
            await self.drop(name)
        except Exception as fault:  # any fault: the cached entry stays in use
            self._log("warning", "cache not refreshed", name=name, error=f"{type(fault).__name__}: {fault}"[:500])


def _stored_as(name: str) -> str:
    """Return an entry's name as KV takes it: one that is too long there, or not UTF-8, is hashed."""
    if name.isascii() and len(name) <= LONGEST_NAME:
        return name
    coded = name.encode(errors="surrogatepass")
    is_text = not any("\ud800" <= mark <= "\udfff" for mark in name)
    return name if is_text and len(coded) <= LONGEST_NAME else f"long:{sha256(coded).hexdigest()}"
