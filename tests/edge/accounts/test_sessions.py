"""Rotation of refresh tokens: each rule by itself, by a clock that is moved, and four tabs that share one cookie."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.edge.accounts.conftest import HERE
from tests.edge.parts.conftest import SetClock

from edge.auth.accounts.sessions import IDLE, LONGEST, ReuseFound, Rotation, SessionEnded, Sessions, TokenUnknown
from edge.errors import Unauthorized
from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.migrations import migrate

KEYS = ("k" * 32,)
STRICT = Rotation(every_s=0, grace_s=-1, lost_s=-1)
"""Every use rotates, and the parent is worth nothing."""


class Site:
    """Sessions of one user, and a clock to be moved."""

    def __init__(self, db: LocalDatabase) -> None:
        self.db = db
        self.clock = SetClock()
        self.sessions = Sessions(db, self.clock, KEYS)

    async def begin(self) -> str:
        """Begin a session and return its refresh token."""
        refreshed, statement = self.sessions.begin("ada", "a browser", "192.0.2.1")
        await self.db.batch([statement])
        return refreshed.token

    async def after(self, seconds: float, token: str) -> str:
        """Refresh some seconds later and return the token, or the reason of the refusal."""
        self.clock.pass_by(seconds)
        return await outcome(self.sessions, token)

    async def rotated(self) -> list[str]:
        """Return a token and its successor, which was got just now and not used."""
        token = await self.begin()
        return [token, await self.after(61, token)]


async def outcome(sessions: Sessions, token: str) -> str:
    try:
        return (await sessions.refresh(token)).token
    except ReuseFound:
        return "reuse found"
    except SessionEnded as ended:
        return f"ended: {ended.extra['reason']}"
    except TokenUnknown:
        return "unknown"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Site]:
    path = folder / "db.sqlite"
    if not path.exists():
        migrate(path, HERE / "worker" / "migrations")
    db = LocalDatabase(path)
    user = "INSERT OR IGNORE INTO users (id, email, email_key, created_at, updated_at) VALUES ('ada', 'a', 'a', '', '')"
    await db.run(user)
    await db.run("INSERT OR IGNORE INTO user_passwords (user_id, hash, changed_at) VALUES ('ada', 'a hash', '')")
    try:
        yield Site(db)
    finally:
        db.close()


@pytest.fixture
def on_site(tmp_path: Path) -> Callable[[Callable[[Site], Awaitable[Any]]], Any]:
    """Return a function that runs a case on a site."""

    async def run(case: Callable[[Site], Awaitable[Any]]) -> Any:
        async with opened(tmp_path) as site:
            return await case(site)

    return lambda case: asyncio.run(run(case))


type OnSite = Callable[[Callable[[Site], Awaitable[Any]]], Any]


def test_session_begins_only_under_the_password_that_was_checked(on_site: OnSite) -> None:
    async def case(site: Site) -> list[int]:
        counts = []
        for user, stored in (("ada", None), ("ada", "a hash"), ("ada", "an older hash"), ("nobody", None)):
            _, statement = site.sessions.begin(user, "", "", stored)
            (result,) = await site.db.batch([statement])
            counts.append(len(result.rows))
        return counts

    assert on_site(case) == [1, 1, 0, 0]


def test_token_rotates_at_most_once_a_minute(on_site: OnSite) -> None:
    async def case(site: Site) -> None:
        first = await site.begin()
        assert await site.after(59, first) == first
        second = await site.after(1, first)
        assert second != first
        assert await site.after(59, second) == second
        assert await site.after(1, second) not in {first, second}

    on_site(case)


def test_parent_gets_the_same_successor_for_ten_seconds_from_first_rotation(on_site: OnSite) -> None:
    async def case(site: Site) -> None:
        first, second = await site.rotated()
        assert await site.after(0, second) == second  # it is in use: nothing was lost
        assert [await site.after(3, first) for _ in range(3)] == [second] * 3
        assert await site.after(1, first) == second
        assert await site.after(0.5, first) == "reuse found"
        assert await site.after(0, second) == "ended: reuse"

    on_site(case)


def test_parent_of_unused_successor_is_good_for_a_day(on_site: OnSite) -> None:
    async def case(site: Site) -> None:
        first, second = await site.rotated()
        assert await site.after(86_399, first) == second
        assert await site.after(2, first) == "reuse found"

    on_site(case)


def test_successor_that_was_used_ends_the_day_of_its_parent(on_site: OnSite) -> None:
    async def case(site: Site) -> None:
        first, second = await site.rotated()
        assert await site.after(30, first) == second
        assert await site.after(1, second) == second
        assert await site.after(1, first) == "reuse found"
        assert await site.after(0, first) == "ended: reuse"

    on_site(case)


def test_successor_that_rotates_ends_the_day_of_its_parent(on_site: OnSite) -> None:
    async def case(site: Site) -> None:
        first, second = await site.rotated()
        third = await site.after(61, second)
        assert third not in {first, second}
        assert await site.after(1, second) == third
        assert await site.after(1, first) == "reuse found"  # a grandparent, within ten seconds of the rotation
        assert await site.after(0, third) == "ended: reuse"

    on_site(case)


def test_end_of_session_beats_the_grace(on_site: OnSite) -> None:
    async def case(site: Site) -> None:
        for ends_all in (False, True):
            first, second = await site.rotated()
            if ends_all:
                await site.db.batch([site.sessions.ending_all("ada")])
            else:
                await site.sessions.end(second)
            assert [await site.after(1, token) for token in (first, second)] == ["ended: revoked"] * 2

    on_site(case)


def test_log_out_with_any_token_of_the_family_ends_it(on_site: OnSite) -> None:
    async def case(site: Site) -> None:
        first, second = await site.rotated()
        assert await site.sessions.end(first) is not None
        assert await site.after(0, second) == "ended: revoked"
        assert await site.sessions.end("ses_0.0.x") is None

    on_site(case)


def test_idle_session_ends_and_a_used_one_goes_on_to_its_longest(on_site: OnSite) -> None:
    async def case(site: Site) -> None:
        idle = await site.begin()
        assert await site.after(IDLE.total_seconds() + 1, idle) == "ended: expired"
        token = await site.begin()
        day = timedelta(days=20)
        steps = 0
        while not token.startswith("ended"):
            token = await site.after(day.total_seconds(), token)
            steps = steps + 1
        assert (token, steps) == ("ended: expired", LONGEST // day)

    on_site(case)


def test_tokens_of_others_are_unknown(on_site: OnSite) -> None:
    async def case(site: Site) -> None:
        token = await site.begin()
        session, counter, proof = token.split(".")
        others = Sessions(site.db, site.clock, ("o" * 32,))
        wrong = [
            "",
            "x",
            "..",
            f"{session}.{counter}",
            f"{session}.1.{proof}",
            f"{session}.{counter}.{proof[:-1]}",
            f"{session}x.{counter}.{proof}",
            f"{session}.{counter}.{proof}\ud800",
            others._token(session, 0),
            site.sessions._token(session, 5),
        ]
        assert [await site.after(0, text) for text in wrong] == ["unknown"] * len(wrong)
        assert await site.after(0, site.sessions._token("ses_none", 0)) == "ended: revoked"
        assert await site.after(0, token) == token

    on_site(case)


def test_tokens_of_the_old_signing_key_are_good(on_site: OnSite) -> None:
    async def case(site: Site) -> None:
        token = await site.begin()
        renewed = Sessions(site.db, site.clock, ("n" * 32, *KEYS))
        successor = await outcome(renewed, token)
        assert successor != token
        assert await outcome(renewed, successor) == successor

    on_site(case)


def test_fifty_at_once_rotate_once(on_site: OnSite) -> None:
    async def case(site: Site) -> None:
        token = await site.begin()
        site.clock.pass_by(61)
        answers = await asyncio.gather(*(outcome(site.sessions, token) for _ in range(50)))
        assert len({*answers}) == 1
        assert answers[0] != token
        row = await site.db.first("SELECT counter FROM refresh_tokens")
        assert row is not None
        assert row["counter"] == 1

    on_site(case)


class Browser:
    """Four tabs with one cookie jar, on a network that delays, reorders and loses answers."""

    def __init__(self, site: Site, sessions: Sessions, random: Random) -> None:
        self.site = site
        self.sessions = sessions
        self.random = random
        self.jar = ""
        self.log_outs = 0

    async def log_in(self) -> None:
        """Begin a session."""
        self.jar = await self.site.begin()

    async def wake(self) -> None:
        """Let each tab refresh; cookies are stored in the order in which answers arrive."""
        start = self.site.clock.at
        events: list[tuple[float, int, str, str]] = []
        for tab in range(4):
            heapq.heappush(events, (self.random.uniform(0, 1.5), tab, "send", ""))
        while events:
            at, tab, kind, token = heapq.heappop(events)
            self.site.clock.at = start + timedelta(seconds=at)
            if kind == "send":
                heapq.heappush(events, (at + self.random.expovariate(3), tab, "serve", self.jar))
            elif kind == "serve":
                answer = await self.serve(token)
                if answer and self.random.random() > 0.01:
                    heapq.heappush(events, (at + self.random.expovariate(1), tab, "store", answer))
            else:
                self.jar = token
        if not self.jar:
            await self.log_in()

    async def serve(self, token: str) -> str:
        """Return the token that the answer stores, "" if the cookie jar stays as it is."""
        try:
            refreshed = await self.sessions.refresh(token)
        except (ReuseFound, Unauthorized):
            if self.jar:
                self.log_outs += 1
            self.jar = ""
            return ""
        return refreshed.token if refreshed.is_new else ""


async def simulated(site: Site, rules: Rotation, wakes: int, seed: int) -> int:
    """Return the number of log-outs without a reason."""
    browser = Browser(site, Sessions(site.db, site.clock, KEYS, rules), Random(seed))
    await browser.log_in()
    for _ in range(wakes):
        await browser.wake()
        site.clock.pass_by(900)
    return browser.log_outs


def test_four_tabs_are_never_logged_out(on_site: OnSite) -> None:
    assert on_site(lambda site: simulated(site, Rotation(), 150, 7)) == 0


def test_simulation_finds_log_outs_of_strict_rotation(on_site: OnSite) -> None:
    assert on_site(lambda site: simulated(site, STRICT, 20, 7)) > 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_four_tabs_are_never_logged_out_in_3000_wakes(on_site: OnSite, seed: int) -> None:
    assert on_site(lambda site: simulated(site, Rotation(), 3000, seed)) == 0
