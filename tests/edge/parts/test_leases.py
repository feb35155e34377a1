"""Leases: one of several contenders gets it, until it expires or its holder gives it back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.edge.parts.conftest import SetClock

from edge.clients.leases import Leases
from edge.ports import PortError
from edge.runtimes.local.database import LocalDatabase

SCHEMA = "CREATE TABLE leases (name TEXT PRIMARY KEY, until REAL NOT NULL)"


@pytest.fixture
def leases(db: LocalDatabase, clock: SetClock) -> Leases:
    asyncio.run(db.run(SCHEMA))
    return Leases(db, clock)


@pytest.fixture
def other(clock: SetClock, tmp_path: Path) -> Iterator[Leases]:
    """Return leases on the same file by another connection, as another process has them."""
    database = LocalDatabase(tmp_path / "db.sqlite")
    yield Leases(database, clock)
    database.close()


def test_one_of_fifty_contenders_gets_the_lease(leases: Leases, other: Leases) -> None:
    async def run() -> list[float | None]:
        return await asyncio.gather(*((leases, other)[n % 2].take("work", 10) for n in range(50)))

    assert len([end for end in asyncio.run(run()) if end is not None]) == 1


def test_a_lease_is_of_one_name(leases: Leases) -> None:
    async def run() -> None:
        assert await leases.take("a", 10)
        assert await leases.take("b", 10)
        assert not await leases.take("a", 10)

    asyncio.run(run())


def test_lease_of_a_dead_process_expires(leases: Leases, other: Leases, clock: SetClock) -> None:
    async def run() -> None:
        assert await leases.take("work", 10) == clock.now().timestamp() + 10
        clock.pass_by(9.999)
        assert await other.take("work", 10) is None
        clock.pass_by(0.001)
        assert await other.take("work", 10) == clock.now().timestamp() + 10
        assert await leases.take("work", 10) is None

    asyncio.run(run())


def test_a_lease_is_not_prolonged_by_its_holder(leases: Leases) -> None:
    async def run() -> None:
        assert await leases.take("work", 10)
        assert await leases.take("work", 10) is None

    asyncio.run(run())


def test_a_released_lease_can_be_taken_at_once(leases: Leases, other: Leases) -> None:
    async def run() -> None:
        for taker, next_ in ((leases, other), (other, leases)):
            end = await taker.take("work", 10)
            assert end is not None
            await taker.give_back("work", end)
            end = await next_.take("work", 10)
            assert end is not None
            await next_.give_back("work", end)

    asyncio.run(run())


def test_only_its_owner_gives_a_lease_back(leases: Leases, other: Leases) -> None:
    async def run() -> None:
        await other.give_back("work", 1.0)
        assert await leases.take("work", 10)
        await other.give_back("work", 1.0)
        assert not await other.take("work", 10)

    asyncio.run(run())


def test_a_late_release_does_not_end_the_next_lease(leases: Leases, other: Leases, clock: SetClock) -> None:
    async def run() -> None:
        end = await leases.take("work", 10)
        assert end is not None
        clock.pass_by(10)
        assert await other.take("work", 10)
        await leases.give_back("work", end)
        assert not await leases.take("work", 10), "a third would do the same as the second"

    asyncio.run(run())


def test_two_holders_in_one_process_are_distinguished_by_expiry(leases: Leases, clock: SetClock) -> None:
    async def run() -> None:
        slow = await leases.take("work", 10)
        clock.pass_by(10)
        quick = await leases.take("work", 10)
        assert slow is not None
        assert quick is not None
        await leases.give_back("work", slow)
        assert not await leases.take("work", 10)
        await leases.give_back("work", quick)
        assert await leases.take("work", 10)

    asyncio.run(run())


def test_without_its_table_nothing_is_taken(db: LocalDatabase, clock: SetClock) -> None:
    with pytest.raises(PortError, match="no such table"):
        asyncio.run(Leases(db, clock).take("work", 10))
