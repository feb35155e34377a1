"""Analytics: searches, views, bookings and cancellations per day, for administrators only."""

from tests.klear_karma.conftest import Run, as_admin, as_member
from tests.klear_karma.practices import book, booked, change, day_after_tomorrow, practice

from edge.testing import Client

DAILY = "/api/analytics/daily"


def test_usage_is_counted_per_day(local: Run) -> None:
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
        first, *others = (await as_admin(client).get(f"{DAILY}?days=7")).json()
        counted = {name: first[name] for name in ("searches", "views", "bookings", "cancellations", "conversion")}
        assert counted == {"searches": 1, "views": 4, "bookings": 1, "cancellations": 1, "conversion": 0.25}
        assert len(others) == 6
        assert {other["conversion"] for other in others} == {None}
        assert (await ada.get(DAILY)).status == 403
        assert [(await as_admin(client).get(f"{DAILY}?days={n}")).status for n in (0, 91, "x")] == [400] * 3

    local(case)


def test_missing_token_names_the_setting(run: Run) -> None:
    async def case(client: Client) -> None:
        answer = await as_admin(client).get(DAILY)
        assert answer.status == 200 or (answer.status, answer.json()["setting"]) == (503, "CLOUDFLARE_ACCOUNT_ID")

    run(case)
