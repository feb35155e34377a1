"""The cache: nobody waits for a refetch, at most one is under way, and entries outlive the origin's failures."""

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.edge.conftest import Lines
from tests.edge.parts.conftest import SetClock

from edge.clients.cache import Cache, Terms, oldest_accepted
from edge.clients.leases import Leases
from edge.clients.upstream import UpstreamFailed
from edge.errors import NotFound
from edge.ports import PortError
from edge.runtimes.local.background import LocalBackground
from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.key_value import LocalKeyValue

TERMS = Terms(fresh=60, keep=3600, pause=30)
type Story = Callable[["Shelf"], Coroutine[Any, Any, None]]


class Source:
    """A cached value; counts its calls, raises its `fault`, and waits for `go`."""

    def __init__(self) -> None:
        self.count = 0
        self.fault: BaseException | None = None
        self.go: asyncio.Event | None = None
        self.was_called = asyncio.Event()

    async def __call__(self) -> bytes:
        self.count += 1
        self.was_called.set()
        number = self.count
        await asyncio.sleep(0)
        if self.go:
            await self.go.wait()
        if self.fault:
            raise self.fault
        return b'{"n": %d}' % number


class Shelf:
    """Two caches on the same files, as two processes have them; all else is theirs together."""

    def __init__(self, folder: Path, clock: SetClock, log: Lines) -> None:
        self.clock = clock
        self.log = log
        self.source = Source()
        self.background = LocalBackground(log)
        self.dbs = [LocalDatabase(folder / "db.sqlite") for _ in range(2)]
        self.kvs = [LocalKeyValue(folder / "kv.sqlite") for _ in range(2)]
        pairs = zip(self.dbs, self.kvs, strict=True)
        self.caches = [Cache(kv, Leases(db, clock), clock, self.background, log) for db, kv in pairs]

    async def get(self, terms: Terms = TERMS, cache: int = 0, name: str = "page") -> tuple[bytes, int, bool]:
        """Return an entry, its age, and whether it came from the cache; wait for the work in the background."""
        page = await self.caches[cache].get(name, self.source, terms)
        await self.background.drain(10)
        return page.body, page.age, page.was_cached

    def logged(self, level: str = "warning") -> list[str]:
        """Return the messages of a level."""
        return [line["message"] for line in self.log.lines if line["level"] == level]

    def close(self) -> None:
        """Close the files."""
        for db, kv in zip(self.dbs, self.kvs, strict=True):
            db.close()
            kv.close()


@pytest.fixture
def tell(tmp_path: Path, clock: SetClock, log: Lines) -> Iterator[Callable[[Story], Shelf]]:
    shelf = Shelf(tmp_path, clock, log)

    def run(story: Story) -> Shelf:
        async def whole() -> None:
            await shelf.dbs[0].run("CREATE TABLE leases (name TEXT PRIMARY KEY, until REAL NOT NULL)")
            await story(shelf)
            await shelf.background.drain(10)

        asyncio.run(whole())
        return shelf

    yield run
    shelf.close()


type Tell = Callable[[Story], Shelf]


def test_an_entry_is_missing_then_fresh_then_stale_and_then_new(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        assert await shelf.get() == (b'{"n": 1}', 0, False)
        shelf.clock.pass_by(59)
        assert await shelf.get() == (b'{"n": 1}', 59, True)
        assert shelf.source.count == 1, "what is fresh is not fetched"
        shelf.clock.pass_by(1)
        assert await shelf.get() == (b'{"n": 1}', 60, True), "who asks waits for no refetch"
        assert await shelf.get() == (b'{"n": 2}', 0, True)
        assert shelf.source.count == 2

    tell(story)


def test_stale_reads_do_not_wait_for_the_source(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        await shelf.get()
        shelf.clock.pass_by(100)
        shelf.source.go = asyncio.Event()
        page = await asyncio.wait_for(shelf.caches[0].get("page", shelf.source, TERMS), 5)
        assert (page.body, page.age) == (b'{"n": 1}', 100)
        shelf.source.go.set()

    assert tell(story).source.count == 2


@pytest.mark.parametrize("caches", [1, 2])
def test_fifty_stale_reads_cause_one_refetch(tell: Tell, caches: int) -> None:
    async def story(shelf: Shelf) -> None:
        await shelf.get()
        shelf.clock.pass_by(100)
        shelf.source.go = asyncio.Event()  # else a slow read finds the refetched entry
        reads = (shelf.caches[n % caches].get("page", shelf.source, TERMS) for n in range(50))
        assert {page.body for page in await asyncio.gather(*reads)} == {b'{"n": 1}'}
        shelf.source.go.set()
        await shelf.background.drain(10)
        assert shelf.source.count == 2
        assert await shelf.get(cache=caches - 1) == (b'{"n": 2}', 0, True)

    tell(story)


def test_names_are_refetched_apart(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        for name in ("a", "b"):
            await shelf.get(name=name)
        shelf.clock.pass_by(100)
        for name in ("a", "b"):
            await shelf.get(name=name)
        assert shelf.source.count == 4

    tell(story)


def test_fifty_misses_wait_for_one_call_and_a_cancelled_one_spoils_nothing(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        shelf.source.go = asyncio.Event()
        waiting = [asyncio.ensure_future(shelf.caches[0].get("page", shelf.source, TERMS)) for _ in range(50)]
        await shelf.source.was_called.wait()
        waiting[0].cancel()
        await asyncio.sleep(0.02)
        shelf.source.go.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert {page.body for page in results[1:] if not isinstance(page, BaseException)} == {b'{"n": 1}'}
        assert shelf.source.count == 1
        assert (await shelf.get())[2]

    tell(story)


def test_fault_without_an_entry_reaches_the_caller(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        shelf.source.fault = UpstreamFailed("broken")
        for _ in range(2):
            with pytest.raises(UpstreamFailed):
                await shelf.get()
        shelf.source.fault = None
        assert (await shelf.get())[0] == b'{"n": 3}', "a fault is not kept"

    tell(story)


FAULTS = [
    UpstreamFailed("down"),
    PortError("away"),
    KeyError("x"),
    TimeoutError(),
    RecursionError(),
    ValueError("e" * 999),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_entry_is_served_after_any_failure_and_the_next_try_waits(tell: Tell, fault: Exception) -> None:
    async def story(shelf: Shelf) -> None:
        await shelf.get()
        shelf.clock.pass_by(100)
        shelf.source.fault = fault
        for cache in (0, 1, 0):
            assert (await shelf.get(cache=cache))[0] == b'{"n": 1}'
        assert shelf.source.count == 2, "it has failed just now"
        shelf.clock.pass_by(29)
        await shelf.get()
        assert shelf.source.count == 2
        shelf.clock.pass_by(1)
        await shelf.get()
        assert shelf.source.count == 3
        shelf.source.fault = None
        shelf.clock.pass_by(30)
        assert (await shelf.get())[1] == 160
        assert await shelf.get() == (b'{"n": 4}', 0, True)

    shelf = tell(story)
    assert shelf.logged() == ["cache not refreshed"] * 2
    assert shelf.log.lines[0]["error"].startswith(type(fault).__name__)
    assert len(shelf.log.lines[0]["error"]) <= 500
    assert shelf.logged("error") == []


def test_entry_of_a_missing_source_is_dropped(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        await shelf.get()
        shelf.clock.pass_by(100)
        shelf.source.fault = NotFound("gone")
        assert (await shelf.get())[0] == b'{"n": 1}', "the last who gets it"
        with pytest.raises(NotFound):
            await shelf.get()
        assert await shelf.kvs[0].get("page") is None

    assert tell(story).logged() == []


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\n",
        b"\n{}",
        b"{}",
        b'{"n": 0}',
        b"1795262400",
        b"x\n{}",
        b"-5\n{}",
        b"1.5\n{}",
        b" 1795262400\n{}",
        "\u0661\n{}".encode(),
        b"\xff\n{}",
        b"9" * 5000 + b"\n{}",
        b"1795262400\r\n{}",
    ],
)
def test_invalid_entry_counts_as_missing(tell: Tell, stored: bytes) -> None:
    async def story(shelf: Shelf) -> None:
        await shelf.kvs[0].put("page", stored)
        assert await shelf.get() == (b'{"n": 1}', 0, False)
        assert await shelf.get() == (b'{"n": 1}', 0, True), "it is written over"

    tell(story)


@pytest.mark.parametrize("body", [b"", b"\n", b"1\n2\n3", bytes(range(256)) * 40])
def test_every_byte_is_kept(tell: Tell, body: bytes) -> None:
    async def story(shelf: Shelf) -> None:
        async def make() -> bytes:
            return body

        for _ in range(2):
            assert (await shelf.caches[0].get("page", make)).body == body

    tell(story)


def test_age_of_an_entry_counts_from_the_start_of_its_source(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        async def slowly() -> bytes:
            shelf.clock.pass_by(7)
            return b"1"

        await shelf.caches[0].get("page", slowly, TERMS)
        assert (await shelf.get())[1] == 7
        shelf.clock.pass_by(-100)
        assert (await shelf.get())[1] == 0, "made by a clock that is ahead"

    tell(story)


def test_without_kv_every_read_asks_the_source(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        shelf.kvs[0].connection.execute("DROP TABLE pairs")
        for number in (1, 2):
            assert await shelf.get() == (b'{"n": %d}' % number, 0, False)

    assert tell(story).logged() == ["cache not read", "cache not written"] * 2


def test_an_entry_that_kv_refuses_is_served_all_the_same(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        await shelf.kvs[0].work(lambda connection: connection.execute("DROP TABLE pairs"))
        assert (await shelf.get())[0] == b'{"n": 1}'

    assert tell(story).logged() == ["cache not read", "cache not written"]


def test_stale_entry_is_served_without_leases(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        await shelf.get()
        await shelf.dbs[0].run("DROP TABLE leases")
        shelf.clock.pass_by(100)
        for _ in range(2):
            assert await shelf.get() == (b'{"n": 1}', 100, True)
        assert shelf.source.count == 1

    assert "no such table: leases" in str(tell(story).log.lines)


def test_a_dropped_entry_is_made_anew(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        for name in ("a", "b", "c"):
            await shelf.get(name=name)
        await shelf.caches[1].drop("a", "b", "never")
        assert [(await shelf.get(name=name))[2] for name in ("a", "b", "c")] == [False, False, True]

    tell(story)


def test_an_entry_is_kept_as_long_as_its_terms_say(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        for keep, seconds in ((3600, 3600), (5, 60)):
            await shelf.get(Terms(1, keep), name=f"keep-{keep}")
            [(end,)] = shelf.kvs[0].connection.execute(f"SELECT expires_at FROM pairs WHERE name = 'keep-{keep}'")
            assert seconds - 5 < end - time.time() <= seconds

    tell(story)


ITEM = re.compile(r"[A-Za-z*][\w:/!#$%&\'*+.^`|~-]*(; (hit|stored|ttl=-?\d+|fwd=(uri-miss|stale|miss|bypass)))+")
"""A cache in `Cache-Status`: a token with parameters (RFC 9211, 2; RFC 8941, 3.1.2)."""


@pytest.mark.parametrize(
    ("seconds", "status", "age"),
    [
        (None, "site; fwd=uri-miss; stored", "0"),
        (0, "site; hit; ttl=60", "0"),
        (59, "site; hit; ttl=1", "59"),
        (60, "site; hit; ttl=0", "60"),
        (160, "site; hit; ttl=-100", "160"),
    ],
)
def test_headers_show_age_and_origin_of_an_entry(tell: Tell, seconds: int | None, status: str, age: str) -> None:
    async def story(shelf: Shelf) -> None:
        if seconds is not None:
            await shelf.get()
            shelf.clock.pass_by(seconds)
        page = await shelf.caches[0].get("page", shelf.source, TERMS)
        response = page.response("site")
        headers = dict(response.headers)
        tag = headers.pop("etag")
        assert page.response("site", f'W/"x", W/{tag}').status == page.response("site", "*").status == 304
        assert page.response("site", '"x"').status == 200
        assert headers == {
            "content-type": "application/json",
            "age": age,
            "cache-control": "public, max-age=60, stale-while-revalidate=300",
            "cache-status": status,
        }
        assert ITEM.fullmatch(headers["cache-status"])
        assert (response.status, response.body) == (200, b'{"n": 1}')

    tell(story)


@pytest.mark.parametrize("name", ["x" * 900_000, "\U0001f6d2" * 200, "\ud800" * 10, "\0", "é" * 257])
def test_name_of_any_length_is_kept_apart_from_others_and_dropped(tell: Tell, name: str) -> None:
    async def story(shelf: Shelf) -> None:
        assert await shelf.get(name=name) == (b'{"n": 1}', 0, False)
        assert await shelf.get(name=name) == (b'{"n": 1}', 0, True)
        assert await shelf.get(name=f"{name}x") == (b'{"n": 2}', 0, False)
        await shelf.caches[0].drop(name)
        assert await shelf.get(name=name) == (b'{"n": 3}', 0, False)
        assert await shelf.get(name=f"{name}x") == (b'{"n": 2}', 0, True)

    assert tell(story).logged() == []


def test_entry_older_than_its_terms_is_waited_for(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        await shelf.get()
        shelf.clock.pass_by(360)
        assert await shelf.get() == (b'{"n": 2}', 0, False)
        shelf.clock.pass_by(360)
        shelf.source.fault = UpstreamFailed("down")
        assert await shelf.get() == (b'{"n": 2}', 360, True)
        assert await shelf.get() == (b'{"n": 2}', 360, True)
        assert shelf.source.count == 3, "it has failed just now"

    assert tell(story).logged() == ["cache not refreshed"]


def test_refetch_that_takes_long_is_not_waited_for(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        await shelf.get()
        shelf.clock.pass_by(400)
        shelf.source.go = asyncio.Event()
        page = await shelf.caches[0].get("page", shelf.source, TERMS._replace(wait=0.01))
        assert (page.body, page.age) == (b'{"n": 1}', 400)
        shelf.source.go.set()
        await shelf.background.drain(10)
        assert await shelf.get() == (b'{"n": 2}', 0, True)

    tell(story)


def test_entry_older_than_asked_for_is_made_anew_and_a_fault_is_raised(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        async def get(oldest: int | None) -> bytes:
            return (await shelf.caches[0].get("page", shelf.source, TERMS, oldest)).body

        assert await get(0) == b'{"n": 1}'
        shelf.clock.pass_by(10)
        assert await get(10) == b'{"n": 1}'
        assert await get(9) == b'{"n": 2}'
        assert await get(0) == b'{"n": 3}'
        shelf.clock.pass_by(1)
        shelf.source.fault = UpstreamFailed("down")
        with pytest.raises(UpstreamFailed):
            await get(0)
        assert await get(None) == b'{"n": 3}'
        shelf.source.fault = NotFound()
        with pytest.raises(NotFound):
            await get(0)
        with pytest.raises(NotFound):
            await get(None)

    tell(story)


def test_purged_entry_is_made_anew_at_once_and_served_where_its_source_is_down(tell: Tell) -> None:
    async def story(shelf: Shelf) -> None:
        await shelf.get()
        await shelf.caches[0].purge("page", "nothing")
        assert await shelf.get(cache=1) == (b'{"n": 2}', 0, False)
        await shelf.caches[0].purge("page")
        await shelf.caches[0].purge("page")
        shelf.source.fault = UpstreamFailed("down")
        for _ in range(3):
            assert await shelf.get() == (b'{"n": 2}', 0, True)
        assert shelf.source.count == 3, "it has failed just now"
        with pytest.raises(UpstreamFailed):
            await shelf.caches[0].get("page", shelf.source, TERMS, 3600)
        shelf.source.fault = None
        shelf.clock.pass_by(30)
        assert await shelf.get() == (b'{"n": 5}', 0, False)
        assert await shelf.get() == (b'{"n": 5}', 0, True)
        shelf.source.fault = NotFound()
        await shelf.caches[0].purge("page")
        for _ in range(2):
            with pytest.raises(NotFound):
                await shelf.get()

    tell(story)


@pytest.mark.parametrize(
    ("header", "oldest"),
    [
        (None, None),
        ("", None),
        ("no-store", None),
        ("max-age", None),
        ("max-age=x", None),
        ("max-age=-1", None),
        ("no-cache", 0),
        ("No-Cache", 0),
        ("max-age=0", 0),
        ('max-age="5"', 5),
        ("max-stale=9, max-age = 30", 30),
        ("max-age=30,no-cache", 0),
        ("max-age=99999999999999999999", None),
    ],
)
def test_request_says_how_old_its_answer_may_be(header: str | None, oldest: int | None) -> None:
    assert oldest_accepted(header) == oldest
