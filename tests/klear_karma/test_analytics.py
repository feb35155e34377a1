"""Analytics: usage per day for administrators only, from a file at home and from Analytics Engine over HTTP."""

from pathlib import Path
from typing import Any

import pytest
from tests.klear_karma.conftest import ENV, Run, as_admin, as_member
from tests.klear_karma.practices import book, booked, change, day_after_tomorrow, practice
from tests.patience import pauses
from tests.workers.hosting import reading

from edge.testing import Client
from edge.testing.host import Host
from edge.testing.runner import Runner
from klear_karma.app import app
from sims.cloudflare import TOKEN, AnalyticsSim

DAILY = "/api/analytics/daily"
DATASET = "klear_karma_api"
USED = {"searches": 1, "views": 4, "bookings": 1, "cancellations": 1, "conversion": 0.25}


@pytest.fixture
def remote(workers_host: Host, analytics: AnalyticsSim, tmp_path: Path) -> Run:
    """Return a runner in workerd that reads its points from the stand-in of Analytics Engine."""
    analytics.clear()
    return Runner(app, tmp_path, ENV | reading(analytics, DATASET), [], workers_host)


@pytest.fixture
def reader(runtime: str, request: pytest.FixtureRequest) -> Run:
    """Return a runner on each runtime that can read its points."""
    run: Run = request.getfixturevalue("local" if runtime == "local" else "remote")
    return run


async def until_counted(admin: Client) -> list[Any]:
    """Wait for the points of the requests before, which come after their responses, and return the days."""
    days: list[Any] = []
    async for _ in pauses():
        answer = await admin.get(f"{DAILY}?days=7")
        assert answer.status == 200, answer.text
        days = answer.json()
        if days[0] == USED | {"day": days[0]["day"]}:
            break
    return days


def test_usage_is_counted_per_day(reader: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        ada = await as_member(client, "ada")
        for _ in range(4):
            await client.get("/api/practitioners/mira")
        await client.get("/api/practitioners/nobody")
        await client.get("/api/practitioners/search?q=reiki")
        booking = await booked(ada, day_after_tomorrow(), key="one")
        assert (await book(ada, day_after_tomorrow(), key="one")).status == 200, "a repeated request counts once"
        assert (await book(ada, day_after_tomorrow())).status == 409
        assert (await change(ada, booking, "cancel")).status == 200
        assert (await change(ada, booking, "cancel")).status == 409
        first, *others = await until_counted(as_admin(client))
        assert first == USED | {"day": first["day"]}
        assert len(others) == 6
        assert {other["conversion"] for other in others} == {None}
        assert (await ada.get(DAILY)).status == 403
        assert [(await as_admin(client).get(f"{DAILY}?days={n}")).status for n in (0, 91, "x")] == [400] * 3

    reader(case)


@pytest.mark.slow
def test_failing_analytics_engine_is_a_502_without_the_token(remote: Run, analytics: AnalyticsSim) -> None:
    async def case(client: Client) -> None:
        analytics.failure = (500, b"internal")
        answer = await as_admin(client).get(DAILY)
        assert (answer.status, answer.json()["upstream"]) == (502, "Analytics Engine")
        assert TOKEN not in answer.text

    remote(case)


def test_missing_token_names_the_setting(run: Run) -> None:
    async def case(client: Client) -> None:
        answer = await as_admin(client).get(DAILY)
        assert answer.status == 200 or (answer.status, answer.json()["setting"]) == (503, "CLOUDFLARE_ACCOUNT_ID")

    run(case)
