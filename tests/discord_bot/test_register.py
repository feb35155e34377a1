"""`make register`: Discord is told what is declared, after what changes was shown; refusals are a line each."""

import json
import os
import subprocess
import sys
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from discord_bot.commands import Channel, Commands, Role, User, plan
from discord_bot.interactions import Interaction, Reply
from discord_bot.registration import Unregistrable, changes, documents
from edge.endpoint import Body, PlanError
from edge.injection import Injector
from edge.settings import Settings
from sims.discord import DiscordSim
from sims.discord.commands import commands as faults_of

from .conftest import ROOT, Sims

INJECTOR = Injector(Settings, (), ())


def register(sim: DiscordSim, **given: str) -> "subprocess.CompletedProcess[str]":
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT / 'tools'}"}
    known = {"DISCORD_API_URL": sim.api_url, "DISCORD_APP_ID": sim.application_id, "DISCORD_BOT_TOKEN": sim.bot_token}
    command = [sys.executable, str(ROOT / "tools" / "register.py")]
    done = subprocess.run(command, env=own | known | given, capture_output=True, text=True, check=False, cwd=ROOT)
    assert sim.bot_token not in done.stdout + done.stderr
    return done


def methods(sim: DiscordSim) -> list[str]:
    return [one.method for one in sim.requests]


@pytest.mark.slow
def test_commands_are_shown_registered_and_left_alone(sims: Sims) -> None:
    sim = sims.discord
    dry = register(sim, DRY="1")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert dry.stdout.splitlines() == [
        "all guilds: 7 added", "+ /ask", "+ /event", "+ /events", "+ /next", "+ /status", "+ /subscribe",
        "+ /unsubscribe",
    ]  # fmt: skip
    assert methods(sim) == ["GET"] * 3, "the commands, the guilds, and those of the guild"
    real = register(sim)
    assert real.stdout.splitlines()[-1] == "registered 7 commands"
    again = register(sim)
    assert again.stdout == "all guilds: 7 commands, nothing changes\n"
    assert [one for one in methods(sim) if one != "GET"] == ["PUT"]
    guild = register(sim, GUILD=sim.guild_id)
    assert guild.stdout.startswith(f"guild {sim.guild_id}: 7 added\n")
    assert guild.stderr.startswith("warning: registered for all guilds, too, so people see them twice: /ask, /event")
    both = register(sim)
    assert both.returncode == 0
    assert both.stderr.startswith(f"warning: registered for guild {sim.guild_id}, too")


@pytest.mark.slow
def test_what_cannot_be_done_is_told_in_a_line(sims: Sims) -> None:
    sim = sims.discord
    wrong: list[tuple[dict[str, str], int, str]] = [
        (
            {"DISCORD_BOT_TOKEN": ""},
            2,
            "error: DISCORD_BOT_TOKEN is not set: it is read from .dev.vars and the environment",
        ),
        ({"GUILD": "ours"}, 2, "error: GUILD must be a guild's id"),
        ({"DISCORD_BOT_TOKEN": "wrong"}, 1, "error: Discord answered 401: 401: Unauthorized (0)"),
        ({"DISCORD_API_URL": "http://127.0.0.1:9"}, 1, "error: Discord cannot be reached"),
    ]
    for given, status, told in wrong:
        done = register(sim, **given)
        assert done.returncode == status, done.stderr
        assert done.stderr.startswith(told), done.stderr
        assert len(done.stderr.splitlines()) == 1
    sim.fail(429, retry_after=7)
    assert "wait 7" in register(sim).stderr


def declared(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    group = Commands()
    if model is None:

        async def bare() -> Reply:
            return Reply()

        group.slash("it", "It")(bare)
    else:

        async def full(_: Body[Any]) -> Reply:
            return Reply()

        full.__annotations__["_"] = Body[model]  # type: ignore[valid-type]
        group.slash("it", "It")(full)
    return documents(plan([group], INJECTOR))


class Every(BaseModel):
    kind: Literal["one-way", "return"] = Field("return", description="Which")
    who: User = Field(description="Whom")
    where: Channel | None = Field(None, description="Where")
    role: Annotated[Role, Field(description="As what")]
    is_loud: bool = Field(False, description="How")
    share: float = Field(0.5, ge=0, le=1, description="How much")
    count: Annotated[int, Field(ge=1)] = Field(1, le=9, description="How many")
    seats: Literal[1, 2] | None = Field(None, description="Seats")


def test_every_type_of_option_has_its_form() -> None:
    [command] = declared(Every)
    assert faults_of([command]) == []
    found = {option.pop("name"): option for option in command["options"]}
    assert list(found)[:2] == ["who", "role"]
    assert found["kind"]["choices"] == [{"name": "one way", "value": "one-way"}, {"name": "return", "value": "return"}]
    assert {name: option["type"] for name, option in found.items()} == {
        "who": 6, "role": 8, "kind": 3, "where": 7, "is_loud": 5, "share": 10, "count": 4, "seats": 4,
    }  # fmt: skip
    assert (found["count"]["min_value"], found["count"]["max_value"]) == (1, 9)
    assert (found["share"]["min_value"], found["share"]["max_value"]) == (0, 1)


class Unfit(BaseModel):
    when: dict[str, str] = Field(description="No type of an option")


class Undescribed(BaseModel):
    name: str


@pytest.mark.parametrize("model", [Unfit, Undescribed])
def test_what_discord_has_no_form_for_is_not_registered(model: type[BaseModel]) -> None:
    with pytest.raises(Unregistrable):
        declared(model)


def test_what_discord_adds_of_its_own_is_no_change() -> None:
    [wanted] = declared(Every)
    known = json.loads(json.dumps(wanted)) | {"id": "1", "version": "2", "nsfw": False, "contexts": None}
    for option in known["options"]:
        if not option["required"]:
            del option["required"]
    assert changes([wanted], [known]) == []
    known["options"][0]["description"] = "Other"
    known["options"][2]["autocomplete"] = True
    [change] = changes([wanted], [known])
    assert str(change) == "~ /it: options.0.description, options.2.autocomplete"
    assert [str(one) for one in changes([], [known])] == ["- /it"]
    [bare] = declared(None)
    assert [str(one) for one in changes([bare], [{"name": "it", "type": 1, "description": "It"}])] == []


async def first() -> Reply:
    return Reply()


async def untyped(_: Interaction, other) -> Reply:  # type: ignore[no-untyped-def]
    return Reply(str(other))


def test_two_of_one_name_and_what_cannot_be_provided_are_errors_at_import() -> None:
    twice = [Commands(), Commands()]
    for group in twice:
        group.slash("it", "It")(first)
    with pytest.raises(PlanError, match="two handlers of the slash it"):
        plan(twice, INJECTOR)
    lost = Commands()
    lost.autocomplete("it", "name")(first)
    with pytest.raises(PlanError, match="no such option"):
        plan([lost], INJECTOR)
    odd = Commands()
    odd.slash("it", "It")(untyped)
    with pytest.raises(PlanError, match="nothing provides other"):
        plan([odd], INJECTOR)
