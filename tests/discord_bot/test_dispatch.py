"""The dispatcher with handlers of its own: those that are slow, that break, and that answer what they may not."""

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
async def echo(asked: Interaction, options: Body[Options]) -> Reply:
    shown = [asked.user_name, asked.guild_id or "nowhere", asked.locale, options.text]
    return Reply(" | ".join(shown), rows=[[Button("Go", "go:1:two"), Button("Read", url="https://site.example")]])


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
async def break_down(asked: Interaction) -> Reply:
    raise RuntimeError(f"broken by {asked.token}")


@commands.slash("break-later", "Breaks later", is_deferred=True)
async def break_later(asked: Interaction) -> Reply:
    raise RuntimeError(f"broken by {asked.token}")


@commands.slash("whisper", "Answers later, to one alone", is_deferred=True, is_private=True)
async def whisper() -> Reply:
    return Reply("psst", embeds=[Embed("Secret", "text")], is_private=True)


@commands.slash("misshapen", "Breaks when it is sent", is_deferred=True)
async def misshape() -> Reply:
    return Reply("words", rows=[[None]])  # type: ignore[list-item]


@commands.slash("box add", "Add a thing")
async def add_thing(given: Body[Options]) -> Reply:
    return Reply(f"added {given.text}")


@commands.slash("box lid open", "Open the lid")
async def open_lid(given: Body[Options]) -> Reply:
    return Reply(f"open {given.text}")


@commands.autocomplete("box lid open", "text")
async def complete_lid(asked: Interaction) -> list[tuple[str, str]]:
    return [(f"{asked.name} {asked.typed}", "x")]


@commands.user_menu("Greet", permissions=8)
async def greet(asked: Interaction) -> Reply:
    assert asked.target is not None
    return Reply(f"hello {asked.target['username']} {asked.target_id}")


@commands.message_menu("Report this")
async def report(asked: Interaction) -> Reply:
    assert asked.target is not None
    return Reply(f"reported {asked.target['content']}")


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
    "dispatch", version="1", settings=BotSettings, authenticate=authenticate, providers=[Discord, Audit],
    resources=[ROUTES], migrations=bot_app.migrations, limits=bot_app.limits,
)  # fmt: skip


@pytest.fixture
def own(local: Runner) -> Runner:
    """Return a runner of these handlers."""
    local.app = app
    return local


def said(made: Any) -> str:
    assert made.faults == []
    return str(made.messages[-1]["content"])


def test_a_handler_knows_who_asks_and_what_belongs_to_it_is_found(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        sim = bot.sims.discord
        assert said(await bot.command("echo", {"text": "hi"})) == f"zoe.mueller | {sim.guild_id} | en-US | hi"
        assert said(await bot.command("echo", guild=False, locale="de")) == "zoe.mueller | nowhere | de | "
        pressed = await bot.press("go:1:two")
        assert (pressed.answer["type"], said(pressed)) == (7, "1 two")
        chosen = await bot.choose("pick", ["b", "a"])
        assert (chosen.answer["type"], said(chosen)) == (4, "b+a")
        assert [row["kind"] for row in await bot.audit(4)] == ["slash", "slash", "button", "select"]

    own(case)


@pytest.mark.slow
def test_what_comes_late_was_promised_in_time(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        late = await bot.command("late")
        assert late.answer == {"type": 5, "data": {"flags": 64}}
        assert said(late) == "at last"
        assert late.messages[0]["flags"] & 64
        assert "took me too long" in said(await bot.command("late-form"))
        assert late.took < 0.6

    own(case)


@pytest.mark.slow
def test_a_slow_button_edits_its_message_or_says_something_beside_it(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        edited = await bot.press("slow-edit")
        assert (edited.answer["type"], said(edited)) == (6, "edited")
        beside = await bot.press("slow-say")
        assert (beside.answer["type"], said(beside)) == (6, "said")
        assert beside.messages[-1]["flags"] & 64
        assert beside.messages[0]["content"] != "said"

    own(case)


def test_deferred_private_answer_stays_private(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        made = await bot.command("whisper")
        assert made.answer == {"type": 5, "data": {"flags": 64}}
        assert said(made) == "psst"
        assert [one["flags"] & 64 for one in made.messages] == [64]
        [patch] = [one.body for one in bot.sims.discord.requests if one.method == "PATCH"]
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
        sent = [(one.method, one.path.rpartition("/")[2]) for one in bot.sims.discord.requests]
        assert [method for method, _ in sent] == ["POST"]
        edited = await bot.press("slow-edit")
        assert [one["content"] for one in edited.messages] == ["edited"]

    own.app = App(
        "hasty", version="1", settings=BotSettings, authenticate=authenticate, providers=[Discord, Audit],
        resources=[interaction_routes([commands], HASTY)], migrations=bot_app.migrations, limits=bot_app.limits,
    )  # fmt: skip
    own(case)


@pytest.mark.parametrize(("status", "count", "methods"), [(500, 2, 3), (400, 1, 2), (400, 2, 3)])
def test_failed_follow_up_never_leaves_the_sign_of_thinking(own: Runner, status: int, count: int, methods: int) -> None:
    async def case(bot: Bot) -> None:
        bot.sims.discord.fail(status, count, where="/messages/@original")
        made = await bot.command("whisper")
        assert not made.loading
        if status == 500:
            assert (said(made), made.messages[0]["embeds"][0]["title"]) == ("psst", "Secret")
        elif count == 1:
            assert made.messages[0]["content"] == "psst\nSecret\ntext"
            assert made.messages[0]["embeds"] == []
        else:
            assert "Discord does not take it" in made.messages[0]["content"]
        assert len(bot.sims.discord.requests) == methods
        [row] = await bot.audit(1)
        assert row["outcome"] == ("answered" if status == 500 else "sent in plain words")

    own(case)


def test_reply_that_has_no_form_is_sent_in_plain_words(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        made = await bot.command("misshapen")
        assert not made.loading
        assert said(made) == "words"

    own(case)
    assert "follow-up has no form" in own.logs


def test_subcommands_have_handlers_of_their_own(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        assert said(await bot.command("box", {"add": {"text": "a pen"}})) == "added a pen"
        assert said(await bot.command("box", {"lid": {"open": {"text": "wide"}}})) == "open wide"
        assert "do not know" in said(await bot.command("box", {"remove": {}}))
        assert "do not know" in said(await bot.command("box"))
        option = {"name": "text", "type": 3, "value": "wi", "focused": True}
        inner = [{"name": "lid", "type": 2, "options": [{"name": "open", "type": 1, "options": [option]}]}]
        payload = payloads.command(bot.sims.discord.world, "box", inner, Who(), "text")
        assert (await bot.send(payload)).answer["data"]["choices"] == [{"name": "box lid open text wi", "value": "x"}]
        assert [row["subject"] for row in await bot.audit(2)] == ["box add", "box lid open"]

    own(case)


@pytest.mark.parametrize(
    ("name", "kind", "resolved", "told"),
    [
        ("Greet", 2, {"users": {"1170": {"id": "1170", "username": "mia"}}}, "hello mia 1170"),
        ("Report this", 3, {"messages": {"1170": {"id": "1170", "content": "spam"}}}, "reported spam"),
        ("Greet", 3, {"messages": {"1170": {"id": "1170", "content": "spam"}}}, "I do not know this (any more)."),
        ("Report this", 3, {"messages": []}, "Something went wrong"),
    ],
)
def test_menus_of_users_and_messages_have_handlers(
    own: Runner, name: str, kind: int, resolved: dict[str, Any], told: str
) -> None:
    async def case(bot: Bot) -> None:
        payload = payloads.command(bot.sims.discord.world, name, {}, Who())
        payload["data"] |= {"type": kind, "target_id": "1170", "resolved": resolved}
        made = await bot.send(payload)
        assert made.faults == []
        assert made.answer["data"]["content"].startswith(told)

    own(case)


def test_subcommands_and_menus_are_registered_with_their_permissions() -> None:
    known = documents(ROUTES.planned, ROUTES.parents)
    assert faults_of(known) == []
    found = {(one["type"], one["name"]): one for one in known}
    box = found[1, "box"]
    assert (box["description"], box["default_member_permissions"]) == ("A box", "32")
    add, lid = box["options"]
    assert (add["type"], add["name"], add["options"][0]["name"]) == (1, "add", "text")
    assert (lid["type"], lid["description"], lid["options"][0]["options"][0]["autocomplete"]) == (2, "Lid", True)
    assert found[2, "Greet"] == {"type": 2, "name": "Greet", "default_member_permissions": "8"}
    assert found[3, "Report this"] == {"type": 3, "name": "Report this"}


def test_problems_are_told_and_bugs_are_not(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        assert said(await bot.command("tea")) == "There is no tea: there is coffee"
        for name in ("break", "break-later"):
            told = said(await bot.command(name))
            assert told.startswith("Something went wrong here (request ")
            assert "broken" not in told
        assert [row["outcome"] for row in await bot.audit(3)] == ["refused", "failed", "failed"]

    own(case)
    assert "RuntimeError: broken by …" in own.logs


@pytest.mark.slow
def test_a_handler_that_does_not_end_is_given_up(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        assert "took too long" in said(await bot.command("endless"))

    own(case)


def test_an_audit_log_that_is_away_undoes_nothing(own: Runner) -> None:
    async def case(bot: Bot) -> None:
        await bot.db.run("DROP TABLE audit")
        assert said(await bot.command("echo", {"text": "still here"})).endswith("still here")
        await asyncio.sleep(0.1)

    own(case)
    assert "audit not written" in own.logs
