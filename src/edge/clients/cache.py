"""Stale-while-revalidate over KV (RFC 5861): one refetch at most is under way, and it is waited for only briefly."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from hashlib import sha256
from typing import Any, NamedTuple

from edge.clients.leases import Leases
from edge.clients.single_flight import SingleFlight, single_flight_of
from edge.errors import NotFound
from edge.http import HeaderList, Response, has_current
from edge.ports import Background, Clock, KeyValue, Log, PortError

type Make = Callable[[], Coroutine[Any, Any, bytes]]
"""Makes an entry; if it raises `NotFound`, the cached entry is removed."""

LONGEST_NAME = 512
"""Bytes of a name in KV."""

PURGED = b"!"
"""Begins a purged entry: it is served only if its source fails."""

_ENTRY = re.compile(rb"(!?)([0-9]{1,12})\n(.*)", re.DOTALL)
_AGE = re.compile(r'"?([0-9]{1,9})"?')


class Terms(NamedTuple):
    """Times in seconds: an entry is served for `fresh` without a refetch, and for `keep` while refetches fail.

    For `stale` seconds after `fresh` an entry is served at once while one request refetches it; later than that the
    refetch is waited for, `wait` seconds at most. Refetches of one entry are at least `pause` apart.
    """

    fresh: int = 60
    keep: int = 604_800
    pause: int = 30
    stale: int = 300
    wait: float = 2.0


class CacheEntry(NamedTuple):
    """A cached value: `age` in seconds, `was_cached` if it came from the cache, `is_purged` if it was purged there."""

    body: bytes
    age: int
    was_cached: bool
    terms: Terms
    is_purged: bool = False

    def headers(self, cache: str) -> HeaderList:
        """Return its caching headers: `Age`, `Cache-Control`, and `Cache-Status` (RFC 9211) of this `cache`."""
        how = f"hit; ttl={self.terms.fresh - self.age}" if self.was_cached else "fwd=uri-miss; stored"
        control = f"public, max-age={self.terms.fresh}, stale-while-revalidate={self.terms.stale}"
        return [("age", str(self.age)), ("cache-control", control), ("cache-status", f"{cache}; {how}")]

    def response(self, cache: str, if_none_match: str | None = None) -> Response:
        """Return it as a JSON response with the stored bytes; 304 if the client has it."""
        tag = f'"{sha256(self.body).hexdigest()[:32]}"'
        headers = [("etag", tag), *self.headers(cache)]
        if has_current(tag, if_none_match):
            return Response(b"", 304, headers)
        return Response(self.body, 200, [("content-type", "application/json"), *headers])


class Cache:
    """Entries in KV, each the second of its making, a line break, and its bytes."""

    def __init__(self, kv: KeyValue, leases: Leases, clock: Clock, background: Background, log: Log) -> None:
        self._kv = kv
        self._leases = leases
        self._clock = clock
        self._background = background
        self._log = log
        self._flights: SingleFlight[str, CacheEntry] = single_flight_of(background, "cache")

    async def get(self, name: str, make: Make, terms: Terms | None = None, oldest: int | None = None) -> CacheEntry:
        """Return a cached entry; without one, the result of `make`, with its errors.

        An entry of more than `oldest` seconds, and for 0 any, is made anew; a fault of that is raised.
        """
        terms = terms or Terms()
        name = _stored_as(name)
        entry = await self._read(name, terms)
        if oldest is not None and (not oldest or entry is None or entry.is_purged or entry.age > oldest):
            return await self._made_anew(name, make, terms)
        if entry is None:
            return await self._flights.join(name, lambda: self._store(name, make, terms))
        if entry.is_purged or entry.age >= terms.fresh + terms.stale:
            return await self._awaited(name, make, entry)
        if entry.age >= terms.fresh:
            self._background.add(self._in_background(self._refetched(name, make, entry)))
        return entry

    async def cached(self, name: str) -> bytes | None:
        """Return the body of a cached entry of any age, or None."""
        entry = await self._read(_stored_as(name), Terms())
        return entry.body if entry else None

    async def purge(self, *names: str) -> None:
        """Mark entries, so that the next reader gets a new one; the old one is served if that cannot be made.

        Elsewhere KV may take 60 s to know.
        """
        for name in map(_stored_as, names):
            stored = await self._kv.get(name) or b""
            if not stored.startswith(PURGED) and _ENTRY.fullmatch(stored):
                await self._kv.put(name, PURGED + stored, ttl=Terms().keep)
            elif not stored.startswith(PURGED):
                await self._kv.delete(name)

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
        age = max(0, int(self._clock.now().timestamp()) - int(match[2]))
        return CacheEntry(match[3], age, True, terms, bool(match[1]))

    async def _store(self, name: str, make: Make, terms: Terms) -> CacheEntry:
        made_at = int(self._clock.now().timestamp())  # before the fetch, as the content may change meanwhile
        body = await make()
        try:
            await self._kv.put(name, b"%d\n%s" % (made_at, body), ttl=max(60, terms.keep))
        except PortError as fault:
            self._log("warning", "cache not written", name=name, error=str(fault))
        return CacheEntry(body, 0, False, terms)

    async def _made_anew(self, name: str, make: Make, terms: Terms) -> CacheEntry:
        """Return a new entry, made by a call that begins now; its fault is the caller's."""
        try:
            return await self._store(name, make, terms)
        except NotFound:
            await self.drop(name)
            raise

    async def _awaited(self, name: str, make: Make, entry: CacheEntry) -> CacheEntry:
        """Return a new entry if it comes soon, else the cached one; `NotFound` if it is gone."""
        work = asyncio.ensure_future(self._flights.join(name, lambda: self._refetched(name, make, entry)))
        self._background.add(self._in_background(work))
        await asyncio.wait({work}, timeout=entry.terms.wait)
        return work.result() if work.done() else entry

    async def _refetched(self, name: str, make: Make, entry: CacheEntry) -> CacheEntry:
        """Return a new entry; return the cached one if another process makes it, or it cannot be made."""
        lease = f"{'purged' if entry.is_purged else 'cache'}:{name}"
        try:
            until = await self._leases.take(lease, entry.terms.pause)
            if until is None:
                return entry
            fresh = await self._store(name, make, entry.terms)
            if entry.is_purged:  # it may be purged again at once
                await self._leases.give_back(lease, until)
        except NotFound:
            await self.drop(name)
            raise
        except Exception as fault:  # any fault: the cached entry stays in use
            self._log("warning", "cache not refreshed", name=name, error=f"{type(fault).__name__}: {fault}"[:500])
            return entry
        return fresh

    async def _in_background(self, work: Awaitable[CacheEntry]) -> None:
        with suppress(NotFound):  # the entry is dropped, and the next reader is told
            await work


def oldest_accepted(cache_control: str | None) -> int | None:
    """Return the age in seconds that a request's `Cache-Control` accepts at most; None if it sets no age."""
    ages = []
    for part in (cache_control or "").lower().split(","):
        name, _, value = part.strip().partition("=")
        match = _AGE.fullmatch(value.strip())
        if name.strip() == "no-cache":
            ages.append(0)
        elif name.strip() == "max-age" and match:
            ages.append(int(match[1]))
    return min(ages, default=None)


def _stored_as(name: str) -> str:
    """Return an entry's name as KV takes it: one that is too long there, or not UTF-8, is hashed."""
    if name.isascii() and len(name) <= LONGEST_NAME:
        return name
    coded = name.encode(errors="surrogatepass")
    is_text = not any("\ud800" <= mark <= "\udfff" for mark in name)
    return name if is_text and len(coded) <= LONGEST_NAME else f"long:{sha256(coded).hexdigest()}"
