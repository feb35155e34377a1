"""The invariants of the sync protocol hold in random histories of devices, and the histories find each seeded fault."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator

import pytest
from tests.vinyl_vault.conftest import Run, as_member
from tests.vinyl_vault.devices import Reply
from tests.vinyl_vault.direct import (
    BlindStore,
    CarelessDevices,
    CursorAtHead,
    Direct,
    DirectDatabase,
    LastWriterStore,
    WithoutConflicts,
    WithoutGuard,
    WithoutMemory,
    WithoutTombstones,
    look,
    purge,
)
from tests.vinyl_vault.histories import History, Seen, Server

from apps import ROOT
from edge.runtimes.local.migrations import migrate
from edge.testing import Client

pytestmark = pytest.mark.slow

FAULTS: dict[str, Callable[[DirectDatabase], Direct]] = {
    "no compare-and-set": lambda db: Direct(db, WithoutGuard),
    "whole-record writes": CarelessDevices,
    "blind deletions": lambda db: Direct(db, BlindStore),
    "cursor at the head": CursorAtHead,
    "deletions left out": lambda db: Direct(db, WithoutTombstones),
    "no memory of pushes": lambda db: Direct(db, WithoutMemory),
    "conflicts not reported": lambda db: Direct(db, WithoutConflicts),
}
"""Seeded faults; a history finds each in every third to hundredth run, so a hundred fixed seeds find all."""
RUNS = 100


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirectDatabase]:
    """Return a database of this Worker; each history uses separate users."""
    path = tmp_path_factory.mktemp("histories") / "DB.sqlite"
    migrate(path, ROOT / "migrations" / "vinyl_vault")
    database = DirectDatabase(path)
    yield database
    database.close()


def first_violation(server: Server, seeds: Iterable[int]) -> int | None:
    """Return the first seed with a history that violates an invariant."""

    async def play() -> int | None:
        for seed in seeds:
            try:
                await History(seed, server).run()
            except AssertionError:
                return seed
        return None

    return asyncio.run(play())


def play(server: Server, seeds: Iterable[int]) -> None:
    """Run the histories of some seeds; none may violate an invariant."""

    async def play_all() -> None:
        for seed in seeds:
            try:
                await History(seed, server).run()
            except AssertionError as fault:
                raise AssertionError(f"seed {seed}: {fault}") from fault

    asyncio.run(play_all())


def test_invariants_hold_in_random_histories(db: DirectDatabase) -> None:
    play(Direct(db), range(60))


@pytest.mark.soak
@pytest.mark.slow
def test_invariants_hold_in_two_thousand_histories(db: DirectDatabase) -> None:
    play(Direct(db), range(10_000, 12_000))


@pytest.mark.parametrize("fault", FAULTS)
def test_seeded_fault_is_found(db: DirectDatabase, fault: str) -> None:
    begin = 100_000 * ([*FAULTS].index(fault) + 1)
    assert first_violation(FAULTS[fault](db), range(begin, begin + RUNS)) is not None


def test_refusal_by_the_last_writer_alone_is_found(db: DirectDatabase) -> None:
    assert first_violation(Direct(db, LastWriterStore), range(900_000, 900_000 + RUNS)) is not None


class Http(Server):
    """A server behind HTTP; writes in between are sent concurrently."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.members: dict[str, Client] = {}
        self.work: Callable[[], Awaitable[None]] | None = None

    async def send(self, user: str, body: bytes) -> Reply:
        if user not in self.members:
            self.members[user] = await as_member(self.client, user)
        work, self.work = self.work, None
        headers = [("content-type", "application/json")]
        sending = self.members[user].request("POST", "/api/collection/sync", headers=headers, body=body)
        answer = (await asyncio.gather(sending, work()))[0] if work else await sending
        return Reply(answer.status, answer.json())

    async def look(self, user: str) -> Seen:
        return await look(self.client.ports.settings.db, user)

    async def purge(self, user: str) -> None:
        await purge(self.client.ports.settings.db, user)

    def between(self, work: Callable[[], Awaitable[None]] | None) -> None:
        self.work = work


@pytest.mark.parametrize(
    ("count", "steps"), [(1, 25), pytest.param(200, 40, marks=[pytest.mark.soak, pytest.mark.slow])]
)
def test_invariants_hold_over_http(run: Run, count: int, steps: int) -> None:
    async def case(client: Client) -> None:
        server = Http(client)
        for seed in range(20_000, 20_000 + count):
            await History(seed, server).run(steps)

    run(case)
