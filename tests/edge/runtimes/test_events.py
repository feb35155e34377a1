"""The log of live events in a file: its length, and its view from several processes."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from pydantic_core import from_json
from tests.contracts import events

from edge.context import Ports
from edge.ports import Log
from edge.ports.events import Draft, Follow, TooManyConnections
from edge.request import Request
from edge.runtimes.live_readers import Budget
from edge.runtimes.live_wire import Close
from edge.runtimes.local.events import LocalEvents
from edge.runtimes.local.log import LocalLog
from edge.runtimes.local.sockets import Message, Socket, Upgrade
from edge.settings import Settings
from edge.testing import HeaderTable

pytestmark = pytest.mark.slow


@pytest.mark.slow
def test_a_log_keeps_its_last_events(tmp_path: Path) -> None:
    """Dropped events are not read, and a reader that asks for them is told."""

    async def run() -> None:
        log = LocalEvents(tmp_path / "events" / "log.sqlite", events.app(), events.no_ports, capacity=10)
        await log.publish([Draft("a.n", n) for n in range(25)])
        page = await events.page_of(log, 0)
        assert ([event.sequence for event in page.events], page.oldest, page.last) == ([*range(16, 26)], 16, 25)
        stream = events.frames(log, Follow(events.ACTOR, 3))
        assert (await anext(stream)).startswith("retry:")
        assert from_json((await anext(stream)).removeprefix("data: "))["data"] == {"since": 3, "oldest": 16, "last": 25}
        assert (await anext(stream)).startswith("id: 16\n")
        assert await events.numbers(log, Follow(events.ACTOR, 15), 10) == [*range(16, 26)]
        await log.publish([Draft("a.n", n) for n in range(300)])
        left = log._file.connection.execute("SELECT count(*) FROM events").fetchone()
        assert left[0] < 120
        await log.end()
        log.close()

    asyncio.run(run())


OLD_TABLE = "CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, json TEXT NOT NULL)"


def old_log(path: Path) -> None:
    """Write a log as an earlier version did."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as old:
        old.execute(OLD_TABLE)
        old.executemany("INSERT INTO events VALUES (?, ?, ?)", events.old_rows())
        old.commit()


def test_an_old_log_is_brought_up_to_date_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "events" / "log.sqlite"
    old_log(path)

    async def run() -> None:
        log = LocalEvents(path, events.app(), events.no_ports)
        await events.an_old_log_is_brought_up_to_date(log)
        log.close()
        again = LocalEvents(path, events.app(), events.no_ports)
        assert len((await events.page_of(again, 0)).events) == 7
        again.close()

    asyncio.run(run())


def test_an_old_log_is_opened_by_many_at_once(tmp_path: Path) -> None:
    path = tmp_path / "events" / "log.sqlite"
    old_log(path)

    def opened(_number: int) -> LocalEvents:
        return LocalEvents(path, events.app(), events.no_ports)

    with ThreadPoolExecutor(8) as pool:
        logs = [*pool.map(opened, range(8))]
    asyncio.run(events.an_old_log_is_brought_up_to_date(logs[3]))
    for log in logs:
        log.close()


def test_a_stream_that_is_dropped_unread_is_open_no_more(tmp_path: Path) -> None:
    async def run() -> None:
        log = LocalEvents(tmp_path / "events" / "log.sqlite", events.app(), events.no_ports)
        follow = Follow(events.ACTOR, at_most=1)
        for _ in range(3):
            stream: object = await log.stream(follow)
            with pytest.raises(TooManyConnections):
                await log.stream(follow)
            del stream
        log.close()

    asyncio.run(run())


def test_one_reader_that_takes_nothing_does_not_hold_up_another_in_catch_up(tmp_path: Path) -> None:
    async def run() -> None:
        log = LocalEvents(tmp_path / "events" / "log.sqlite", events.app(), events.no_ports)
        log.budget = Budget(600_000, grace=0.2)
        for number in range(8):
            await log.publish([Draft("of.large", f"{number}{'x' * 200_000}")])
        stuck = [events.frames(log, Follow(events.ACTOR, 0)) for _ in range(10)]
        for stream in stuck:
            assert (await anext(stream)).startswith("retry")
        first = [asyncio.ensure_future(anext(stream)) for stream in stuck]
        assert await asyncio.wait_for(events.numbers(log, Follow(events.ACTOR, 0), 8), 20) == [*range(1, 9)]
        assert sum(reader.size for reader in log._open) < 1_500_000
        await asyncio.gather(*first, return_exceptions=True)
        for stream in stuck:
            await stream.aclose()  # type: ignore[attr-defined] # a generator
        await log.end()
        log.close()

    asyncio.run(run())


def test_another_processs_events_are_seen(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "events" / "log.sqlite"
        first = LocalEvents(path, events.app(), events.no_ports)
        other = LocalEvents(path, events.app(), events.no_ports)
        reading = asyncio.create_task(events.numbers(first, Follow(events.ACTOR, 0), 4))
        await other.publish([Draft("a.n", 1), Draft("a.n", 2)])
        await first.publish([Draft("a.n", 3)])
        await other.publish([Draft("a.n", 4)])
        assert await asyncio.wait_for(reading, 10) == [1, 2, 3, 4]
        for log in (first, other):
            await log.end()
            log.close()

    asyncio.run(run())


def test_reader_greeted_during_a_stop_is_notified(tmp_path: Path) -> None:
    async def run() -> None:
        log = LocalEvents(tmp_path / "events" / "log.sqlite", events.app(), events.no_ports)
        reported: list[object] = []

        async def stop() -> None:
            await log.end()
            reported.append("stopped")

        async def send(message: Message) -> None:
            reported.append(message.get("code") or message["type"])
            if message["type"] == "websocket.send":
                stopping.append(asyncio.create_task(stop()))
                await asyncio.sleep(0.05)

        async def receive() -> Message:
            never: asyncio.Future[Message] = asyncio.Future()
            return await never

        stopping: list[asyncio.Task[None]] = []
        headers = HeaderTable([("upgrade", "websocket")])
        request = Request("GET", "/ws", "", headers, _no_body, Ports(Settings({}), {Log: LocalLog("error")}))
        upgrade = await log.connect(request.headers, request.id, Follow(events.ACTOR))
        assert isinstance(upgrade, Upgrade)
        await asyncio.wait_for(upgrade.serve(Socket(receive, send)), 10)
        await asyncio.gather(*stopping)
        assert reported == ["websocket.send", int(Close.GOING_AWAY), "stopped"]
        log.close()

    asyncio.run(run())


def test_a_stream_that_begins_when_all_end_ends_too(tmp_path: Path) -> None:
    async def run() -> None:
        log = LocalEvents(tmp_path / "events" / "log.sqlite", events.app(), events.no_ports)
        stream = await log.stream(Follow(events.ACTOR))
        await log.end()
        async with asyncio.timeout(10):
            assert len([part async for part in stream]) == 1
        log.close()

    asyncio.run(run())


async def _no_body(_: int) -> bytes:
    return b""


def test_readers_that_come_at_once_share_a_look_at_the_numbers(tmp_path: Path) -> None:
    """A thousand looks, one for each reader, held up an event by a quarter of a second."""

    async def run() -> None:
        log = LocalEvents(tmp_path / "events" / "log.sqlite", events.app(), events.no_ports)
        statements: list[str] = []
        log._file.connection.set_trace_callback(statements.append)
        pages = await asyncio.gather(*(log.page(None) for _ in range(100)))
        assert {page.last for page in pages} == {0}
        assert 0 < len(statements) <= 20
        for number in range(1, 20):  # what was published before is never missing
            publishing = asyncio.ensure_future(log.publish([Draft("a.n", number)]))
            early = [asyncio.ensure_future(log.page(None)) for _ in range(3)]
            await publishing
            assert (await log.page(None)).last == number
            assert {page.last for page in await asyncio.gather(*early)} <= {number - 1, number}
        log.close()

    asyncio.run(run())


def test_a_look_survives_a_reader_that_leaves(tmp_path: Path) -> None:
    async def run() -> None:
        log = LocalEvents(tmp_path / "events" / "log.sqlite", events.app(), events.no_ports)
        first = asyncio.ensure_future(log.page(None))
        second = asyncio.ensure_future(log.page(None))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).last == 0
        log.close()

    asyncio.run(run())
