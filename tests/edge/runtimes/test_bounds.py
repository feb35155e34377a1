"""The share of one address or key, and the total, are bounded; the others are served."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from tests.edge.runtimes.serving import HERE, OTHER, Hasty, Line, Reply, Serving, get, post, serving, until, written

from edge.errors import Overloaded
from edge.runtimes.local.bounds import NOBODY, TIME_LIMIT, Arrival, Bounds, Budget
from edge.runtimes.local.in_flight import InFlight
from edge.runtimes.local.proxies import TrustedProxies

pytestmark = pytest.mark.slow

THIRD = "127.0.0.3"


class Patient(Hasty):
    """Waits for bodies for longer than a test takes."""

    body_patience = 60.0


def small(name: str, total: int, share: int) -> Bounds:
    """Return bounds of which one is small."""
    bounds = Bounds()
    setattr(bounds, name, InFlight(total, share, TIME_LIMIT) if name == "work" else Budget(total, share))
    return bounds


def run[T](case: Callable[[Serving], Awaitable[T]], bounds: Bounds, proxies: TrustedProxies | None = None) -> T:
    async def main() -> T:
        async with serving(bounds, proxies, Patient) as served:
            return await case(served)

    return asyncio.run(main())


# -- budgets ----------------------------------------------------------------------------------------------------------


def test_budget_bounds_each_holder_and_all_together() -> None:
    budget = Budget(5, 3)
    assert [budget.take("a") for _ in range(4)] == [True, True, True, False]
    assert [budget.take("b") for _ in range(3)] == [True, True, False]
    budget.give_back("a", 2)
    assert budget.take("b", 2) is False, "its share would be exceeded"
    assert budget.take("c", 2)
    assert budget.take("d") is False
    assert budget.used == 5


def test_budget_gives_nobody_no_share_and_a_holder_its_own() -> None:
    budget = Budget(10, 2)
    assert budget.take(NOBODY, 5)
    assert budget.take("a", 4, share=4)
    assert not budget.take("a", 1)
    assert budget.take("b", 1)
    assert not budget.take(NOBODY)


def test_budget_forgets_holders_that_gave_all_back() -> None:
    budget = Budget(10, 10)
    for name in map(str, range(1000)):
        assert budget.take(name, 3)
        budget.give_back(name, 3)
    assert budget.used == 0
    assert budget._by_holder == {}


def test_refused_arrival_takes_nothing() -> None:
    bounds = small("bodies_of_keys", 10, 1)
    first = Arrival(bounds, "a", "key")
    with pytest.raises(Overloaded, match="one key"):
        Arrival(bounds, "b", "key")
    assert bounds.bodies.used == 1
    bounds.received_of_keys = Budget(10, 10)
    with pytest.raises(Overloaded, match="one key"):
        first.add(11)
    assert bounds.received.used == 0
    first.add(0)
    first.add(5)
    first.end()
    assert [budget.used for budget in (bounds.bodies, bounds.received, bounds.received_of_keys)] == [0, 0, 0]
    assert bounds.received._by_holder == {}


# -- work and bodies --------------------------------------------------------------------------------------------------


def test_body_under_way_holds_no_place_at_work() -> None:
    async def case(served: Serving) -> list[Reply]:
        waiting = [await served.open(post(10), HERE) for _ in range(12)]
        await until(lambda: served.bounds.bodies.used == 12)
        assert served.bounds.work.used == 0
        others = [await served.ask(get(), source) for source in (HERE, OTHER)]
        for line in waiting:
            line.writer.write(b"0123456789")
        return others + [await line.reply() for line in waiting]

    replies = run(case, small("work", 4, 2))
    assert [reply.status for reply in replies] == [200] * 14
    assert replies[-1].body == b"10"


def test_address_has_a_share_of_the_bodies_and_others_are_served() -> None:
    async def case(served: Serving) -> None:
        for _ in range(3):
            await served.open(post(10), HERE)
        await until(lambda: served.bounds.bodies.used == 3)
        refused = await served.ask(post(10), HERE)
        assert (refused.status, refused.problem()["retry_after"]) == (503, 1)
        assert b"access-control-allow-origin: http://localhost:3000" in refused.head
        other = await served.open(post(10), OTHER)
        await until(lambda: served.bounds.bodies.used == 4)
        other.writer.write(b"0123456789")
        assert (await other.reply()).body == b"10"

    run(case, small("bodies", 10, 3))


def test_body_that_came_with_its_head_waits_for_nothing() -> None:
    async def case(served: Serving) -> None:
        await served.open(post(10), HERE)
        await until(lambda: served.bounds.bodies.used == 1)
        assert (await served.ask(post(10) + b"0123456789", HERE)).body == b"10"
        assert (await served.ask(post(10), HERE)).status == 503

    run(case, small("bodies", 1, 1))


def test_key_has_a_share_of_the_bodies_wherever_they_come_from() -> None:
    async def case(served: Serving) -> None:
        key = b"x-api-key: phone"
        for source in (HERE, OTHER):
            await served.open(post(10, key, path=b"/known"), source)
        await until(lambda: served.bounds.bodies_of_keys.used == 2)
        assert (await served.ask(post(10, key, path=b"/known"), THIRD)).status == 503
        another = await served.open(post(10, b"x-api-key: car", path=b"/known"), THIRD)
        await until(lambda: served.bounds.bodies_of_keys.used == 3)
        another.writer.write(b"0123456789")
        assert (await another.reply()).body == b"10"
        assert (await served.ask(get(), THIRD)).status == 200

    run(case, small("bodies_of_keys", 10, 2))


def test_bytes_of_bodies_under_way_are_bounded() -> None:
    async def case(served: Serving) -> None:
        first = await served.open(post(100_000) + bytes(60_000), HERE)
        await until(lambda: served.bounds.received.used == 60_000)
        assert (await served.ask(post(100_000) + bytes(60_000), HERE)).status == 503
        other = await served.open(post(100_000) + bytes(60_000), OTHER)
        await until(lambda: served.bounds.received.used == 120_000)
        for line in (first, other):
            line.writer.write(bytes(40_000))
            assert (await line.reply()).body == b"100000"

    run(case, small("received", 200_000, 100_000))


def test_body_over_the_limit_is_refused_before_its_end_comes() -> None:
    async def case(served: Serving) -> int:
        chunked = b"POST /size HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        line = await served.open(chunked + b"180000\r\n" + bytes(0x180000))
        return int((await line.until(b"\r\n")).split()[1])

    assert run(case, Bounds()) == 413


def test_bytes_of_heads_under_way_are_bounded() -> None:
    async def case(served: Serving) -> None:
        head = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: "
        first = await served.open(head + b"y" * 60_000, HERE)
        await until(lambda: served.bounds.received.used > 60_000)
        assert (await served.ask(head + b"y" * 60_000, HERE)).problem()["status"] == 503
        assert (await served.ask(head + b"y" * 60_000 + b"\r\n\r\n", OTHER)).status == 200
        first.writer.write(b"\r\n\r\n")
        assert (await first.reply()).status == 200

    run(case, small("received", 200_000, 100_000))


def test_disconnect_in_the_middle_of_a_body_releases_all_budgets() -> None:
    async def case(served: Serving) -> None:
        lines = [await served.open(post(100_000) + bytes(50_000)) for _ in range(5)]
        await until(lambda: served.bounds.received.used == 250_000)
        for line in lines:
            line.writer.transport.abort()
        await until(lambda: served.bounds.received.used == served.bounds.bodies.used == 0)

    run(case, Bounds())


def test_body_that_comes_while_all_places_are_taken_is_answered_503() -> None:
    async def case(served: Serving) -> tuple[Reply, list[Reply]]:
        waiting = await served.open(post(10), HERE)
        await until(lambda: served.bounds.bodies.used == 1)
        busy = [await served.open(get(b"/slow"), source) for source in (OTHER, THIRD)]
        await until(lambda: served.bounds.work.used == 2)
        waiting.writer.write(b"0123456789")
        return await waiting.reply(), [await line.reply() for line in busy]

    refused, busy = run(case, small("work", 2, 1))
    assert refused.problem()["title"] == "The server is overloaded; try again"
    assert [reply.status for reply in busy] == [200, 200]


def test_refusal_does_not_wait_for_the_body() -> None:
    async def case(served: Serving) -> float:
        started = time.monotonic()
        line = await served.open(post(100_000, path=b"/known"))
        assert (await line.reply()).problem()["status"] == 401
        took = time.monotonic() - started
        line.writer.write(bytes(100_000))  # bytes on their way pass, and then the connection ends
        assert await line.reader.read() == b""
        return took

    assert run(case, Bounds()) < 2


# -- connections ------------------------------------------------------------------------------------------------------


def test_connections_beyond_the_bound_are_answered_at_once() -> None:
    async def case(served: Serving) -> None:
        sockets = [await served.open(source=source) for source in (HERE, OTHER) for _ in range(4)]
        await until(lambda: served.bounds.connections.used == 8)
        for _ in range(3):
            started = time.monotonic()
            refused = await served.ask(get(), THIRD)
            assert (refused.status, refused.problem()["retry_after"]) == (503, 1)
            assert b"retry-after: 1" in refused.head
            assert time.monotonic() - started < 2
        for line in sockets:
            line.writer.close()
        await until(lambda: served.bounds.connections.used == 0)
        assert (await served.ask(get(), THIRD)).status == 200

    run(case, Bounds(connections=8))


def test_address_has_a_share_of_the_connections() -> None:
    async def case(served: Serving) -> list[int]:
        await hold(served, 7, HERE)
        return [(await served.ask(get(), source)).status for source in (HERE, OTHER)]

    assert run(case, Bounds(connections=8)) == [503, 200]


def test_trusted_proxy_has_no_share_of_the_connections() -> None:
    async def case(served: Serving) -> int:
        await hold(served, 7, HERE)
        return (await served.ask(get(), HERE)).status

    assert run(case, Bounds(connections=8), TrustedProxies.parse(HERE)) == 200


def test_connections_that_are_turned_away_are_few() -> None:
    async def case(served: Serving) -> list[int]:
        await hold(served, 7, HERE)
        refused = [asyncio.create_task(served.ask(get(), HERE)) for _ in range(12)]
        statuses = [reply.status for reply in await asyncio.gather(*refused)]
        await until(lambda: served.bounds.turned_away.used == 0)
        return statuses

    statuses = run(case, Bounds(connections=8, turned_away=3))
    assert {*statuses} <= {503, 0}, "the others are closed at once, where they may miss the answer"
    assert statuses.count(503) >= 3


async def hold(served: Serving, count: int, source: str) -> list[Line]:
    """Open connections and wait until the server knows of them."""
    lines = [await served.open(source=source) for _ in range(count)]
    await until(lambda: served.bounds.connections.used == count)
    return lines


# -- slow readers -----------------------------------------------------------------------------------------------------


def test_reader_that_takes_nothing_is_cut_off_and_holds_nothing_more() -> None:
    async def case(served: Serving) -> None:
        line = await served.open(get(b"/large"), receive_buffer=4096)
        await until(lambda: served.bounds.unsent.used > 1 << 20)
        await until(lambda: served.bounds.unsent.used == 0)
        await until(lambda: served.bounds.connections.used == 0)
        assert len((await line.reply()).data) == 0, "not all of it came"

    run(case, Bounds())


def test_reader_that_takes_its_time_is_served() -> None:
    async def case(served: Serving) -> int:
        line = await served.open(get(b"/large"), receive_buffer=1 << 20)
        size = 0
        while part := await line.reader.read(1 << 19):
            size += len(part)
            await asyncio.sleep(0.05)  # 12 MB in more than twice the patience
        return size

    assert run(case, Bounds()) > 12 * 1024 * 1024


def test_bytes_that_clients_do_not_take_are_bounded() -> None:
    async def case(served: Serving) -> None:
        slow = [await served.open(get(b"/large"), HERE, receive_buffer=4096) for _ in range(6)]
        seen = 0
        for _ in range(20):
            seen = max(seen, served.bounds.unsent.used)
            await asyncio.sleep(0.01)
        assert 0 < seen <= 24 * 1024 * 1024
        assert len((await served.ask(get(b"/large"), OTHER)).body) == 12 * 1024 * 1024
        for line in slow:
            line.writer.transport.abort()

    run(case, small("unsent", 48 * 1024 * 1024, 24 * 1024 * 1024))


# -- frames past a socket's task --------------------------------------------------------------------------------------

UPGRADE = (
    b"GET /direct HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
MASKED = b"\x81\x82\0\0\0\0go"


def test_no_frame_follows_the_close_frame_of_a_socket() -> None:
    async def case(served: Serving) -> bytes:
        line = await served.open(UPGRADE)
        await line.until(b"\r\n\r\n")
        line.writer.write(MASKED)
        frames = await line.until(b"frames in")
        line.writer.write(b"\x88\x82\0\0\0\0\x03\xe8")
        return frames + await line.reader.read()

    written.clear()
    frames = run(case, Bounds())
    assert frames.startswith(b"\x81\x06before\x88")
    assert b"after" not in frames
    assert written == [(True, False)]
