"""Notices to the channels: each once, not too often, and without secrets."""

import asyncio
from typing import Any

import pytest

from discord_bot.app import app
from discord_bot.notices import Notice, Notices, NoticeUnderWay
from edge.clients.discord import Embed
from sims.discord import Bucket

from .conftest import Bot, Runner

pytestmark = pytest.mark.slow

HELLO = {"id": "a1", "title": "Hello", "text": "World"}


async def tell(bot: Bot, kind: str = "announcement", query: str = "", **members: Any) -> Any:
    return await bot.client.post(f"/notifications/{kind}{query}", HELLO | members)


def test_a_notice_is_a_card_in_its_channel(run: Runner) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "sponsor-update": {"sponsor": "Żółw", "tier": "Gold"},
        "event": {"starts_at": "2026-10-25T17:00:00Z", "time_zone": "Europe/Berlin", "location": "Café"},
        "announcement": {"author": "Zoë", "url": "https://site.example/a"},
    }

    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        for kind, members in bodies.items():
            answer = await tell(bot, kind, **members)
            assert answer.status == 201, answer.text
            [message] = bot.sims.discord.messages[kind]
            assert answer.json() == {
                "id": answer.json()["id"],
                "kind": kind,
                "subject": "a1",
                "message_id": message["id"],
            }
            [body] = bot.sims.discord.posted(kind)
            assert body["allowed_mentions"] == {"parse": []}
            assert body["embeds"][0]["title"] == "Hello"
        text = bot.sims.discord.posted("event")[0]["embeds"][0]["fields"][0]["value"]
        assert text.startswith("Sunday, 25 October 2026, 18:00 (Europe/Berlin)\n<t:1792947600:F>")
        listed = (await bot.client.get("/notifications?limit=2&kind=notification")).json()
        assert [(entry["subject"], entry["outcome"], entry["actor"]) for entry in listed] == [
            ("announcement/a1", "sent", "admin"),
            ("event/a1", "sent", "admin"),
        ]

    run(case)


@pytest.mark.parametrize(
    ("starts_at", "zone", "text"),
    [
        ("2026-10-25T18:00:00", "Europe/Berlin", "Sunday, 25 October 2026, 18:00 (Europe/Berlin)"),
        ("2027-03-28T16:00:00Z", "Europe/Berlin", "Sunday, 28 March 2027, 18:00 (Europe/Berlin)"),
        ("2027-03-28T18:00:00", None, "Sunday, 28 March 2027, 18:00 (Europe/Berlin)"),
        ("2026-11-01T18:00:00-05:00", "America/New_York", "Sunday, 1 November 2026, 18:00 (America/New_York)"),
        ("2026-11-01T18:00:00", "America/New_York", "Sunday, 1 November 2026, 18:00 (America/New_York)"),
    ],
)
def test_local_time_of_an_event_is_shown(run: Runner, starts_at: str, zone: str | None, text: str) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        answer = await tell(bot, "event", starts_at=starts_at, time_zone=zone)
        assert answer.status == 201, answer.text
        [embed] = bot.sims.discord.posted("event")[0]["embeds"]
        assert embed["fields"][0]["value"].startswith(text)

    run(case)


WRONG: dict[str, tuple[str, dict[str, Any], int]] = {
    "an unknown kind": ("gossip", {}, 404),
    "no id": ("event", {"id": ""}, 422),
    "an id with strange signs": ("event", {"id": "a/b c"}, 422),
    "no title": ("event", {"title": ""}, 422),
    "a member of another kind": ("announcement", {"sponsor": "x"}, 422),
    "a link that is none": ("announcement", {"url": "javascript:alert(1)"}, 422),
    "a link to a host of no domain": ("announcement", {"url": "http://localhost/a"}, 422),
    "a time that is none": ("event", {"starts_at": "tomorrow"}, 422),
    "a number for a text": ("event", {"text": 5}, 422),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_notice_is_refused(run: Runner, what: str) -> None:
    async def case(bot: Bot) -> None:
        kind, members, status = WRONG[what]
        answer = await tell(bot, kind, **members)
        assert answer.status == status, answer.text
        assert bot.sims.discord.requests == []

    run(case)


def test_a_notice_without_a_webhook_says_which_is_missing(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        for url in (None, "not a URL", "https://user:pass@discord.com/api/webhooks/1/t", "file:///webhooks/1/t"):
            if url:
                await bot.kv.put("webhooks:event", url)
            answer = await tell(bot, "event")
            assert (answer.status, answer.json()["setting"]) == (503, "webhooks:event")
            assert "pass" not in answer.text
        await bot.know_webhooks("event")
        assert (await tell(bot, "event")).status == 201

    run(case)


def test_the_same_notice_is_sent_once(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        answers = await asyncio.gather(*(tell(bot) for _ in range(10)))
        assert sorted(answer.status for answer in answers) == [200] * 9 + [201]
        assert len({answer.json()["message_id"] for answer in answers}) == 1
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert len(bot.sims.discord.posted("announcement")) == 1
        assert (await tell(bot)).status == 200
        assert (await tell(bot, "event")).status == 201
        assert len(await bot.audit(2)) == 2

    run(case)


def test_another_notice_about_the_subject_waits_for_the_window(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        first = await asyncio.gather(*(tell(bot, text=str(number)) for number in range(5)))
        assert sorted(answer.status for answer in first) == [201, 429, 429, 429, 429]
        assert len(bot.sims.discord.posted("announcement")) == 1
        limited = await tell(bot, text="later")
        assert limited.status == 429
        assert 3500 < int(limited.header("retry-after") or 0) <= 3600
        assert limited.json()["retry_after"] == int(limited.header("retry-after") or 0)
        assert (await tell(bot, id="a2")).status == 201
        assert await bot.kv.get("ratelimit:announcement:a1")
        await bot.kv.delete("ratelimit:announcement:a1")
        await bot.db.run("DELETE FROM leases")
        assert (await tell(bot, text="later")).status == 201

    run(case)


def test_a_title_of_nothing_is_that_of_its_kind(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        assert (await tell(bot, "event", title=" \n", text="\u2003")).status == 201
        assert bot.sims.discord.posted("event")[0]["embeds"][0]["title"] == "Events"

    run(case)


def test_texts_longer_than_discord_takes_are_cut(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        long = "🐢" * 5000
        answer = await tell(bot, "event", title=long[:1000], text=long, location=long[:1000])
        assert answer.status == 201, answer.text
        [embed] = bot.sims.discord.posted("event")[0]["embeds"]
        assert embed["title"].endswith("…")
        assert embed["description"].endswith("…")

    run(case)


def test_a_short_rate_limit_of_discords_is_waited_out(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        bot.sims.discord.fail(429, retry_after=0.4)
        assert (await tell(bot)).status == 201
        assert [request.status for request in bot.sims.discord.requests] == [429, 200]

    run(case)


def test_long_rate_limit_is_reported_and_respected(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        bot.sims.discord.fail(429, retry_after=64.57)
        answer = await tell(bot)
        assert (answer.status, answer.header("retry-after")) == (503, "65")
        again = await tell(bot)
        assert again.status == 503
        assert 55 <= int(again.header("retry-after") or 0) <= 65
        assert len(bot.sims.discord.requests) == 1
        await bot.kv.delete("discord-pause:announcement")
        assert (await tell(bot)).status == 201

    run(case)


@pytest.mark.slow
def test_an_empty_bucket_is_waited_for(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        limit, bot.sims.discord.limit = bot.sims.discord.limit, Bucket(1, 1.0)
        try:
            answers = [await tell(bot, id=f"b{number}") for number in range(3)]
        finally:
            bot.sims.discord.limit = limit
        assert [answer.status for answer in answers] == [201] * 3

    run(case)


@pytest.mark.parametrize(("status", "answered"), [(500, 502), (503, 502), (400, 502), (403, 502), (404, 503)])
def test_notice_refused_by_discord_may_be_sent_again(run: Runner, status: int, answered: int) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        bot.sims.discord.fail(status)
        answer = await tell(bot)
        assert answer.status == answered, answer.text
        assert (await tell(bot)).status == 201
        assert [row["outcome"] for row in await bot.audit(2)] == ["failed", "sent"]

    run(case)


@pytest.mark.parametrize("how", ["cut", "gateway timeout"])
def test_uncertain_notice_is_posted_again_only_with_repeat(run: Runner, how: str) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        bot.sims.discord.fail(504) if how != "cut" else bot.sims.discord.fail(reset=True)
        assert (await tell(bot)).status in {502, 504}
        again = await tell(bot)
        assert again.status == 409, again.text
        assert "repeat=true" in again.json()["detail"]
        assert bot.sims.discord.posted("announcement") == []
        assert (await tell(bot, query="?repeat=true")).status == 201
        assert (await tell(bot, query="?repeat=true")).status == 200
        assert [row["outcome"] for row in await bot.audit(2)] == ["unknown", "sent"]

    run(case)


def test_unreachable_discord_received_nothing(local: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.kv.put("webhooks:announcement", "http://127.0.0.1:9/api/webhooks/1/some-token")
        answer = await tell(bot)
        assert answer.status == 502
        assert "some-token" not in answer.text
        await bot.know_webhooks()
        assert (await tell(bot)).status == 201

    local(case)


def test_dead_senders_progress_decides_whether_to_send_again(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        bot.sims.discord.fail(500)
        await tell(bot)
        await bot.db.run("UPDATE notices SET status = 'claimed', until = 1")
        assert (await tell(bot)).status == 201
        await bot.db.run("UPDATE notices SET status = 'sending', until = 1")
        assert (await tell(bot)).status == 409
        assert len(bot.sims.discord.posted("announcement")) == 1

    run(case)


SUBSCRIBE = "INSERT INTO subscriptions (user_id, kind, topics, created_at) VALUES (?, ?, ?, ?)"


def test_overtaken_sender_sends_nothing(local: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        notices: Notices = app.provide(Notices, bot.client.ports)
        notice = Notice("event", "a", "key", Embed("a"), "somebody")
        claimed = await notices._claim(notice)
        assert isinstance(claimed, str)
        await bot.db.run("UPDATE notices SET until = 1")
        assert (await notices.send(notice)).is_new
        with pytest.raises(NoticeUnderWay):
            await notices._begin(claimed)
        assert len(bot.sims.discord.posted("event")) == 1

    local(case)


def test_subscribers_of_a_kind_and_topic_are_mentioned(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        for user, kind, topics in (
            ("1", "event", "[]"),
            ("2", "event", '["hello"]'),
            ("3", "event", '["hell"]'),
            ("4", "announcement", "[]"),
        ):
            await bot.db.run(SUBSCRIBE, user, kind, topics, "")
        assert (await tell(bot, "event")).status == 201
        [body] = bot.sims.discord.posted("event")
        assert body["content"] == "<@1> <@2>"
        assert body["allowed_mentions"] == {"parse": [], "users": ["1", "2"]}

    run(case)


def test_fifty_are_mentioned_at_most(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks()
        for number in range(60):
            await bot.db.run(SUBSCRIBE, str(10**18 + number), "event", "[]", f"{number:02}")
        assert (await tell(bot, "event")).status == 201
        [body] = bot.sims.discord.posted("event")
        users = body["allowed_mentions"]["users"]
        assert body["content"].endswith("> and 10 more")
        assert users == [str(10**18 + number) for number in range(50)]

    run(case)


def test_two_kinds_of_sender_do_not_take_each_other_for_the_same() -> None:
    notices = [Notice("event", "a", "key", Embed("a"), "", source) for source in ("remind", "notification")]
    assert len({notice.fingerprint for notice in notices}) == 2
    assert app.injector(Notices) is not None


def test_the_index_and_health_are_public(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        anonymous = bot.client.anonymous()
        index = await anonymous.get("/")
        assert index.json()["links"]["interactions"] == "/interactions"
        health = (await anonymous.get("/health")).json()
        assert health["status"] == "ok", health
        assert health["checks"]["secrets"]["message"] == "4 of 4 set"

    run(case)


def test_invalid_public_key_is_reported(local: Runner) -> None:
    async def case(bot: Bot) -> None:
        assert (await bot.send({"type": 1})).status == 503
        health = (await bot.client.get("/health")).json()
        assert health["status"] == "degraded"

    local.env["DISCORD_PUBLIC_KEY"] = "f" * 63
    local(case)
