"""The dispatcher with handlers of its own: slow ones, broken ones, and ones with invalid answers."""

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel, Field

from discord_bot.app import app as bot_app
from discord_bot.app import authenticate
from discord_bot.audit import Audit
from discord_bot.commands import Commands
from discord_bot.dispatch import Timing, interaction_routes
from discord_bot.interactions import Button, Interaction, Modal, Reply, Select
from discord_bot.interactions import Field as Question
from discord_bot.registration import documents
from discord_bot.settings import BotSettings
from edge.app import App
from edge.clients.discord import Discord, Embed
from edge.endpoint import Body
from edge.errors import Problem
from edge.ports import Clock
from sims.discord import payloads
from sims.discord.commands import commands as faults_of
from sims.discord.payloads import Who

from .conftest import Bot, Runner

pytestmark = pytest.mark.slow

commands = Commands()
QUICK = Timing(grace=0.3, deadline=1.5)
SLOW, ENDLESS = 0.6, 5.0


class Options(BaseModel):
    text: str = Field("", description="Any")


class TeaMissing(Problem):
    """There is no tea."""

    title = "There is no tea"
    status = 409


@commands.slash("echo", "Say it again")
async def echo(interaction: Interaction, options: Body[Options]) -> Reply:
    parts = [interaction.user_name, interaction.guild_id or "nowhere", interaction.locale, options.text]
    return Reply(" | ".join(parts), rows=[[Button("Go", "go:1:two"), Button("Read", url="https://site.example")]])


@commands.slash("late", "Comes late", is_private=True)
async def come_late(clock: Clock) -> Reply:
    await clock.sleep(SLOW)
    return Reply("at last")


@commands.slash("endless", "Does not end")
async def never_end(clock: Clock) -> Reply:
    await clock.sleep(ENDLESS)
    return Reply("too late")


@commands.slash("late-form", "Shows a form late")
async def show_late(clock: Clock) -> Modal:
    await clock.sleep(SLOW)
    return Modal("form", "Form", [Question("a", "A")])


@commands.slash("tea", "Has none")
async def pour_tea() -> Reply:
    raise TeaMissing("there is coffee")


@commands.slash("break", "Breaks")
async def break_down(interaction: Interaction) -> Reply:
    raise RuntimeError(f"broken by {interaction.token}")


@commands.slash("break-later", "Breaks later", is_deferred=True)
async def break_later(interaction: Interaction) -> Reply:
    raise RuntimeError(f"broken by {interaction.token}")


@commands.slash("whisper", "Answers later, to one alone", is_deferred=True, is_private=True)
async def whisper() -> Reply:
    return Reply("psst", embeds=[Embed("Secret", "text")], is_private=True)


@commands.slash("misshapen", "Breaks when it is sent", is_deferred=True)
async def misshape() -> Reply:
    return Reply("words", rows=[[None]])  # type: ignore[list-item]


@commands.slash("box add", "Add a thing")
async def add_thing(options: Body[Options]) -> Reply:
    return Reply(f"added {options.text}")


@commands.slash("box lid open", "Open the lid")
async def open_lid(options: Body[Options]) -> Reply:
    return Reply(f"open {options.text}")


@commands.autocomplete("box lid open", "text")
async def complete_lid(interaction: Interaction) -> list[tuple[str, str]]:
    return [(f"{interaction.name} {interaction.typed}", "x")]


@commands.user_menu("Greet", permissions=8)
async def greet(interaction: Interaction) -> Reply:
    assert interaction.target is not None
    return Reply(f"hello {interaction.target['username']} {interaction.target_id}")


@commands.message_menu("Report this")
async def report(interaction: Interaction) -> Reply:
    assert interaction.target is not None
    return Reply(f"reported {interaction.target['content']}")


commands.parent("box", "A box", permissions=32)


@commands.button("go")
async def go_on(pressed: Interaction) -> Reply:
    return Reply(" ".join(pressed.parts), rows=[[Select("pick", [("A", "a"), ("B", "b")])]], is_update=True)


@commands.button("slow-edit")
async def edit_slowly(clock: Clock) -> Reply:
    await clock.sleep(SLOW)
    return Reply("edited", is_update=True)


@commands.button("slow-say")
async def say_slowly(clock: Clock) -> Reply:
    await clock.sleep(SLOW)
    return Reply("said", is_private=True)


@commands.select("pick")
async def pick(chosen: Interaction) -> Reply:
    return Reply("+".join(chosen.values))


ROUTES = interaction_routes([commands], QUICK)
app = App(
    "dispatch",
    version="1",
    settings=BotSettings,
    authenticate=authenticate,
    providers=[Discord, Audit],
    resources=[ROUTES],
    migrations=bot_app.migrations,
    limits=bot_app.limits,
)


@pytest.fixture
def own(local: Runner) -> Runner:
    """Return a runner of these handlers."""
    local.app = app
    return local


def content_of(exchange: Any) -> str:
    assert exchange.faults == []
    return str(exchange.messages[-1]["content"])


def test_handler_gets_its_user_and_its_components_are_dispatched(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        sim = bot.sims.discord
        assert content_of(await bot.command("echo", {"text": "hi"})) == f"zoe.mueller | {sim.guild_id} | en-US | hi"
        assert content_of(await bot.command("echo", guild=False, locale="de")) == "zoe.mueller | nowhere | de | "
        pressed = await bot.press("go:1:two")
        assert (pressed.answer["type"], content_of(pressed)) == (7, "1 two")
        chosen = await bot.choose("pick", ["b", "a"])
        assert (chosen.answer["type"], content_of(chosen)) == (4, "b+a")
        assert [row["kind"] for row in await bot.audit(4)] == ["slash", "slash", "button", "select"]

    own(case)


@pytest.mark.slow
def test_slow_answer_is_deferred_in_time(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        late = await bot.command("late")
        assert late.answer == {"type": 5, "data": {"flags": 64}}
        assert content_of(late) == "at last"
        assert late.messages[0]["flags"] & 64
        assert "took me too long" in content_of(await bot.command("late-form"))
        assert late.took < 0.6

    own(case)


@pytest.mark.slow
def test_a_slow_button_edits_its_message_or_says_something_beside_it(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        edited = await bot.press("slow-edit")
        assert (edited.answer["type"], content_of(edited)) == (6, "edited")
        beside = await bot.press("slow-say")
        assert (beside.answer["type"], content_of(beside)) == (6, "said")
        assert beside.messages[-1]["flags"] & 64
        assert beside.messages[0]["content"] != "said"

    own(case)


def test_deferred_private_answer_stays_private(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        exchange = await bot.command("whisper")
        assert exchange.answer == {"type": 5, "data": {"flags": 64}}
        assert content_of(exchange) == "psst"
        assert [message["flags"] & 64 for message in exchange.messages] == [64]
        [patch] = [request.body for request in bot.sims.discord.requests if request.method == "PATCH"]
        assert "flags" not in patch

    own(case)


HASTY = Timing(grace=0.05, deadline=1.5)


def test_late_reply_to_a_button_leaves_its_message_alone(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        beside = await bot.press("slow-say")
        assert beside.answer == {"type": 6}
        original, reply = beside.messages
        assert original["content"] != "said"
        assert original["components"]
        assert (reply["content"], reply["flags"] & 64) == ("said", 64)
        sent = [(request.method, request.path.rpartition("/")[2]) for request in bot.sims.discord.requests]
        assert [method for method, _ in sent] == ["POST"]
        edited = await bot.press("slow-edit")
        assert [message["content"] for message in edited.messages] == ["edited"]

    own.app = App(
        "hasty",
        version="1",
        settings=BotSettings,
        authenticate=authenticate,
        providers=[Discord, Audit],
        resources=[interaction_routes([commands], HASTY)],
        migrations=bot_app.migrations,
        limits=bot_app.limits,
    )
    own(case)


@pytest.mark.parametrize(("status", "count", "methods"), [(500, 2, 3), (400, 1, 2), (400, 2, 3)])
def test_failed_follow_up_never_leaves_the_sign_of_thinking(own: Runner, status: int, count: int, methods: int) -> None:
    async def case(bot: Bot) -> None:
        bot.sims.discord.fail(status, count, where="/messages/@original")
        exchange = await bot.command("whisper")
        assert not exchange.loading
        if status == 500:
            assert (content_of(exchange), exchange.messages[0]["embeds"][0]["title"]) == ("psst", "Secret")
        elif count == 1:
            assert exchange.messages[0]["content"] == "psst\nSecret\ntext"
            assert exchange.messages[0]["embeds"] == []
        else:
            assert "Discord does not take it" in exchange.messages[0]["content"]
        assert len(bot.sims.discord.requests) == methods
        [row] = await bot.audit(1)
        assert row["outcome"] == ("answered" if status == 500 else "sent in plain words")

    own(case)


def test_reply_that_has_no_form_is_sent_in_plain_words(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        exchange = await bot.command("misshapen")
        assert not exchange.loading
        assert content_of(exchange) == "words"

    own(case)
    assert "follow-up has no form" in own.logs


def test_subcommands_have_handlers_of_their_own(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        assert content_of(await bot.command("box", {"add": {"text": "a pen"}})) == "added a pen"
        assert content_of(await bot.command("box", {"lid": {"open": {"text": "wide"}}})) == "open wide"
        assert "do not know" in content_of(await bot.command("box", {"remove": {}}))
        assert "do not know" in content_of(await bot.command("box"))
        option = {"name": "text", "type": 3, "value": "wi", "focused": True}
        inner = [{"name": "lid", "type": 2, "options": [{"name": "open", "type": 1, "options": [option]}]}]
        payload = payloads.command(bot.sims.discord.world, "box", inner, Who(), "text")
        assert (await bot.send(payload)).answer["data"]["choices"] == [{"name": "box lid open text wi", "value": "x"}]
        assert [row["subject"] for row in await bot.audit(2)] == ["box add", "box lid open"]

    own(case)


@pytest.mark.parametrize(
    ("name", "kind", "resolved", "text"),
    [
        ("Greet", 2, {"users": {"1170": {"id": "1170", "username": "mia"}}}, "hello mia 1170"),
        ("Report this", 3, {"messages": {"1170": {"id": "1170", "content": "spam"}}}, "reported spam"),
        ("Greet", 3, {"messages": {"1170": {"id": "1170", "content": "spam"}}}, "I do not know this (any more)."),
        ("Report this", 3, {"messages": []}, "Something went wrong"),
    ],
)
def test_menus_of_users_and_messages_have_handlers(
    own: Runner, name: str, kind: int, resolved: dict[str, Any], text: str
) -> None:
    async def case(bot: Bot) -> None:
        payload = payloads.command(bot.sims.discord.world, name, {}, Who())
        payload["data"] |= {"type": kind, "target_id": "1170", "resolved": resolved}
        exchange = await bot.send(payload)
        assert exchange.faults == []
        assert exchange.answer["data"]["content"].startswith(text)

    own(case)


def test_subcommands_and_menus_are_registered_with_their_permissions() -> None:
    registered = documents(ROUTES.planned, ROUTES.parents)
    assert faults_of(registered) == []
    commands = {(document["type"], document["name"]): document for document in registered}
    box = commands[1, "box"]
    assert (box["description"], box["default_member_permissions"]) == ("A box", "32")
    add, lid = box["options"]
    assert (add["type"], add["name"], add["options"][0]["name"]) == (1, "add", "text")
    assert (lid["type"], lid["description"], lid["options"][0]["options"][0]["autocomplete"]) == (2, "Lid", True)
    assert commands[2, "Greet"] == {"type": 2, "name": "Greet", "default_member_permissions": "8"}
    assert commands[3, "Report this"] == {"type": 3, "name": "Report this"}


def test_problems_are_answered_and_bugs_are_hidden(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        assert content_of(await bot.command("tea")) == "There is no tea: there is coffee"
        for name in ("break", "break-later"):
            text = content_of(await bot.command(name))
            assert text.startswith("Something went wrong here (request ")
            assert "broken" not in text
        assert [row["outcome"] for row in await bot.audit(3)] == ["refused", "failed", "failed"]

    own(case)
    assert "RuntimeError: broken by …" in own.logs


@pytest.mark.slow
def test_a_handler_that_does_not_end_is_given_up(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        assert "took too long" in content_of(await bot.command("endless"))

    own(case)


def test_an_audit_log_that_is_away_undoes_nothing(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.db.run("DROP TABLE audit")
        assert content_of(await bot.command("echo", {"text": "still here"})).endswith("still here")
        await asyncio.sleep(0.1)

    own(case)
    assert "audit not written" in own.logs
