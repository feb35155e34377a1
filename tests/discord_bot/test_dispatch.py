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
from discord_bot.settings import BotSettings
from edge.app import App
from edge.clients.discord import Discord
from edge.endpoint import Body
from edge.errors import Problem
from edge.ports import Clock

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


app = App(
    "dispatch", version="1", settings=BotSettings, authenticate=authenticate, providers=[Discord, Audit],
    resources=[interaction_routes([commands], QUICK)], migrations=bot_app.migrations, limits=bot_app.limits,
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
