"""The bot's commands, as used by Discord's users."""

from datetime import UTC, datetime
from typing import Any

import pytest

from discord_bot.times import span, zone_of
from sims.discord import Exchange
from sims.model import Turn

from .conftest import Bot, Runner, document, soon

pytestmark = pytest.mark.slow

PRIVATE = 64


def shown_message(exchange: Exchange) -> dict[str, Any]:
    """Return the message in the channel."""
    assert exchange.faults == []
    message: dict[str, Any] = exchange.messages[0]
    return message


def test_events_are_listed_soonest_first_in_their_own_zone(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        late = document("late", "Late 🐢", starts_at=soon(50), time_zone="America/New_York", location="Pier 7")
        early = document("early", "Early", starts_at=soon(2), time_zone=None, url="https://site.example/early")
        past = document("past", "Past", starts_at=soon(-2))
        bot.sims.site.content["events"] = [late, past, early]
        [embed] = shown_message(await bot.command("events"))["embeds"]
        assert [field["name"] for field in embed["fields"]] == ["Early", "Late 🐢"]
        first, second = (field["value"] for field in embed["fields"])
        assert "(Europe/Berlin)" in first
        assert "[More](https://site.example/early)" in first
        assert "(America/New_York)" in second
        assert "Pier 7" in second
        assert f"<t:{int(datetime.fromisoformat(late['starts_at']).timestamp())}:F>" in second
        [embed] = shown_message(await bot.command("events", {"limit": 1}))["embeds"]
        assert [field["name"] for field in embed["fields"]] == ["Early"]
        assert len(bot.sims.site.seen) == 1

    run(case)


@pytest.mark.parametrize(("limit", "title"), [(5, "Event"), (25, "Event " + "x" * 200)])
def test_list_of_events_says_how_many_are_not_shown(run: Runner, limit: int, title: str) -> None:
    async def case(bot: Bot) -> None:
        many = [document(f"e{n}", f"{title} {n}", starts_at=soon(n + 1), location="y" * 200) for n in range(30)]
        bot.sims.site.content["events"] = many
        [embed] = shown_message(await bot.command("events", {"limit": limit}))["embeds"]
        count = len(embed["fields"])
        assert 5 <= count <= limit
        assert embed["footer"]["text"] == f"and {30 - count} more"
        bot.sims.site.content["events"] = many[:3]
        await bot.kv.delete("site:events")
        [embed] = shown_message(await bot.command("events"))["embeds"]
        assert "footer" not in embed

    run(case)


def test_odd_document_hides_no_other_and_odd_field_no_document(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        odd = document("odd", "Odd", starts_at=soon(2), tags=[{"_ref": "a"}], people="Ada", location=["here"])
        good = document("good", "Good", starts_at=soon(3))
        bot.sims.site.content["events"] = [odd, document("none", "None", starts_at=soon(4)) | {"id": 5}, good]
        [embed] = shown_message(await bot.command("events"))["embeds"]
        assert [field["name"] for field in embed["fields"]] == ["Odd", "Good"]
        bot.sims.site.content["posts"] = [{"id": 5, "slug": 5, "title": "Broken"}]
        await bot.know_webhooks()
        assert (await bot.client.post("/jobs/digest?dry_run=true")).status == 502

    run(case)


@pytest.mark.slow
def test_cached_event_that_has_begun_is_not_shown(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        now = document("a", "Now", starts_at=soon(0.0006))
        bot.sims.site.content["events"] = [now, document("b", "Then", starts_at=soon(1))]
        await bot.command("next")
        bot.sims.site.status = 503
        while datetime.fromisoformat(now["starts_at"]) >= datetime.now(UTC):
            await bot.client.get("/")
        assert shown_message(await bot.command("next"))["embeds"][0]["title"] == "Then"

    run(case)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://a b", "https://x.y/" + "y" * 600, "http://", "/a", "https://localhost/a"]
)
def test_a_link_that_discord_would_refuse_is_not_shown(run: Runner, url: str) -> None:
    async def case(bot: Bot) -> None:
        bot.sims.site.content["events"] = [document("a", "[A](b)", starts_at=soon(1), url=url)]
        assert shown_message(await bot.command("next"))["embeds"][0]["url"] == "https://site.example/events/a"
        shown_message(await bot.command("events"))

    run(case)


def test_a_link_beyond_ascii_is_encoded(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        bot.sims.site.content["events"] = [
            document("a", "A", starts_at=soon(1), url="https://a.example/über (1)?q=a b")
        ]
        link = "https://a.example/%C3%BCber%20%281%29?q=a%20b"
        assert shown_message(await bot.command("next"))["embeds"][0]["url"] == link
        assert f"[More]({link})" in shown_message(await bot.command("events"))["embeds"][0]["fields"][0]["value"]

    run(case)


def test_nothing_planned_is_said_so(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        assert "Nothing is planned" in shown_message(await bot.command("events"))["content"]
        assert "Nothing is planned" in shown_message(await bot.command("next"))["content"]

    run(case)


def test_an_event_is_completed_and_shown_at_length(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        many = [document(f"talk-{number}", f"Talk {number:02}", starts_at=soon(number + 1)) for number in range(30)]
        many.append(document("party", "Größe Party 🎉", starts_at=soon(90), people=["Zoë", None], summary="Dance"))
        bot.sims.site.content["events"] = many
        assert len(await bot.complete("event", "name", "talk")) == 25
        assert await bot.complete("event", "name", "GRÖSSE p".replace("SS", "ß")) == [
            {"name": "Größe Party 🎉", "value": "party"}
        ]
        assert await bot.complete("event", "name", "zzz") == []
        [embed] = shown_message(await bot.command("event", {"name": "party"}))["embeds"]
        assert (embed["title"], embed["description"]) == ("Größe Party 🎉", "Dance")
        assert embed["url"] == "https://site.example/events/party"
        assert {field["name"]: field["value"] for field in embed["fields"]}["With"] == "Zoë"
        assert "I know no such event" in shown_message(await bot.command("event", {"name": "nope"}))["content"]

    run(case)


def test_texts_longer_than_discord_takes_are_cut(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        long = "🐢" * 5000
        events = [document(f"e{number}", long, starts_at=soon(1), location=long, summary=long) for number in range(25)]
        bot.sims.site.content["events"] = events
        shown_message(await bot.command("events", {"limit": 25}))
        shown_message(await bot.command("next"))
        bot.sims.model.say(Turn(text=long))
        shown_message(await bot.command("ask", {"question": "turtle events?"}))

    run(case)


def knowing(bot: Bot) -> None:
    """Put something to ask about on the site."""
    bot.sims.site.content["events"] = [
        document("hack", "Hacknacht", starts_at=soon(40), location="Café Übermut", summary="Bring your own bugs")
    ]
    bot.sims.site.content["posts"] = [
        document("fees", "Membership fees", summary="What members pay", text="Intro.\n\nStudents pay 20 € a year."),
        document("turtles", "On turtles", summary="Slow animals", text="Turtles are slow."),
    ]


def test_a_question_is_answered_by_the_model_with_its_sources(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        knowing(bot)
        bot.sims.model.say(Turn(text="Students pay 20 €. @everyone"))
        exchange = await bot.command("ask", {"question": "How much are the membership fees for students?"})
        assert exchange.answer["type"] == 5
        [embed] = shown_message(exchange)["embeds"]
        assert embed["description"] == "Students pay 20 €. @everyone"
        assert embed["fields"][0]["value"].splitlines()[0] == "• [Membership fees](https://site.example/posts/fees)"
        [request] = bot.sims.model.requests
        content = request["messages"][1]["content"]
        assert "Students pay 20 € a year." in content
        assert "Turtles" not in content
        patched = next(request.body for request in bot.sims.discord.requests if request.method == "PATCH")
        assert patched["allowed_mentions"] == {"parse": []}
        [entry] = await bot.audit(1)
        assert (entry["subject"], entry["outcome"]) == ("ask", "answered")
        assert "Students pay" in entry["detail"]

    run(case)


def test_failing_model_leaves_excerpts_of_the_site(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        knowing(bot)
        bot.sims.model.say(Turn(status=400, error="5007: No such model"))
        exchange = await bot.command("ask", {"question": "membership fees"})
        message = shown_message(exchange)
        assert "The model cannot answer now" in message["content"]
        assert "Students pay 20 € a year." in message["embeds"][0]["description"]

    run(case)


def test_without_a_model_the_site_speaks_for_itself(local: Runner) -> None:
    async def case(bot: Bot) -> None:
        knowing(bot)
        message = shown_message(await bot.command("ask", {"question": "Where is Hacknacht?"}))
        assert "Café Übermut" in message["embeds"][0]["description"]

    del local.env["LOCAL_AI_URL"]
    local(case)


def test_a_question_that_nothing_fits_asks_no_model(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        knowing(bot)
        message = shown_message(await bot.command("ask", {"question": "quantum chromodynamics?"}))
        assert "found nothing" in message["embeds"][0]["description"]
        assert bot.sims.model.requests == []

    run(case)


def test_a_user_asks_one_question_at_a_time(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        knowing(bot)
        assert shown_message(await bot.command("ask", {"question": "membership fees"}))["embeds"]
        assert (
            "ask again in 10 seconds"
            in shown_message(await bot.command("ask", {"question": "membership fees"}))["content"]
        )
        other = await bot.command("ask", {"question": "membership fees"}, user={"id": "77"})
        assert shown_message(other)["embeds"]
        assert len(bot.sims.model.requests) == 2
        assert [row["outcome"] for row in await bot.audit(3)] == ["answered", "refused", "answered"]

    run(case)


def test_types_that_cannot_be_read_do_not_keep_others_from_answering(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        knowing(bot)
        del bot.sims.site.content["people"][:]
        bot.sims.site.content["projects"] = [{"no": "document"}]
        bot.sims.model.say(Turn(text="20 €"))
        assert (
            shown_message(await bot.command("ask", {"question": "membership fees"}))["embeds"][0]["description"]
            == "20 €"
        )

    run(case)


def test_user_subscribes_by_button_and_form_and_unsubscribes_by_menu(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        offered = shown_message(await bot.command("subscribe"))
        assert offered["flags"] == PRIVATE
        [row] = offered["components"]
        assert [component["custom_id"] for component in row["components"]] == [
            "subscribe:sponsor-update",
            "subscribe:event",
            "subscribe:announcement",
        ]
        pressed = await bot.press("subscribe:event")
        assert (pressed.answer["type"], pressed.faults) == (9, [])
        sent = await bot.submit("subscribe:event", {"topics": " Python, Edge  Café ,python,"})
        assert (sent.answer["type"], sent.faults) == (7, [])
        assert "events: python, edge café" in sent.answer["data"]["content"]
        again = await bot.press("subscribe:event")
        assert again.answer["data"]["components"][0]["components"][0]["value"] == "python, edge café"
        await bot.press("subscribe:announcement")
        await bot.submit("subscribe:announcement", {"topics": ""})
        rows = await bot.db.all("SELECT user_id, kind, topics FROM subscriptions ORDER BY kind")
        user = bot.sims.discord.user_id
        assert [(row["user_id"], row["kind"], row["topics"]) for row in rows] == [
            (user, "announcement", "[]"),
            (user, "event", '["python","edge café"]'),
        ]
        menu = shown_message(await bot.command("unsubscribe"))["components"][0]["components"][0]
        assert [option["value"] for option in menu["options"]] == ["announcement", "event"]
        chosen = await bot.choose("unsubscribe", ["event"])
        assert (chosen.answer["type"], chosen.faults) == (7, [])
        assert [row["kind"] for row in await bot.db.all("SELECT kind FROM subscriptions")] == ["announcement"]
        await bot.choose("unsubscribe", ["announcement", "no-such"])
        assert "subscribed to nothing" in shown_message(await bot.command("unsubscribe"))["content"]

    run(case)


def test_form_of_a_removed_kind_is_answered(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        for exchange in (await bot.press("subscribe:gossip"), await bot.submit("subscribe:gossip", {"topics": ""})):
            assert "no more" in exchange.answer["data"]["content"]
        wrong = await bot.submit("subscribe:event", {"topics": "x" * 201})
        assert "at most 200 characters" in wrong.answer["data"]["content"]
        assert await bot.db.all("SELECT * FROM subscriptions") == []

    run(case)


def test_status_shows_services_and_last_notices(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.know_webhooks("announcement")
        sent = await bot.client.post("/notifications/announcement", {"id": "a1", "title": "Hello"})
        assert sent.status == 201
        message = shown_message(await bot.command("status"))
        [embed] = message["embeds"]
        fields = {field["name"]: field["value"] for field in embed["fields"]}
        assert set(fields["Services"].splitlines()) == {"🟢 d1", "🟢 kv", "🟢 ai", "⚪ rate limit"}
        assert fields["Sent last"].endswith("announcement: Hello")
        assert message["flags"] == PRIVATE

    run(case)


@pytest.mark.parametrize(
    ("start", "zone", "text"),
    [
        ("2026-10-24T16:00:00+00:00", "Europe/Berlin", "Saturday, 24 October 2026, 18:00 (Europe/Berlin)"),
        ("2026-10-25T17:00:00+00:00", "Europe/Berlin", "Sunday, 25 October 2026, 18:00 (Europe/Berlin)"),
        ("2027-03-27T17:00:00+00:00", "Europe/Berlin", "Saturday, 27 March 2027, 18:00 (Europe/Berlin)"),
        ("2027-03-28T16:00:00+00:00", "Europe/Berlin", "Sunday, 28 March 2027, 18:00 (Europe/Berlin)"),
        ("2026-10-31T22:00:00+00:00", "America/New_York", "Saturday, 31 October 2026, 18:00 (America/New_York)"),
        ("2026-11-01T23:00:00+00:00", "America/New_York", "Sunday, 1 November 2026, 18:00 (America/New_York)"),
        ("2026-11-01T18:00:00", "America/New_York", "Sunday, 1 November 2026, 18:00 (America/New_York)"),
        ("2026-10-25T18:00:00", "Europe/Berlin", "Sunday, 25 October 2026, 18:00 (Europe/Berlin)"),
        ("2026-11-01T23:00:00+00:00", "No/Such", "Sunday, 1 November 2026, 23:00 (UTC)"),
        ("2026-11-01T23:00:00+00:00", "../etc/passwd", "Sunday, 1 November 2026, 23:00 (UTC)"),
    ],
)
def test_local_time_survives_daylight_saving(start: str, zone: str, text: str) -> None:
    assert span(datetime.fromisoformat(start), None, zone_of(zone, "UTC")).splitlines()[0] == text


def test_an_event_across_the_change_ends_when_it_ends() -> None:
    zone = zone_of("Europe/Berlin", "UTC")
    begin, end = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC)
    text = span(begin, end, zone)
    assert text.startswith("Sunday, 25 October 2026, 00:00 to 03:00 (Europe/Berlin)")
    assert f"<t:{int(begin.timestamp())}:F>" in text
    late = span(begin, datetime(2026, 10, 26, 2, tzinfo=UTC), zone)
    assert "00:00 (Europe/Berlin) to Monday, 26 October 2026, 03:00 (Europe/Berlin)" in late
