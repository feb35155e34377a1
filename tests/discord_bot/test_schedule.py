"""Scheduled notices are posted once, however often the job runs, and missed ones are made up for."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from discord_bot.app import app
from discord_bot.content import Site
from discord_bot.schedule import DIGEST, REMIND, WEEK, week_of
from discord_bot.settings import BotSettings
from edge import Tick
from edge.clients.upstream import UpstreamFailed
from edge.runtimes.local.clock import schedule
from edge.runtimes.local.fetch import LocalFetch

from .conftest import SITE_KEY, Bot, Runner, Sims, document, soon

pytestmark = pytest.mark.slow


async def job(bot: Bot, name: str, *, dry: bool = False) -> list[dict[str, Any]]:
    answer = await bot.client.post(f"/jobs/{name}{'?dry_run=true' if dry else ''}")
    assert answer.status == 200, answer.text
    report: list[dict[str, Any]] = answer.json()["report"]
    return report


def outcomes(report: list[dict[str, Any]]) -> dict[str, str]:
    return {posting["subject"]: posting["outcome"] for posting in report}


def planned(bot: Bot) -> None:
    """Put three events on the site: two near, one not; and something written this week."""
    bot.sims.site.content["events"] = [
        document("a", "Tomorrow", starts_at=soon(20), time_zone="America/New_York"),
        document("b", "Soon", starts_at=soon(47)),
        document("c", "Later", starts_at=soon(100)),
        document("d", "Much later", starts_at=soon(24 * 8)),
    ]
    bot.sims.site.content["posts"] = [
        document("p", "News [new]", published_at=soon(-30)),
        document("o", "Old", published_at=soon(-200)),
    ]


def test_the_crons_are_those_that_are_asked_for_and_their_days_are_cloudflares() -> None:
    assert [*dict.fromkeys(cron for cron, _ in app.jobs)] == ["0 14 * * *", "0 14 * * MON"]
    due = next(schedule(DIGEST, datetime(2026, 11, 21, 12, tzinfo=UTC)))
    assert due == datetime(2026, 11, 23, 14, tzinfo=UTC)
    assert f"{due:%A}" == "Monday"


@pytest.mark.parametrize(
    ("now", "week"),
    [
        ("2026-11-23T13:59:59", "2026-11-16"),
        ("2026-11-23T14:00:00", "2026-11-23"),
        ("2026-11-24T14:00:00", "2026-11-23"),
        ("2026-11-29T23:00:00", "2026-11-23"),
        ("2027-01-01T00:00:00", "2026-12-28"),
        ("2027-01-04T14:00:01", "2027-01-04"),
    ],
)
def test_a_week_begins_when_its_digest_is_due(now: str, week: str) -> None:
    assert week_of(datetime.fromisoformat(now).replace(tzinfo=UTC)).isoformat() == f"{week}T14:00:00+00:00"


def test_events_of_the_next_two_days_are_reminded_of_once(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        planned(bot)
        await bot.know_webhooks()
        await bot.client.scheduled(REMIND)
        posted = bot.sims.discord.posted("event")
        assert [message["embeds"][0]["title"] for message in posted] == ["Tomorrow", "Soon"]
        assert "(America/New_York)" in posted[0]["embeds"][0]["fields"][0]["value"]
        await bot.client.scheduled(REMIND)
        assert outcomes(await job(bot, "remind")) == {
            "remind:doc-a": "was posted before",
            "remind:doc-b": "was posted before",
        }
        assert len(bot.sims.discord.posted("event")) == 2
        rows = await bot.audit(2)
        assert [(row["kind"], row["outcome"], row["actor"]) for row in rows] == [("remind", "sent", "clock")] * 2

    run(case)


def test_an_event_that_is_put_off_is_reminded_of_again(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        for hours in (5, 5, 30):
            bot.sims.site.content["events"] = [document("a", "A", starts_at=soon(hours).replace(minute=0, second=0))]
            await bot.client.scheduled(REMIND)
        assert len(bot.sims.discord.posted("event")) == 2

    run(case)


def test_many_at_once_post_each_reminder_once(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        planned(bot)
        await bot.know_webhooks()
        reports = await asyncio.gather(*(job(bot, "remind") for _ in range(5)))
        assert len(bot.sims.discord.posted("event")) == 2
        outcomes = [posting["outcome"] for report in reports for posting in report]
        assert sorted(outcomes) == ["posted"] * 2 + ["was posted before"] * 8

    run(case)


def test_half_failed_run_is_completed_by_the_next(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        planned(bot)
        await bot.know_webhooks()
        bot.sims.discord.fail(500)
        report = await job(bot, "remind")
        assert outcomes(report) == {"remind:doc-a": "failed", "remind:doc-b": "posted"}
        assert "Discord answered 500" in report[0]["problem"]
        await bot.db.run("UPDATE notices SET status = 'claimed', until = 1 WHERE subject = 'remind:doc-a'")
        assert outcomes(await job(bot, "remind")) == {"remind:doc-a": "posted", "remind:doc-b": "was posted before"}
        assert len(bot.sims.discord.posted("event")) == 2

    run(case)


def test_a_dry_run_shows_and_changes_nothing(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        planned(bot)
        await bot.know_webhooks()
        before = [await bot.db.all(f"SELECT * FROM {table}") for table in ("notices", "audit", "leases")]
        report = await job(bot, "remind", dry=True)
        assert outcomes(report) == {"remind:doc-a": "would be posted", "remind:doc-b": "would be posted"}
        assert report[0]["message"]["embeds"][0]["title"] == "Tomorrow"
        [digest] = await job(bot, "digest", dry=True)
        assert digest["outcome"] == "would be posted"
        assert [await bot.db.all(f"SELECT * FROM {table}") for table in ("notices", "audit", "leases")] == before
        assert (await bot.kv.list("site:")).names == []
        assert bot.sims.discord.requests == []
        await job(bot, "remind")
        assert set(outcomes(await job(bot, "remind", dry=True)).values()) == {"was posted before"}

    run(case)


def test_the_digest_is_posted_once_a_week(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        planned(bot)
        await bot.know_webhooks()
        await bot.client.scheduled(DIGEST)
        await bot.client.scheduled(DIGEST)
        [body] = bot.sims.discord.posted("announcement")
        [embed] = body["embeds"]
        assert embed["description"].count("(https://site.example/events/") == 3
        assert "Much later" not in embed["description"]
        assert embed["fields"] == [
            {"name": "Written in the last week", "value": "[News (new)](https://site.example/posts/p)"}
        ]
        [posting] = await job(bot, "digest")
        assert posting["outcome"] == "was posted before"

    run(case)


def test_a_site_without_a_domain_is_linked_to_nowhere(local: Runner) -> None:
    async def case(bot: Bot) -> None:
        planned(bot)
        await bot.know_webhooks()
        assert [posting["outcome"] for posting in await job(bot, "digest")] == ["posted"]
        assert [posting["outcome"] for posting in await job(bot, "remind")] == ["posted"] * 2

    local.env["SITE_URL"] = "http://localhost:3000"
    local(case)


def test_first_start_of_the_bot_posts_no_old_digest(local: Runner) -> None:
    async def case(bot: Bot) -> None:
        planned(bot)
        await bot.know_webhooks()
        late = Tick(DIGEST, datetime.now(UTC), is_late=True)
        await bot.client.app.scheduled(late, bot.client.ports)
        assert bot.sims.discord.posted("announcement") == []
        await job(bot, "digest")
        assert len(bot.sims.discord.posted("announcement")) == 1, "by hand it is posted"
        await bot.db.run("UPDATE notices SET subject = 'digest:2026-01-05', fingerprint = 'x'")
        await bot.client.app.scheduled(late, bot.client.ports)
        assert len(bot.sims.discord.posted("announcement")) == 2, "one was missed since the last"

    local(case)


def test_digest_says_how_many_are_not_shown(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        bot.sims.site.content["events"] = [document(f"e{n}", f"Event {n}", starts_at=soon(n + 1)) for n in range(30)]
        bot.sims.site.content["posts"] = [document(f"p{n}", f"Post {n}", published_at=soon(-n)) for n in range(1, 41)]
        [posting] = await job(bot, "digest", dry=True)
        [embed] = posting["message"]["embeds"]
        [field] = embed["fields"]
        for text, total, word in ((embed["description"], 30, "[Event "), (field["value"], 40, "[Post ")):
            assert text.endswith(f"… and {total - text.count(word)} more"), text

    run(case)


def test_empty_digest_is_not_posted(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        assert await job(bot, "digest") == []

    run(case)


def test_a_digest_whose_tick_was_missed_is_posted_by_the_next_day(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        planned(bot)
        bot.sims.site.content["events"] = bot.sims.site.content["events"][2:]
        await bot.know_webhooks()
        assert await job(bot, "remind") == []  # before the first digest none can be missed
        now = datetime.now(UTC)
        last = f"digest:{week_of(now) - WEEK:%Y-%m-%d}"
        await bot.db.run(
            "INSERT INTO notices (fingerprint, id, kind, subject, title, status, until) VALUES (?, ?, ?, ?, ?, ?, ?)",
            "f",
            "i",
            "announcement",
            last,
            "",
            "sent",
            0,
        )
        is_late = now > week_of(now) + timedelta(hours=1)
        assert [posting["outcome"] for posting in await job(bot, "remind")] == (["posted"] if is_late else [])
        assert await job(bot, "remind") == []
        assert len(bot.sims.discord.posted("announcement")) == int(is_late)

    run(case)


def test_jobs_request_fresh_content_with_the_platforms_key(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        planned(bot)
        await bot.know_webhooks()
        await job(bot, "digest")
        wishes = [(header.get("cache-control"), header.get("x-api-key")) for header in bot.sims.site.headers]
        assert wishes == [("no-cache", SITE_KEY)] * 2
        await bot.command("next")
        last = bot.sims.site.headers[-1]
        assert (last.get("cache-control"), last.get("x-api-key")) == (None, SITE_KEY)

    run(case)


def test_job_acts_on_no_content_that_is_old(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        bot.sims.site.content["events"] = [document("a", "A", starts_at=soon(5))]
        bot.sims.site.answer_headers = [[("age", "95")], [("age", "10")]]
        assert [posting["outcome"] for posting in await job(bot, "remind")] == ["posted"]
        assert len(bot.sims.site.seen) == 2

    run(case)


def test_job_waits_for_the_sites_limit_of_calls(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        bot.sims.site.content["events"] = [document("a", "A", starts_at=soon(5))]
        bot.sims.site.statuses = [429]
        bot.sims.site.answer_headers = [[("retry-after", "1")]]
        assert [posting["outcome"] for posting in await job(bot, "remind")] == ["posted"]

    run(case)


class QuickClock:
    """A clock that does not wait, and notes how long it should have."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds


def test_content_that_stays_old_is_refused(sims: Sims) -> None:
    async def case() -> float:
        clock = QuickClock()
        sims.site.answer_headers = [[("age", "95")] for _ in range(100)]
        fetch = LocalFetch()
        site = Site(BotSettings(sims.env()), fetch, clock, None, None)  # type: ignore[arg-type]  # neither is used
        with pytest.raises(UpstreamFailed, match="95 s old"):
            await site.upcoming_now()
        await fetch.close()
        return clock.slept

    assert 65 < asyncio.run(case()) < 90


def test_a_site_that_is_down_fails_the_run_and_not_the_next(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        planned(bot)
        await bot.know_webhooks()
        bot.sims.site.status = 404
        assert (await bot.client.post("/jobs/remind")).status == 502
        bot.sims.site.status = 200
        assert len(await job(bot, "remind")) == 2

    run(case)


def test_jobs_are_listed_and_unknown_ones_are_not_found(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        listed = (await bot.client.get("/jobs")).json()
        assert listed == [
            {"name": "remind", "cron": REMIND},
            {"name": "digest", "cron": DIGEST},
            {"name": "remove_old_rows", "cron": REMIND},
        ]
        assert (await bot.client.post("/jobs/no-such")).status == 404

    run(case)
