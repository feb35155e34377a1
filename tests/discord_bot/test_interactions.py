"""Interactions over HTTP: signed or refused, each kind answered in Discord's form, and always in time."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sims.discord import payloads
from sims.discord.payloads import Who

from .conftest import KEY, Bot, Runner, document, soon

pytestmark = pytest.mark.slow

PRIVATE = 64
type Mangle = Callable[[dict[str, str], bytes], tuple[dict[str, str], bytes]]


def without(name: str) -> Mangle:
    return lambda headers, body: ({key: value for key, value in headers.items() if key != name}, body)


def with_(**values: str) -> Mangle:
    changed = {f"X-Signature-{name.title()}": value for name, value in values.items()}
    return lambda headers, body: (headers | changed, body)


def later(headers: dict[str, str]) -> dict[str, str]:
    return headers | {"X-Signature-Timestamp": str(int(headers["X-Signature-Timestamp"]) + 1)}


REFUSED: dict[str, dict[str, Any]] = {
    "no signature": {"mangle": without("X-Signature-Ed25519")},
    "no timestamp": {"mangle": without("X-Signature-Timestamp")},
    "neither": {"mangle": lambda _headers, body: ({}, body)},
    "no hexadecimal digits": {"mangle": with_(ed25519="zz" * 64)},
    "an odd number of them": {"mangle": with_(ed25519="a" * 127)},
    "too short": {"mangle": with_(ed25519="ab" * 63)},
    "too long": {"mangle": with_(ed25519="ab" * 65)},
    "empty": {"mangle": with_(ed25519="")},
    "all zero": {"mangle": with_(ed25519="00" * 64)},
    "another key": {"key": Ed25519PrivateKey.from_private_bytes(bytes(32))},
    "another body": {"mangle": lambda headers, body: (headers, body + b" ")},
    "another timestamp": {"mangle": lambda headers, body: (later(headers), body)},
    "a timestamp that is none": {"timestamp": "now"},
    "a stale one": {"timestamp": -301},
    "one to come": {"timestamp": 320},
}


@pytest.mark.parametrize("how", REFUSED)
def test_wrong_signature_is_refused_before_the_body_is_read(run: Runner, how: str) -> None:
    async def case(bot: Bot) -> None:
        headers = dict(REFUSED[how])
        if isinstance(headers.get("timestamp"), int):
            headers["timestamp"] = str(int(time.time()) + headers["timestamp"])
        for body in (b'{"type": 1}', b"no JSON at all"):
            assert (await bot.send(body, **headers)).status == 401

    run(case)


@pytest.mark.slow
def test_two_hundred_changed_signatures_are_refused(local: Runner) -> None:
    async def case(bot: Bot) -> None:
        draw = random.Random(11)

        def flip(headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
            signature = bytearray.fromhex(headers["X-Signature-Ed25519"])
            signature[draw.randrange(64)] ^= 1 << draw.randrange(8)
            return headers | {"X-Signature-Ed25519": signature.hex()}, body

        for _ in range(200):
            assert (await bot.send({"type": 1}, mangle=flip)).status == 401
        assert (await bot.send({"type": 1})).status == 200

    local(case)


def test_discord_would_take_the_address(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        assert await asyncio.to_thread(bot.sims.discord.verify, bot.url) == []

    run(case)


def test_the_key_opens_no_interactions_and_the_signature_nothing_else(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        assert (await bot.client.post("/interactions", {"type": 1})).status == 401
        answer = await bot.client.anonymous().post("/notifications/event", {"id": "a", "title": "b"})
        assert answer.status == 401
        wrong = [("x-api-key", f"{KEY[0][1][:-1]}z")]
        assert (await bot.client.anonymous().get("/notifications", headers=wrong)).status == 401
        assert (await bot.client.anonymous().post("/jobs/remind", headers=wrong)).status == 401

    run(case)


STRANGE: dict[str, object] = {
    "no JSON": b"{",
    "no object": b"[1]",
    "nothing": b"",
    "an unknown type": {"type": 77, "id": "1", "application_id": "1", "token": "no-such-token", "data": {}},
    "no data": {"type": 2, "id": "1", "application_id": "1", "token": "no-such-token"},
    "numbers for texts": {"type": 2, "id": 1, "application_id": 2, "token": 31415926535, "data": {"name": 4}},
}


@pytest.mark.parametrize("what", STRANGE)
def test_signed_but_unknown_payload_is_answered(run: Runner, what: str) -> None:
    async def case(bot: Bot) -> None:
        exchange = await bot.send(STRANGE[what])
        assert exchange.status == 200
        assert exchange.answer["type"] == 4
        assert exchange.answer["data"]["flags"] == PRIVATE

    run(case)


def test_unknown_command_is_answered_in_private(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        for exchange in [
            await bot.command("no-such"),
            await bot.press("no-such:1"),
            await bot.choose("no-such", ["a"]),
            await bot.submit("no-such", {"a": "b"}),
        ]:
            assert exchange.faults == []
            assert exchange.answer["data"]["flags"] == PRIVATE
            assert exchange.answer["data"]["content"]
        assert await bot.complete("no-such", "name", "a") == []

    run(case)


WRONG: dict[str, tuple[str, Any, str]] = {
    "too many": ("events", {"limit": 26}, "limit: Input should be less than or equal to 25"),
    "no number": ("events", {"limit": "many"}, "limit: Input should be a valid integer"),
    "one that is not known": ("events", {"colour": "red"}, "colour: Extra inputs are not permitted"),
    "none where one is needed": ("event", {}, "name: Field required"),
    "a text too long": ("event", {"name": "x" * 101}, "name: String should have at most 100 characters"),
}


@pytest.mark.parametrize("what", WRONG)
def test_invalid_options_are_answered_in_private(run: Runner, what: str) -> None:
    async def case(bot: Bot) -> None:
        name, options, text = WRONG[what]
        exchange = await bot.command(name, options)
        assert exchange.faults == []
        assert text in exchange.answer["data"]["content"]
        assert exchange.answer["data"]["flags"] == PRIVATE

    run(case)


def test_invalid_option_of_a_deferred_command_is_answered_later(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        exchange = await bot.command("ask", {"question": "?"})
        assert (exchange.answer["type"], exchange.faults) == (5, [])
        assert "question: String should have at least 3 characters" in exchange.messages[0]["content"]

    run(case)


@pytest.mark.slow
def test_a_slow_handler_is_answered_for_in_time_and_edited_in(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        bot.sims.site.content["events"] = [document("a", "Slow event", starts_at=soon(5))]
        bot.sims.site.delay.clear()
        timer = asyncio.get_running_loop().call_later(2.5, bot.sims.site.delay.set)
        exchange = await bot.command("next")
        timer.cancel()
        assert (exchange.answer["type"], exchange.faults) == (5, [])
        assert exchange.took < 2.5
        assert exchange.messages[0]["embeds"][0]["title"] == "Slow event"

    run(case)


def test_unavailable_site_is_answered_in_words(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        bot.sims.site.status = 404
        exchange = await bot.command("events")
        assert exchange.faults == []
        assert "Another service failed" in exchange.messages[0]["content"]
        assert await bot.complete("event", "name", "a") == []

    run(case)


def test_bug_is_answered_with_the_request_id_and_logged(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.db.run("DROP TABLE subscriptions")
        try:
            exchange = await bot.command("unsubscribe")
        finally:
            await bot.db.run(
                "CREATE TABLE subscriptions (user_id TEXT NOT NULL, kind TEXT NOT NULL, "
                "topics TEXT NOT NULL DEFAULT '[]', created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, "
                "PRIMARY KEY (user_id, kind))"
            )
        assert exchange.faults == []
        text = exchange.answer["data"]["content"]
        assert "Something went wrong here (request " in text
        run.request_id = text.split("(request ")[1].split(")")[0]  # type: ignore[attr-defined]

    run(case)
    assert run.request_id in run.logs  # type: ignore[attr-defined]


def test_failing_deferred_handler_is_answered_later(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        bot.sims.site.status = 404
        rare = {"id": "90071992547409931"}  # in a Worker the other tests' user may be over what is noted of one
        exchange = await bot.command("ask", {"question": "Who are you?"}, user=rare)
        assert (exchange.answer["type"], exchange.faults) == (5, [])
        assert "Another service failed" in exchange.messages[0]["content"]
        [entry] = await bot.audit(1)
        assert (entry["kind"], entry["subject"], entry["outcome"]) == ("slash", "ask", "failed")
        assert entry["actor"] == rare["id"]

    run(case)


@pytest.mark.slow
def test_follow_up_is_retried_if_discord_fails(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        bot.sims.discord.fail(503, 2, where="/messages/@original")
        exchange = await bot.command("ask", {"question": "Who are you?"})
        assert exchange.faults == []
        assert exchange.messages[0]["embeds"][0]["title"] == "Who are you?"
        assert [request.status for request in bot.sims.discord.requests if request.method == "PATCH"] == [503, 503, 200]

    run(case)


@pytest.mark.slow
def test_a_follow_up_that_overtakes_the_first_answer_is_sent_again(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        bot.sims.discord.fail(404, 2, where="/messages/@original")
        exchange = await bot.command("ask", {"question": "Who are you?"})
        assert exchange.messages[0]["embeds"][0]["title"] == "Who are you?"

    run(case)


@pytest.mark.slow
def test_completions_that_would_be_late_are_none(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        bot.sims.site.delay.clear()
        try:
            assert await bot.complete("event", "name", "a") == []
        finally:
            bot.sims.site.delay.set()

    run(case)


def test_a_follow_up_that_never_arrives_is_in_the_audit_log(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        bot.sims.discord.fail(500, 9, where="/messages/@original")
        sim = bot.sims.discord
        rare = {"id": "90071992547409932"}
        exchange = await asyncio.to_thread(sim.command, bot.url, "ask", {"question": "Who are you?"}, user=rare)
        assert exchange.answer["type"] == 5
        [entry] = await bot.audit(1)
        assert entry["outcome"] == "not sent"

    run(case)
    assert "follow-up not sent" in run.logs


def test_bot_without_settings_answers_that_it_is_not_set_up(local: Runner) -> None:
    async def case(bot: Bot) -> None:
        exchange = await bot.command("status")
        assert exchange.faults == []
        assert "DISCORD_API_URL is not valid" in exchange.answer["data"]["content"]

    local.env["DISCORD_API_URL"] = "no address"
    local(case)


def test_an_interaction_out_of_a_direct_message_is_answered(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        exchange = await bot.command("status", guild=False)
        assert exchange.faults == []
        assert exchange.answer["data"]["flags"] == PRIVATE

    run(case)


def test_a_button_without_a_message_of_ours_updates_nothing(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        world = bot.sims.discord.world
        payload = payloads.submit(world, "subscribe:event", {"topics": ""}, Who())
        assert "message" not in payload
        exchange = await bot.send(payload)
        assert (exchange.answer["type"], exchange.faults) == (4, [])

    run(case)
