"""Limits of attempts: by both address and account, by each alone, with delays that double; nobody locks out others."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.edge.accounts.conftest import HERE
from tests.edge.parts.conftest import SetClock

from edge.auth.accounts.attempts import BY_ACCOUNT, BY_ADDRESS, BY_BOTH, BY_MAILBOX, Attempts
from edge.auth.limits import TooManyRequests
from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.migrations import migrate
from edge.testing import Answer, Client

from .conftest import ADA, Run, registered

HOME, CAFE = "192.0.2.1", "198.51.100.1"


class Door:
    """Attempts on a database of their own, and a clock to be moved."""

    def __init__(self, db: LocalDatabase) -> None:
        self.db = db
        self.clock = SetClock()
        self.attempts = Attempts(db, self.clock, "k" * 32)

    async def fail(self, network: str, email: str) -> int:
        """Make an attempt that fails; return 0, or the seconds to wait if it is refused."""
        try:
            await self.attempts.log_in(network, f"mark {network}", email)
        except TooManyRequests as refused:
            return int(dict(refused.headers)["retry-after"])
        return 0

    async def know(self, email: str, network: str) -> None:
        """Let a user have a session from a network."""
        await self.db.run(
            "INSERT INTO users (id, email, email_key, created_at, updated_at) VALUES (?1, ?1, ?1, '', '')", email
        )
        await self.db.run(
            "INSERT INTO refresh_tokens VALUES ('ses_1', ?, 0, 0, NULL, '', ?, '', '', '', NULL, NULL)",
            email,
            f"mark {network}",
        )


type AtDoor = Callable[[Callable[[Door], Awaitable[Any]]], Any]


@pytest.fixture
def at_door(tmp_path: Path) -> Iterator[AtDoor]:
    migrate(tmp_path / "db.sqlite", HERE / "worker" / "migrations")
    db = LocalDatabase(tmp_path / "db.sqlite")

    async def run(case: Callable[[Door], Awaitable[Any]]) -> Any:
        return await case(Door(db))

    yield lambda case: asyncio.run(run(case))
    db.close()


def test_delay_doubles_after_some_free_attempts_to_its_longest(at_door: AtDoor) -> None:
    async def case(door: Door) -> list[int]:
        assert [await door.fail(HOME, "ada@example.org") for _ in range(BY_BOTH.free)] == [0] * BY_BOTH.free
        waits = []
        for _ in range(13):
            waits.append(await door.fail(HOME, "ADA@example.org "))
            door.clock.pass_by(waits[-1])
            assert await door.fail(HOME, "ada@example.org") == 0
        return waits

    waits = at_door(case)
    assert waits[:10] == [2, 3, 5, 9, 17, 33, 65, 129, 257, 513]
    assert waits[10:] == [901] * 3


def test_refused_attempt_counts_nowhere(at_door: AtDoor) -> None:
    async def case(door: Door) -> None:
        for _ in range(BY_BOTH.free):
            await door.fail(HOME, "ada@example.org")
        before = await door.db.all("SELECT * FROM auth_attempts ORDER BY key")
        assert await door.fail(HOME, "ada@example.org") > 0
        assert await door.db.all("SELECT * FROM auth_attempts ORDER BY key") == before

    at_door(case)


def test_address_that_tries_many_accounts_is_delayed(at_door: AtDoor) -> None:
    async def case(door: Door) -> None:
        for number in range(BY_ADDRESS.free):
            assert await door.fail(HOME, f"user{number}@example.org") == 0
        assert await door.fail(HOME, "another@example.org") > 0
        assert await door.fail(CAFE, "another@example.org") == 0

    at_door(case)


def test_attempts_from_many_addresses_are_delayed_with_and_without_an_account(at_door: AtDoor) -> None:
    async def case(door: Door) -> None:
        await door.know("ada@example.org", HOME)
        waits = []
        for email in ("ada@example.org", "nobody@example.org"):
            for number in range(BY_ACCOUNT.free):
                assert await door.fail(f"203.0.113.{number}", email) == 0
            waits.append(await door.fail(CAFE, email))
        assert waits[0] == waits[1] > 0

    at_door(case)


def test_others_lock_no_user_out_of_a_network_that_logged_in_before(at_door: AtDoor) -> None:
    async def case(door: Door) -> None:
        await door.know("ada@example.org", HOME)
        for number in range(BY_ACCOUNT.free + 20):
            door.clock.pass_by(BY_ACCOUNT.longest_s)
            await door.fail(f"203.0.113.{number}", "ada@example.org")
        assert await door.fail(CAFE, "ada@example.org") > 0
        assert await door.fail(HOME, "ada@example.org") == 0
        await door.attempts.exempt_network(CAFE, "ada@example.org")
        assert await door.fail(CAFE, "ada@example.org") == 0

    at_door(case)


def test_many_at_once_count_as_many(at_door: AtDoor) -> None:
    async def case(door: Door) -> int:
        waits = await asyncio.gather(*(door.fail(HOME, "ada@example.org") for _ in range(50)))
        return sum(wait == 0 for wait in waits)

    assert at_door(case) == BY_BOTH.free


def test_success_is_refunded_and_old_failures_expire(at_door: AtDoor) -> None:
    async def case(door: Door) -> None:
        for _ in range(50):
            await door.attempts.give_back(await door.attempts.log_in(HOME, "mark", "ada@example.org"))
        for _ in range(BY_BOTH.free):
            assert await door.fail(HOME, "ada@example.org") == 0
        assert await door.fail(HOME, "ada@example.org") > 0
        door.clock.pass_by(BY_BOTH.forget_s + 1)
        assert [await door.fail(HOME, "ada@example.org") for _ in range(BY_BOTH.free)] == [0] * BY_BOTH.free

    at_door(case)


def test_address_gets_few_mails_but_one_within_every_link_of_a_reset(at_door: AtDoor) -> None:
    async def case(door: Door) -> None:
        verdicts = [await door.attempts.may_mail("ada@example.org") for _ in range(BY_MAILBOX.free + 2)]
        assert verdicts == [True] * BY_MAILBOX.free + [False] * 2
        gaps = []
        last = 0.0
        for minute in range(24 * 60):
            door.clock.pass_by(60)
            if await door.attempts.may_mail("Ada@example.org"):
                gaps.append(minute - last)
                last = minute
        assert 40 < len(gaps) < 60
        assert max(gaps) <= 31

    at_door(case)


def test_table_holds_neither_addresses_nor_passwords(at_door: AtDoor) -> None:
    async def case(door: Door) -> list[dict[str, Any]]:
        await door.fail(HOME, "a password that was typed in the wrong field")
        return await door.db.all("SELECT * FROM auth_attempts")

    rows = at_door(case)
    assert len(rows) == 3
    assert all(len(row["key"]) == 32 and int(row["key"], 16) for row in rows)


def test_log_in_beyond_the_limit_is_429_and_equal_for_known_and_unknown_addresses(run: Run) -> None:
    async def refused(client: Client, email: str) -> Answer:
        for tries in range(20):  # a slow machine may take longer than the first delays
            answer = await client.post("/api/auth/login", {"email": email, "password": "wrong horse battery"})
            if answer.status == 429:
                assert tries >= BY_BOTH.free
                return answer
            assert answer.status == 401
        raise AssertionError("never refused")

    async def case(client: Client) -> None:
        await registered(client)
        member, unknown = [await refused(client, email) for email in (ADA["email"], "nobody@example.org")]
        names = [sorted(name for name, _ in answer.headers) for answer in (member, unknown)]
        assert names[0] == names[1]
        assert {*member.json()} == {*unknown.json()}
        assert member.json()["detail"] == unknown.json()["detail"]
        assert int(member.header("retry-after") or 0) >= 1

    run(case)
