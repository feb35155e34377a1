"""`make register`: prints the changes, then registers the declared commands; refusals are a line each."""

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


def register(sim: DiscordSim, **variables: str) -> "subprocess.CompletedProcess[str]":
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT / 'tools'}"}
    environment = {
        "DISCORD_API_URL": sim.api_url,
        "DISCORD_APP_ID": sim.application_id,
        "DISCORD_BOT_TOKEN": sim.bot_token,
    }
    command = [sys.executable, str(ROOT / "tools" / "register.py")]
    done = subprocess.run(
        command, env=own | environment | variables, capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert sim.bot_token not in done.stdout + done.stderr
    return done


def methods(sim: DiscordSim) -> list[str]:
    return [request.method for request in sim.requests]


@pytest.mark.slow
def test_commands_are_shown_registered_and_left_alone(sims: Sims) -> None:
    sim = sims.discord
    dry = register(sim, DRY="1")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert dry.stdout.splitlines() == [
        "all guilds: 7 added",
        "+ /ask",
        "+ /event",
        "+ /events",
        "+ /next",
        "+ /status",
        "+ /subscribe",
        "+ /unsubscribe",
    ]
    assert methods(sim) == ["GET"] * 3, "the commands, the guilds, and those of the guild"
    real = register(sim)
    assert real.stdout.splitlines()[-1] == "registered 7 commands"
    again = register(sim)
    assert again.stdout == "all guilds: 7 commands, nothing changes\n"
    assert [method for method in methods(sim) if method != "GET"] == ["PUT"]
    guild = register(sim, GUILD=sim.guild_id)
    assert guild.stdout.startswith(f"guild {sim.guild_id}: 7 added\n")
    assert guild.stderr.startswith("warning: registered for all guilds, too, so people see them twice: /ask, /event")
    both = register(sim)
    assert both.returncode == 0
    assert both.stderr.startswith(f"warning: registered for guild {sim.guild_id}, too")


@pytest.mark.slow
def test_register_reports_a_failure_in_one_line(sims: Sims) -> None:
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
    for variables, status, message in wrong:
        done = register(sim, **variables)
        assert done.returncode == status, done.stderr
        assert done.stderr.startswith(message), done.stderr
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
    options = {option.pop("name"): option for option in command["options"]}
    assert list(options)[:2] == ["who", "role"]
    assert options["kind"]["choices"] == [
        {"name": "one way", "value": "one-way"},
        {"name": "return", "value": "return"},
    ]
    assert {name: option["type"] for name, option in options.items()} == {
        "who": 6,
        "role": 8,
        "kind": 3,
        "where": 7,
        "is_loud": 5,
        "share": 10,
        "count": 4,
        "seats": 4,
    }
    assert (options["count"]["min_value"], options["count"]["max_value"]) == (1, 9)
    assert (options["share"]["min_value"], options["share"]["max_value"]) == (0, 1)


class Unfit(BaseModel):
    when: dict[str, str] = Field(description="No type of an option")


class Undescribed(BaseModel):
    name: str


@pytest.mark.parametrize("model", [Unfit, Undescribed])
def test_option_without_a_discord_type_is_not_registered(model: type[BaseModel]) -> None:
    with pytest.raises(Unregistrable):
        declared(model)


def test_members_added_by_discord_are_no_change() -> None:
    [declared_command] = declared(Every)
    registered = json.loads(json.dumps(declared_command)) | {"id": "1", "version": "2", "nsfw": False, "contexts": None}
    for option in registered["options"]:
        if not option["required"]:
            del option["required"]
    assert changes([declared_command], [registered]) == []
    registered["options"][0]["description"] = "Other"
    registered["options"][2]["autocomplete"] = True
    [change] = changes([declared_command], [registered])
    assert str(change) == "~ /it: options.0.description, options.2.autocomplete"
    assert [str(change) for change in changes([], [registered])] == ["- /it"]
    [bare] = declared(None)
    assert [str(change) for change in changes([bare], [{"name": "it", "type": 1, "description": "It"}])] == []


async def first() -> Reply:
    return Reply()


async def untyped(_: Interaction, other) -> Reply:  # type: ignore[no-untyped-def]
    return Reply(str(other))


def test_duplicate_names_and_missing_providers_fail_at_import() -> None:
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
