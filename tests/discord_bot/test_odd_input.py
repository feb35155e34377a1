"""Seeded nonsense: over every endpoint of the bot, and in interactions that Discord would have signed."""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic_core import from_json
from tests import odd

from edge.request import BODY_LIMIT
from edge.testing import Answer
from sims.discord import payloads
from sims.discord.answers import ALLOWED, answer_faults
from sims.discord.payloads import Who
from sims.discord.sender import DEADLINE, Signing, signed

from .conftest import Bot, Runner, document, soon

pytestmark = pytest.mark.slow

KNOWN = {
    "id": "post-1",
    "title": "A post",
    "url": "https://site.example/a",
    "starts_at": None,
    "ends_at": None,
    "time_zone": "Europe/Berlin",
    "kind": "event",
    "type": 1,
    "name": "remind",
    "dry_run": True,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "events": {"limit": 3},
    "next": {},
    "event": {"name": "wasm-evening"},
    "ask": {"question": "Where is it?"},
    "subscribe": {},
    "unsubscribe": {},
    "status": {},
}
PRIVATE = 64
type Signer = odd.Sign


def signer(bot: Bot) -> Signer:
    """Return the headers that sign a body as Discord does."""
    return lambda sent: headers_of(bot, sent.body) if sent.target.startswith("/interactions") else []


def headers_of(bot: Bot, body: bytes) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in signed(bot.sims.discord.world, body, Signing())[0].items()]


async def storm(bot: Bot, seed: int, count: int) -> list[str]:
    await bot.know_webhooks()
    return await odd.weather(
        bot.client, odd.Storm(odd.Document("discord_bot/openapi.json", KNOWN), seed), count, signer(bot)
    )


def test_no_odd_request_is_an_error_of_ours(run: Runner) -> None:
    count = 300 if run.runtime == "local" else 100
    assert run(lambda bot: storm(bot, 1, count)) == []


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_no_odd_request_of_a_long_storm_is_an_error_of_ours(run: Runner, seed: int) -> None:
    count = 3_000 if run.runtime == "local" else 500
    assert run(lambda bot: storm(bot, 100 + seed, count)) == []


# -- interactions ---------------------------------------------------------------------------------------------------


def real(bot: Bot) -> list[dict[str, Any]]:
    """Return an interaction of each kind, as Discord sends them."""
    world = bot.sims.discord.world
    who = Who()
    label = {"type": 18, "id": 1, "component": {"type": 4, "custom_id": "topics", "value": "wasm", "id": 2}}
    labelled = payloads.submit(world, "subscribe:event", {"topics": "wasm"}, who)
    labelled["data"]["components"] = [label, {"type": 10, "id": 3, "content": "A text"}]
    return [
        payloads.ping(world),
        *(payloads.command(world, name, options, who) for name, options in OPTIONS.items()),
        payloads.command(world, "status", {}, Who(guild=False)),
        payloads.command(world, "event", {"name": "wa"}, who, focused="name"),
        payloads.component(world, "subscribe:event", None, None, who),
        payloads.component(world, "unsubscribe", ["event"], None, who),
        payloads.submit(world, "subscribe:event", {"topics": "wasm, python"}, who),
        payloads.submit(world, "unknown", {"topics": "wasm"}, who),
        labelled,
    ]


def drawn(bot: Bot, seed: int, count: int) -> Iterator[bytes]:
    """Yield signed bodies: real ones with something wrong in one place or in several."""
    draw = random.Random(seed)
    payloads = real(bot)
    for number in range(count):
        value: Any = payloads[number % len(payloads)]
        for _ in range(draw.choice((1, 1, 1, 2, 4))):
            value = odd.mutated(value, draw)
            if isinstance(value, dict) and isinstance(value.get("data"), dict) and draw.random() < 0.6:
                value = value | {"data": odd.mutated(value["data"], draw)}  # most fields that the bot reads are there
        body = odd.written(value).encode(errors="surrogatepass")
        if len(body) <= BODY_LIMIT:
            yield body


async def sent(bot: Bot, body: bytes) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = await bot.client.anonymous().request("POST", "/interactions", headers=headers_of(bot, body), body=body)
    return answer, time.monotonic() - began


def complaints(body: bytes, answer: Answer, took: float) -> Iterator[str]:
    """Yield the faults that Discord would find in an answer."""
    if answer.status != 200 or took > DEADLINE:
        yield f"status {answer.status} after {took:.1f} s"
        return
    try:
        response = from_json(body, allow_inf_nan=False)
    except ValueError:
        response = {}
    kind = response.get("type") if isinstance(response, dict) else None
    if not isinstance(kind, int) or kind not in ALLOWED:
        if not isinstance(answer.json()["type"], int):
            yield "an answer without a type"
        return
    typed: dict[str, Any] = response if isinstance(response.get("data", {}), dict) else {"type": kind}
    options = typed.get("data", {}).get("options") if kind != 1 else None
    if options is not None and not (isinstance(options, list) and all(isinstance(option, dict) for option in options)):
        typed = {"type": kind}  # the stand-in reads the options of what it has sent itself
    yield from map(str, answer_faults(typed, answer.json()))


async def interactions(bot: Bot, seed: int, count: int) -> list[str]:
    bot.sims.site.content["events"] = [document("wasm-evening", "Wasm evening", starts_at=soon(5))]
    complaints_ = []
    for number, body in enumerate(drawn(bot, seed, count)):
        answer, took = await sent(bot, body)
        complaints_ += [
            f"seed {seed}, number {number}: {complaint}\n  {body[:1500]!r}\n  {answer.text[:300]}"
            for complaint in complaints(body, answer, took)
        ]
    return complaints_


def test_odd_interaction_that_is_signed_is_answered_as_discord_asks(run: Runner) -> None:
    count = 500 if run.runtime == "local" else 120
    assert run(lambda bot: interactions(bot, 1, count)) == []
    assert "interaction failed" not in run.logs
    assert "interaction not answered" not in run.logs


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_odd_interactions_of_a_long_storm_are_answered_as_discord_asks(run: Runner, seed: int) -> None:
    count = 5_000 if run.runtime == "local" else 1_000
    assert run(lambda bot: interactions(bot, 100 + seed, count)) == []
    assert "interaction failed" not in run.logs
    assert "interaction not answered" not in run.logs


MODALS: dict[str, Any] = {
    "components are a number": 7,
    "components are an object": {"components": [{"custom_id": "topics", "value": "a"}]},
    "a component is a text": ["topics"],
    "a row holds a number": [{"type": 1, "components": 5}],
    "a row holds a text": [{"type": 1, "components": "custom_id"}],
    "a row holds texts": [{"type": 1, "components": ["custom_id"]}],
    "a row holds nothing": [{"type": 1, "components": None}, {"type": 1, "components": [None]}],
    "a label holds a text": [{"type": 18, "component": "custom_id"}],
    "a label holds a list": [{"type": 18, "component": ["custom_id"]}],
    "an id is an object": [{"type": 1, "components": [{"custom_id": {"a": 1}, "value": "a"}]}],
    "an id is a list": [{"type": 1, "components": [{"custom_id": ["topics"], "value": "a"}]}],
    "a value is an object": [{"type": 1, "components": [{"custom_id": "topics", "value": {"a": 1}}]}],
    "values are a number": [{"type": 1, "components": [{"custom_id": "topics", "values": 3}]}],
    "very many rows": [{"type": 1, "components": [{"custom_id": f"t{n}", "value": "a"}]} for n in range(9000)],
}


@pytest.mark.parametrize("what", MODALS)
def test_malformed_modal_is_answered_in_private(run: Runner, what: str) -> None:
    async def case(bot: Bot) -> None:
        payload = payloads.submit(bot.sims.discord.world, "subscribe:event", {"topics": "a"}, Who())
        payload["data"]["components"] = MODALS[what]
        answer, _ = await sent(bot, json.dumps(payload).encode())
        assert (answer.status, answer.json()["type"]) == (200, 4), answer.text
        assert answer.json()["data"]["flags"] == PRIVATE
        assert await bot.db.all("SELECT * FROM subscriptions") == []

    run(case)


HUGE = "9" * 900_000
MEMBERS: dict[str, dict[str, Any]] = {
    "a user's id": {"member": {"user": {"id": HUGE}}},
    "an id that is no number": {"member": {"user": {"id": "../x"}}},
    "the interaction's id": {"id": HUGE},
    "the application's id": {"application_id": "1/../../users/@me"},
    "a token that climbs": {"token": "../../users"},
    "a token of dots": {"token": ".."},
    "a token that is empty": {"token": ""},
    "a token that is endless": {"token": "t" * 5000},
    "a locale": {"locale": HUGE},
    "a command's name": {"data": {"name": HUGE}},
    "options": {"data": {"name": "events", "options": [{"name": f"o{n}", "value": 1} for n in range(20_000)]}},
    "an option's value": {"data": {"name": "ask", "options": [{"name": "question", "value": HUGE}]}},
    "a component's id": {"type": 3, "data": {"custom_id": HUGE, "component_type": 2}},
    "values": {"type": 3, "data": {"custom_id": "unsubscribe", "component_type": 3, "values": ["event"] * 50_000}},
}


@pytest.mark.parametrize("what", MEMBERS)
def test_interaction_beyond_discords_bounds_reaches_no_handler(run: Runner, what: str) -> None:
    async def case(bot: Bot) -> None:
        payload = payloads.command(bot.sims.discord.world, "ask", {"question": "Where is it?"}, Who())
        answer, took = await sent(bot, json.dumps(payload | MEMBERS[what]).encode())
        assert (answer.status, answer.json()["type"]) == (200, 4), answer.text
        assert answer.json()["data"]["flags"] == PRIVATE
        assert took < DEADLINE
        await asyncio.sleep(0.1)
        assert await bot.db.all("SELECT * FROM audit") == []
        # A Worker of an earlier test may still send a late follow-up of its own.
        assert [seen for seen in bot.sims.discord.requests if payload["token"] in seen.path] == []

    run(case)


def test_completion_of_unreadable_content_is_empty(run: Runner) -> None:
    async def case(bot: Bot) -> None:
        payload = payloads.command(bot.sims.discord.world, "event", {"name": "wa"}, Who(), focused="name")
        odd: tuple[dict[str, object], ...] = ({"id": 1}, {"data": None}, {"member": []})
        for wrong in odd:
            answer, _ = await sent(bot, json.dumps(payload | wrong).encode())
            assert answer.json() == {"type": 8, "data": {"choices": []}}

    run(case)


ENDS = ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00", "9999-12-31T23:59:59"]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", ["starts_at", "ends_at"])
def test_notice_of_an_event_at_the_end_of_the_calendar_is_refused(run: Runner, end: str, name: str) -> None:
    async def case(bot: Bot) -> Answer:
        news = {"id": "a", "title": "A", "starts_at": "2027-01-01T10:00:00", "time_zone": "Pacific/Auckland", name: end}
        return await bot.client.post("/notifications/event", news)

    answer = run(case)
    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, f"/{name}")


@pytest.mark.parametrize("end", ENDS[:2])
def test_event_at_the_end_of_the_calendar_hides_no_other(run: Runner, end: str) -> None:
    async def case(bot: Bot) -> None:
        bot.sims.site.content["events"] = [
            document("soon", "Soon", starts_at=soon(5), ends_at=soon(6)),
            {"id": "odd", "slug": "odd", "title": "Odd", "starts_at": end, "time_zone": "Pacific/Auckland"},
        ]
        exchange = await bot.command("events")
        assert exchange.faults == []
        assert [field["name"] for field in exchange.messages[0]["embeds"][0]["fields"]] == ["Soon"]

    run(case)
