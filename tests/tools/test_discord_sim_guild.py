"""The stand-in for Discord: the routes of the bot's token."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.tools.test_discord_sim import Got, ask

from sims.discord import DiscordSim

pytestmark = pytest.mark.slow  # a stand-in's own tests


@pytest.fixture(scope="module")
def running() -> Iterator[DiscordSim]:
    with DiscordSim() as sim:
        yield sim


@pytest.fixture
def sim(running: DiscordSim) -> DiscordSim:
    running.reset()
    return running


def call(sim: DiscordSim, method: str, path: str, body: object = None) -> Got:
    return ask(method, sim.api_url + path, body, {"Authorization": f"Bot {sim.bot_token}"})


@pytest.mark.parametrize("path", ["/users/@me", "/applications/@me", "/guilds/1", "/applications/1/commands"])
@pytest.mark.parametrize("token", ["", "Bot x", "Bearer {token}"])
def test_the_token_is_needed(sim: DiscordSim, path: str, token: str) -> None:
    got = ask("GET", sim.api_url + path, headers={"Authorization": token.format(token=sim.bot_token)})
    assert (got.status, got.body) == (401, {"message": "401: Unauthorized", "code": 0})
    assert got.headers["X-RateLimit-Limit"]


def test_the_guild_and_the_bots_user(sim: DiscordSim) -> None:
    guild = call(sim, "GET", f"/guilds/{sim.guild_id}").body
    counted = call(sim, "GET", f"/guilds/{sim.guild_id}?with_counts=true").body
    assert {*counted} - {*guild} == {"approximate_member_count", "approximate_presence_count"}
    assert call(sim, "GET", "/guilds/1").body == {"message": "Unknown Guild", "code": 10004}
    assert call(sim, "GET", "/users/@me").body["bot"] is True
    about = call(sim, "GET", "/applications/@me").body
    assert (about["id"], about["verify_key"]) == (sim.application_id, sim.public_key)


def test_scheduled_events_are_ahead_or_over(sim: DiscordSim) -> None:
    events = call(sim, "GET", f"/guilds/{sim.guild_id}/scheduled-events?with_user_count=true").body
    assert [event["status"] for event in events] == [1, 1, 1, 4, 3]
    starts = [datetime.fromisoformat(event["scheduled_start_time"]) for event in events]
    assert [start > datetime.now(UTC) for start in starts] == [True, True, True, True, False]
    assert [event["entity_metadata"] is None for event in events] == [event["entity_type"] != 3 for event in events]
    assert all(event["user_count"] for event in events)
    without = call(sim, "GET", f"/guilds/{sim.guild_id}/scheduled-events").body
    assert not any("user_count" in event for event in without)


def test_announcements_come_newest_first(sim: DiscordSim) -> None:
    path = f"/channels/{sim.channel_id}/messages"
    every = call(sim, "GET", path).body
    assert len(every) == 8
    assert [message["timestamp"] for message in every] == sorted((m["timestamp"] for m in every), reverse=True)
    assert call(sim, "GET", f"{path}?limit=3").body == every[:3]
    assert call(sim, "GET", f"{path}?limit=3&before={every[2]['id']}").body == every[3:6]
    assert call(sim, "GET", f"{path}?limit=2&after={every[4]['id']}").body == every[2:4]
    assert not "".join(message["content"] for message in every).isascii()
    ask("POST", sim.webhook_url("announcement"), {"content": "new"})
    assert call(sim, "GET", f"{path}?limit=1").body[0]["content"] == "new"
    for limit, code in (("0", "NUMBER_TYPE_MIN"), ("101", "NUMBER_TYPE_MAX"), ("x", "NUMBER_TYPE_COERCE")):
        assert call(sim, "GET", f"{path}?limit={limit}").first_code() == f"limit {code}"
    assert call(sim, "GET", "/channels/1/messages").body["code"] == 10003


def slash(**members: object) -> dict[str, Any]:
    return {"name": "events", "description": "What is on"} | members


def option(**members: object) -> dict[str, Any]:
    return {"type": 3, "name": "topic", "description": "Of what"} | members


def with_option(**members: object) -> dict[str, Any]:
    return slash(options=[option(**members)])


CHOICE = {"name": "One", "value": "1"}
SUB = {"type": 1, "name": "add", "description": "Add"}


def test_commands_are_made_changed_and_removed(sim: DiscordSim) -> None:
    path = f"/applications/{sim.application_id}/commands"
    command = call(sim, "POST", path, slash(options=[option(required=True, choices=[CHOICE])]))
    assert (command.status, command.body["type"], command.body["application_id"]) == (201, 1, sim.application_id)
    again = call(sim, "POST", path, slash(description="Other"))
    assert (again.status, again.body["id"], again.body["description"]) == (200, command.body["id"], "Other")
    at = f"{path}/{command.body['id']}"
    assert call(sim, "PATCH", at, {"name": "agenda"}).body["description"] == "Other"
    assert call(sim, "PATCH", at, {"name": "Agenda"}).first_code() == "name APPLICATION_COMMAND_INVALID_NAME"
    assert [command["name"] for command in call(sim, "GET", path).body] == ["agenda"]
    every = call(sim, "PUT", path, [slash(), slash(name="agenda"), {"name": "Info on User", "type": 2}])
    assert [command["name"] for command in every.body] == ["events", "agenda", "Info on User"]
    assert every.body[1]["id"] == command.body["id"]
    assert call(sim, "DELETE", at).status == 204
    assert call(sim, "GET", at).body == {"message": "Unknown application command", "code": 10063}
    assert call(sim, "PUT", path, []).body == []
    assert call(sim, "GET", "/applications/1/commands").body["code"] == 20012


def test_a_guild_has_commands_of_its_own(sim: DiscordSim) -> None:
    path = f"/applications/{sim.application_id}/guilds/{sim.guild_id}/commands"
    assert call(sim, "PUT", path, [slash()]).body[0]["guild_id"] == sim.guild_id
    assert call(sim, "GET", f"/applications/{sim.application_id}/commands").body == []
    assert call(sim, "PUT", path.replace(sim.guild_id, "1"), [slash()]).body["code"] == 10004


@pytest.mark.parametrize(
    "command",
    [
        slash(name="größe_2-x'y"),
        slash(name="สวัสดี"),
        slash(name="n" * 32, description="d" * 100, nsfw=False, default_member_permissions="0", contexts=[0, 1, 2]),
        slash(name_localizations={"de": "termine"}, description_localizations={"de": "Was läuft"}),
        slash(options=[option(required=True), option(name="x", type=4, min_value=1, max_value=9)]),
        slash(options=[option(name=f"o{n}") for n in range(25)]),
        slash(options=[SUB | {"options": [option()]}, {**SUB, "name": "g", "type": 2, "options": [SUB]}]),
        with_option(choices=[{"name": f"c{n}", "value": f"{n}"} for n in range(25)]),
        with_option(type=10, choices=[{"name": "c", "value": 1.5}]),
        with_option(autocomplete=True, min_length=1, max_length=6000),
        with_option(type=7, channel_types=[0, 5]),
        {"name": "Info on User", "type": 2},
        {"name": "Report", "type": 3, "description": ""},
    ],
)
def test_a_command_within_the_limits_is_taken(sim: DiscordSim, command: dict[str, Any]) -> None:
    assert call(sim, "POST", f"/applications/{sim.application_id}/commands", command).status == 201


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ({"description": "d"}, "name BASE_TYPE_REQUIRED"),
        ({"name": "n"}, "description BASE_TYPE_REQUIRED"),
        (slash(name=""), "name BASE_TYPE_BAD_LENGTH"),
        (slash(name="n" * 33), "name BASE_TYPE_BAD_LENGTH"),
        (slash(name="two words"), "name STRING_TYPE_REGEX"),
        (slash(name="a.b"), "name STRING_TYPE_REGEX"),
        (slash(name="Events"), "name APPLICATION_COMMAND_INVALID_NAME"),
        (slash(name="Ä"), "name APPLICATION_COMMAND_INVALID_NAME"),
        (slash(description=""), "description BASE_TYPE_BAD_LENGTH"),
        (slash(description="d" * 101), "description BASE_TYPE_BAD_LENGTH"),
        (slash(type=9), "type BASE_TYPE_CHOICES"),
        (slash(name_localizations={"de": "Groß"}), "name_localizations.de APPLICATION_COMMAND_INVALID_NAME"),
        (slash(name_localizations={"xx": "a"}), "name_localizations.xx BASE_TYPE_CHOICES"),
        (slash(default_member_permissions="ADMIN"), "default_member_permissions NUMBER_TYPE_COERCE"),
        (slash(contexts=[3]), "contexts.0 BASE_TYPE_CHOICES"),
        (slash(nsfw="no"), "nsfw BOOLEAN_TYPE_CONVERT"),
        (slash(options=[option(name=f"o{n}") for n in range(26)]), "options BASE_TYPE_MAX_LENGTH"),
        (slash(options=[option(), option()]), "options.1 APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS"),
        (
            slash(options=[option(), option(name="x", required=True)]),
            "options.1 APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
        ),
        (slash(options=[SUB, option()]), "options APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"),
        (
            slash(options=[SUB | {"options": [SUB]}]),
            "options.0.options APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
        ),
        (slash(options=[SUB | {"type": 2}]), "options.0.options BASE_TYPE_REQUIRED"),
        (
            slash(options=[SUB | {"required": True}]),
            "options.0.required APPLICATION_COMMAND_OPTIONS_INVALID_MEMBER",
        ),
        (with_option(name="Topic"), "options.0.name APPLICATION_COMMAND_INVALID_NAME"),
        (with_option(description=""), "options.0.description BASE_TYPE_BAD_LENGTH"),
        (with_option(type=12), "options.0.type BASE_TYPE_CHOICES"),
        (with_option(choices=[CHOICE] * 26), "options.0.choices BASE_TYPE_MAX_LENGTH"),
        (with_option(choices=[{"name": "n" * 101, "value": "v"}]), "options.0.choices.0.name BASE_TYPE_BAD_LENGTH"),
        (with_option(choices=[{"name": "n", "value": "v" * 101}]), "options.0.choices.0.value BASE_TYPE_BAD_LENGTH"),
        (
            with_option(choices=[{"name": "n", "value": 1}]),
            "options.0.choices.0.value APPLICATION_COMMAND_OPTIONS_CHOICE_TYPE",
        ),
        (
            with_option(autocomplete=True, choices=[CHOICE]),
            "options.0.choices APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_CHOICES",
        ),
        (with_option(type=5, choices=[CHOICE]), "options.0.choices APPLICATION_COMMAND_OPTIONS_INVALID_MEMBER"),
        (with_option(min_value=1), "options.0.min_value APPLICATION_COMMAND_OPTIONS_INVALID_MEMBER"),
        (with_option(max_length=6001), "options.0.max_length NUMBER_TYPE_MAX"),
        (
            slash(
                options=[
                    option(name=f"o{n}", choices=[{"name": f"{n} {c}", "value": "v" * 90} for c in range(9)])
                    for n in range(10)
                ]
            ),
            "APPLICATION_COMMAND_TOO_LARGE",
        ),
        (
            {"name": "Info", "type": 2, "description": "d"},
            "description APPLICATION_COMMAND_CONTEXT_MENU_MEMBER_INVALID",
        ),
        ("events", "MODEL_TYPE_CONVERT"),
    ],
)
def test_a_command_beyond_a_limit_is_refused(sim: DiscordSim, command: object, fault: str) -> None:
    got = call(sim, "POST", f"/applications/{sim.application_id}/commands", command)
    assert (got.status, got.body["code"]) == (400, 50035)
    assert got.first_code() == fault


def test_all_commands_are_refused_together(sim: DiscordSim) -> None:
    path = f"/applications/{sim.application_id}/commands"
    call(sim, "PUT", path, [slash()])
    assert call(sim, "PUT", path, [slash(), slash()]).first_code() == "1 APPLICATION_COMMANDS_DUPLICATE_NAME"
    assert call(sim, "PUT", path, [slash(), slash(name="B")]).first_code() == "1.name APPLICATION_COMMAND_INVALID_NAME"
    assert call(sim, "PUT", path, slash()).first_code() == "LIST_TYPE_CONVERT"
    hundred = [slash(name=f"c{n}") for n in range(100)]
    assert call(sim, "PUT", path, [*hundred, slash()]).body["code"] == 30032
    assert [command["name"] for command in call(sim, "GET", path).body] == ["events"]
    assert call(sim, "PUT", path, hundred).status == 200
    got = call(sim, "POST", path, slash())
    assert (got.status, got.body["code"]) == (400, 30032)
