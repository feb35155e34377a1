"""Callers: the cost of a look-up, its limits, and changes of a caller's rights."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.edge.conftest import Lines
from tests.edge.parts.conftest import SetClock

from edge.access import ADMIN, OPERATOR, READER, Actor, Role
from edge.auth.callers import ADMINISTRATOR, AccessSettings, Callers
from edge.auth.keys import LIFETIME_S, MOST_KEYS, KeyCache, NewKey
from edge.auth.limits import Limits, TooManyRequests
from edge.context import Ports
from edge.errors import NotConfigured, Unauthorized
from edge.ports import Background, Database, Limit, Log, Result, Row, Statement, Value
from edge.request import Request
from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.migrations import migrate
from edge.runtimes.local.rate_limiter import LocalRateLimiter
from edge.testing import HeaderTable

ROOT = Path(__file__).parents[3]
ENV = {"ADMIN_API_KEY": "an-administrators-key-for-tests", "JWT_SECRET_KEY": "s" * 32}
BUDGET = 5


class Counted:
    """A database that counts its look-ups of keys; `before` is run in the middle of each."""

    def __init__(self, db: LocalDatabase) -> None:
        self._db = db
        self.look_ups = 0
        self.before: Callable[[], Coroutine[Any, Any, object]] | None = None

    async def all(self, sql: str, *params: Value) -> list[Row]:
        return await self._db.all(sql, *params)

    async def first(self, sql: str, *params: Value) -> Row | None:
        row = await self._db.first(sql, *params)
        if sql.startswith("SELECT"):
            self.look_ups += 1
            if self.before is not None:
                await self.before()
        return row

    async def run(self, sql: str, *params: Value) -> Result:
        return await self._db.run(sql, *params)

    async def batch(self, statements: Sequence[Statement]) -> list[Result]:
        return await self._db.batch(statements)

    async def probe(self) -> None:
        await self._db.probe()


class Nothing:
    """Background work that is not done."""

    def add(self, work: Coroutine[Any, Any, object]) -> None:
        work.close()


class Place:
    """Callers on a database of their own; each instance of them is as another event, or another process."""

    def __init__(self, path: Path) -> None:
        migrate(path, ROOT / "migrations")
        self._local = LocalDatabase(path)
        self.db = Counted(self._local)
        self.clock = SetClock(datetime.now(UTC).replace(microsecond=0))
        self.limiter = LocalRateLimiter(Limit(BUDGET, 60), now=lambda: self.clock.now().timestamp())

    def callers(self, **env: str) -> Callers:
        """Return callers by these settings."""
        db: Database = self.db
        limits = Limits(self.limiter, None, self.clock)
        return Callers(AccessSettings(ENV | env), db, self.clock, limits)

    async def key(self, callers: Callers, role: Role = READER, **options: Any) -> tuple[str, str]:
        """Make a key; return its text and its id."""
        text, row = await callers.make_key(NewKey("k", role, **options), "admin")
        return text, row["id"]

    def close(self) -> None:
        self._local.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place_ = Place(tmp_path / "db.sqlite")
    yield place_
    place_.close()


def request_by(key: str, address: str = "192.0.2.1") -> Request:
    async def read(_limit: int) -> bytes:
        return b""

    return Request(
        "GET",
        "/",
        "",
        HeaderTable([("x-api-key", key)]),
        read,
        Ports(AccessSettings({}), {Log: Lines(), Background: Nothing()}),
        address,
    )


async def outcome(callers: Callers, key: str, address: str = "192.0.2.1") -> str:
    """Return the caller's name for a key, or the name of the problem."""
    try:
        return (await callers.identify(request_by(key, address))).name
    except (Unauthorized, TooManyRequests) as refused:
        return type(refused).__name__


def token(callers: Callers, actor: Actor, seconds: float = 900) -> str:
    return callers.tokens().issue(actor, callers._clock.now(), timedelta(seconds=seconds))


GUESSES: dict[str, Callable[[str], str]] = {
    "another secret": lambda key: key.replace(key.split(".")[1], "x" * 43),
    "another id": lambda key: key.replace("key_k-", "key_j-"),
    "another code": lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
    "a longer code": lambda key: key + "A",
    "a shorter code": lambda key: key[:-1],
    "no code": lambda key: key[:-22],
    "code in other letters": lambda key: key[:-22] + "\u00e9" * 22,
    "a lone surrogate": lambda key: key[:-1] + "\ud800",
}


@pytest.mark.parametrize("guess", GUESSES.values(), ids=GUESSES)
def test_guess_of_a_proved_key_costs_no_look_up(place: Place, guess: Callable[[str], str]) -> None:
    async def case() -> list[str]:
        callers = place.callers()
        text, name = await place.key(callers)
        guessed = [await outcome(callers, guess(text)) for _ in range(3 * BUDGET)]
        assert place.db.look_ups == 0
        assert await outcome(callers, text) == name
        return guessed

    assert set(asyncio.run(case())) == {"Unauthorized"}


def test_unproven_key_is_looked_up_within_the_budget_of_its_address(place: Place) -> None:
    async def case() -> None:
        old, old_id = await place.key(place.callers(JWT_SECRET_KEY=""))
        other, other_id = await place.key(place.callers(JWT_SECRET_KEY="o" * 32))
        callers = place.callers()
        new, new_id = await place.key(callers)
        assert (old.count("."), new.count(".")) == (1, 2)
        assert [await outcome(callers, text) for text in (old, other)] == [old_id, other_id]
        guesses = [f"key_{old_id}.{number}" for number in range(2 * BUDGET)]
        outcomes = [await outcome(callers, text) for text in guesses]
        assert outcomes == ["Unauthorized"] * (BUDGET - 2) + ["TooManyRequests"] * (BUDGET + 2)
        assert place.db.look_ups == BUDGET
        assert await outcome(callers, old) == "TooManyRequests"
        assert [await outcome(callers, new) for _ in range(2 * BUDGET)] == [new_id] * 2 * BUDGET
        assert await outcome(callers, old, "192.0.2.2") == old_id
        place.clock.pass_by(60)
        assert await outcome(callers, old) == old_id

    asyncio.run(case())


def test_proofs_by_the_previous_key_are_valid_while_it_is_configured(place: Place) -> None:
    async def case() -> list[int | None]:
        before = place.callers()
        text, name = await place.key(before)
        rotated = {"JWT_SECRET_KEY": "n" * 32, "JWT_SECRET_KEY_OLD": ENV["JWT_SECRET_KEY"]}
        after = place.callers(**rotated)
        left = []
        for callers in (after, place.callers(JWT_SECRET_KEY="n" * 32)):
            assert [await outcome(callers, text) for _ in range(BUDGET - 1)] == [name] * (BUDGET - 1)
            left.append((await place.limiter.take("look-ups 192.0.2.1")).left)
        newer, newer_id = await place.key(after)
        assert await outcome(after, newer) == newer_id
        return left

    assert asyncio.run(case()) == [BUDGET - 1, 0]


def test_without_a_signing_key_every_guess_is_within_the_budget(place: Place) -> None:
    async def case() -> list[str]:
        callers = place.callers(JWT_SECRET_KEY="")
        text, name = await place.key(callers)
        assert await outcome(callers, text) == name
        return [await outcome(callers, text + "x") for _ in range(BUDGET)]

    assert asyncio.run(case()) == ["Unauthorized"] * (BUDGET - 1) + ["TooManyRequests"]
    assert place.db.look_ups == BUDGET


def test_token_costs_a_look_up_every_half_minute(place: Place) -> None:
    async def case() -> None:
        callers = place.callers()
        _, name = await place.key(callers)
        by_token = token(callers, Actor(name, READER))
        for _ in range(20):
            assert await outcome(callers, by_token) == await outcome(place.callers(), by_token) == name
        assert place.db.look_ups == 1
        place.clock.pass_by(LIFETIME_S - 1)
        await outcome(callers, by_token)
        assert place.db.look_ups == 1
        place.clock.pass_by(1)
        await outcome(callers, by_token)
        assert place.db.look_ups == 2

    asyncio.run(case())


def test_revocation_elsewhere_is_noticed_within_half_a_minute(place: Place) -> None:
    async def case() -> list[str]:
        callers = place.callers()
        _, name = await place.key(callers)
        by_token = token(callers, Actor(name, READER))
        outcomes = [await outcome(callers, by_token)]
        await place.db.run("UPDATE api_keys SET revoked_at = '2026-01-01 00:00:00'")
        for seconds in (LIFETIME_S - 1, 1, 1):
            place.clock.pass_by(seconds)
            outcomes.append(await outcome(callers, by_token))
        assert place.db.look_ups == 2
        return outcomes

    name, *later = asyncio.run(case())
    assert later == [name, "Unauthorized", "Unauthorized"]


def test_revocation_here_is_noticed_at_once_also_by_a_look_up_under_way(place: Place) -> None:
    async def case() -> list[str]:
        callers = place.callers()
        _, name = await place.key(callers)
        by_token = token(callers, Actor(name, READER))

        async def revoke() -> None:
            place.db.before = None
            await callers.revoke_key(name)

        place.db.before = revoke
        return [await outcome(callers, by_token) for _ in range(2)]

    assert asyncio.run(case())[1] == "Unauthorized"


def test_end_of_a_remembered_key_is_exact(place: Place) -> None:
    async def case() -> list[str]:
        callers = place.callers()
        _, name = await place.key(callers, expires_at=place.clock.now() + timedelta(seconds=10))
        by_token = token(callers, Actor(name, READER))
        outcomes = []
        for seconds in (0, 9, 1):
            place.clock.pass_by(seconds)
            outcomes.append(await outcome(callers, by_token))
        return outcomes

    name, before, after = asyncio.run(case())
    assert (name, after) == (before, "Unauthorized")
    assert place.db.look_ups == 1


def test_memory_is_bounded_and_survives_a_clock_that_goes_back(place: Place) -> None:
    async def case() -> None:
        callers = place.callers()
        cache = KeyCache()
        assert callers.keys is not None
        _, name = await place.key(callers)
        assert (await cache.look_up(name, callers.keys)).name == name
        for number in range(MOST_KEYS + 5):
            with pytest.raises(Unauthorized, match="gone"):
                await cache.look_up(f"none-{number}", callers.keys)
        assert len(cache._entries) == MOST_KEYS
        before = place.db.look_ups
        place.clock.pass_by(-3600)
        with pytest.raises(Unauthorized, match="gone"):
            await cache.look_up(f"none-{MOST_KEYS}", callers.keys)
        assert place.db.look_ups == before + 1

    asyncio.run(case())


def test_actor_has_the_end_of_its_credential(place: Place) -> None:
    async def case() -> list[Actor]:
        callers = place.callers()
        ends_at = place.clock.now() + timedelta(seconds=500)
        text, name = await place.key(callers, expires_at=ends_at)
        endless, _ = await place.key(callers)
        by_token = token(callers, Actor(name, READER), 300)
        longer = token(callers, Actor(name, READER), 900)
        return [await callers.identify(request_by(header)) for header in (text, endless, by_token, longer)]

    start = place.clock.now().timestamp()
    assert [actor.expires_at for actor in asyncio.run(case())] == [start + 500, None, start + 300, start + 500]


def test_caller_has_the_present_rights_of_its_credential(place: Place) -> None:
    async def case() -> None:
        callers = place.callers()
        text, name = await place.key(callers, OPERATOR, subjects=["A", "B"], daily_calls=9)
        actor = await callers.identify(request_by(text))
        narrow = await callers.identify(
            request_by(token(callers, actor._replace(role=READER, subjects=frozenset("A"))))
        )
        assert await callers.revalidate(actor) == actor
        assert await callers.revalidate(narrow) is narrow
        await place.db.run("UPDATE api_keys SET subjects = NULL, role = 3, daily_calls = 8")
        assert await callers.revalidate(actor) == Actor(name, ADMIN, None, 8)
        assert await callers.revalidate(narrow, fresh=True) == narrow._replace(daily_calls=8)
        carried = Actor(name, READER, frozenset("A"), 9, is_token=True, expires_at=narrow.expires_at)
        place.clock.pass_by(LIFETIME_S)
        assert await callers.revalidate(carried) == narrow._replace(daily_calls=8)
        await callers.revoke_key(name)
        for actor_ in (actor, narrow, carried):
            with pytest.raises(Unauthorized, match="revoked"):
                await callers.revalidate(actor_)

    asyncio.run(case())


def test_token_that_is_over_is_nobody_while_its_key_lives(place: Place) -> None:
    async def case() -> None:
        callers = place.callers()
        _, name = await place.key(callers)
        carried = Actor(name, READER, is_token=True, expires_at=place.clock.now().timestamp() + 5)
        assert await callers.revalidate(carried) == carried
        place.clock.pass_by(5)
        with pytest.raises(Unauthorized, match="expired"):
            await callers.revalidate(carried)

    asyncio.run(case())


def test_administrator_stands_while_the_key_is_the_same(place: Place) -> None:
    async def case() -> None:
        callers = place.callers()
        actor = await callers.identify(request_by(ENV["ADMIN_API_KEY"]))
        reader = actor._replace(role=READER, subjects=frozenset("A"), is_token=True, expires_at=2e9)
        assert (actor.name, actor.role, actor.subjects) == ("admin", ADMIN, None)
        for actor_ in (actor, reader, ADMINISTRATOR):
            assert await callers.revalidate(actor_) is actor_
        for env, some in (
            ({"ADMIN_API_KEY": "another-key-of-24-characters"}, (actor, reader)),
            ({"ADMIN_API_KEY": ""}, (actor, reader, ADMINISTRATOR)),
        ):
            for actor_ in some:
                with pytest.raises(Unauthorized):
                    await place.callers(**env).revalidate(actor_)
        with pytest.raises(Unauthorized):
            await callers.revalidate(reader._replace(fingerprint=None))
        assert place.db.look_ups == 0

    asyncio.run(case())


def test_without_a_database_a_key_and_its_tokens_are_not_configured() -> None:
    clock = SetClock()
    callers = Callers(AccessSettings(ENV), None, clock, Limits(None, None, clock))
    for actor_ in (Actor("k", READER), Actor("k", READER, is_token=True)):
        with pytest.raises(NotConfigured, match="DB"):
            asyncio.run(callers.revalidate(actor_))
