"""The payloads of interactions, with every member that is documented."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sims.discord import seeds
from sims.discord.answers import AUTOCOMPLETE, COMMAND, COMPONENT, PING, SUBMIT
from sims.discord.components import BUTTON, STRING_SELECT, walked
from sims.discord.world import World

type Options = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""By name, an object being a subcommand's or a group's options; or as they are sent."""
PERMISSIONS = "2222085186636353"
DIRECT_PERMISSIONS = "442368"
MEBIBYTES_10 = 10_485_760
KINDS: Mapping[type, int] = {bool: 5, int: 4, float: 10, str: 3}


@dataclass(frozen=True, slots=True)
class Who:
    """The user, and the place: the guild or a direct message."""

    user: Mapping[str, Any] | None = None
    guild: bool = True
    locale: str = seeds.LOCALE


def ping(world: World) -> dict[str, Any]:
    """Return a PING."""
    return _frame(world, PING) | {"user": seeds.user(), "authorizing_integration_owners": {}, "app_permissions": "0"}


def command(world: World, name: str, options: Options, who: Who, focused: str | None = None) -> dict[str, Any]:
    """Return the payload of a command or, if an option is focused, of its autocompletion."""
    registered = _registered(world, name, who.guild)
    declared = registered.get("options") or []
    sent = (
        _options(options, declared, focused) if isinstance(options, Mapping) else [dict(option) for option in options]
    )
    data = {"id": registered.get("id") or f"1210000000{sum(name.encode()):09}", "name": name, "type": 1}
    data |= {"options": sent} if sent else {}
    data |= {"guild_id": seeds.GUILD} if registered.get("guild_id") else {}
    return _placed(world, COMMAND if focused is None else AUTOCOMPLETE, data, who)


def component(
    world: World, custom_id: str, values: Sequence[str] | None, message: Mapping[str, Any] | None, who: Who
) -> dict[str, Any]:
    """Return the press of a button, or, with values, a choice, in the message that shows it."""
    kind = BUTTON if values is None else STRING_SELECT
    shown_message = message or world.showing(custom_id) or _message_with(world, custom_id, kind, values or [])
    own = [
        component
        for _, component in walked(shown_message.get("components") or [])
        if component.get("custom_id") == custom_id
    ]
    data: dict[str, Any] = {"id": 2, "custom_id": custom_id, "component_type": own[0]["type"] if own else kind}
    data |= {"values": [*values]} if values is not None else {}
    return _placed(world, COMPONENT, data, who) | {"message": dict(shown_message)}


def submit(world: World, custom_id: str, fields: Mapping[str, Any], who: Who) -> dict[str, Any]:
    """Return a modal's fields, laid out as the modal was that the bot has shown, else in rows."""
    modal = world.modals.get(custom_id, {})
    outer = {
        component["custom_id"]: part
        for part in modal.get("data", {}).get("components", [])
        for component in [*(part.get("components") or []), part.get("component") or {}]
        if "custom_id" in component
    }
    parts = [_field(number, name, value, outer.get(name)) for number, (name, value) in enumerate(fields.items())]
    payload = _placed(world, SUBMIT, {"custom_id": custom_id, "components": parts}, who)
    return payload | ({"message": dict(modal["message"])} if modal.get("message") else {})


def _field(number: int, name: str, value: Any, outer: Mapping[str, Any] | None) -> dict[str, Any]:
    inner = {"id": 2 * number + 2, "custom_id": name, "type": 4}
    if isinstance(value, str):
        inner |= {"value": value}
    else:
        inner |= {"values": [*value], "type": (outer or {}).get("component", {}).get("type", STRING_SELECT)}
    if outer and outer["type"] == 18:
        return {"type": 18, "id": 2 * number + 1, "component": inner}
    return {"type": 1, "id": 2 * number + 1, "components": [inner]}


def _options(options: Mapping[str, Any], declared: Sequence[Mapping[str, Any]], focused: str | None) -> list[Any]:
    sent: list[dict[str, Any]] = []
    for name, value in options.items():
        registered: Mapping[str, Any] = next((entry for entry in declared if entry["name"] == name), {})
        if isinstance(value, Mapping):
            inner = _options(value, registered.get("options") or [], focused)
            group = any("value" not in entry for entry in inner) and bool(inner)
            sent.append({"name": name, "type": registered.get("type") or (2 if group else 1), "options": inner})
        else:
            entry = {"name": name, "type": registered.get("type") or KINDS.get(type(value), 3), "value": value}
            sent.append(entry | ({"focused": True} if name == focused else {}))
    return sent


def _registered(world: World, name: str, guild: bool) -> Mapping[str, Any]:
    scopes = (seeds.GUILD, None) if guild else (None,)
    return next((world.commands[scope][1, name] for scope in scopes if (1, name) in world.commands[scope]), {})


def _frame(world: World, kind: int) -> dict[str, Any]:
    interaction_id = world.snowflake()
    return {
        "id": interaction_id,
        "application_id": seeds.APPLICATION,
        "type": kind,
        "token": world.token(interaction_id),
        "version": 1,
        "entitlements": [],
        "attachment_size_limit": MEBIBYTES_10,
    }


def _placed(world: World, kind: int, data: Mapping[str, Any], who: Who) -> dict[str, Any]:
    payload = _frame(world, kind) | {"data": dict(data), "locale": who.locale}
    user = seeds.user(who.user)
    if not who.guild:
        channel = {"id": seeds.DIRECT, "type": 1, "flags": 0, "last_message_id": None, "recipients": [user]}
        return payload | {
            "user": user,
            "channel_id": seeds.DIRECT,
            "channel": channel,
            "context": 1,
            "app_permissions": DIRECT_PERMISSIONS,
            "authorizing_integration_owners": {"0": "0"},
        }
    channel = {
        "id": seeds.GENERAL,
        "type": 0,
        "name": "general",
        "guild_id": seeds.GUILD,
        "nsfw": False,
        "topic": None,
        "position": 1,
        "parent_id": None,
        "flags": 0,
        "last_message_id": None,
        "rate_limit_per_user": 0,
        "permissions": PERMISSIONS,
    }
    guild = {"id": seeds.GUILD, "locale": "de", "features": ["COMMUNITY", "NEWS"]}
    return payload | {
        "guild_id": seeds.GUILD,
        "guild": guild,
        "guild_locale": "de",
        "channel_id": seeds.GENERAL,
        "channel": channel,
        "member": _member(user),
        "context": 0,
        "app_permissions": PERMISSIONS,
        "authorizing_integration_owners": {"0": seeds.GUILD},
    }


def _member(user: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "user": user,
        "nick": "Zoë 🐢",
        "avatar": None,
        "banner": None,
        "roles": ["1180000000000000301"],
        "joined_at": "2023-05-17T16:04:11.123000+00:00",
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "permissions": PERMISSIONS,
        "communication_disabled_until": None,
    }


def _message_with(world: World, custom_id: str, kind: int, values: Sequence[str]) -> dict[str, Any]:
    """Return a new message of the bot that shows the component, for use when no message does."""
    part: dict[str, Any] = {"type": kind, "id": 2, "custom_id": custom_id}
    if kind == BUTTON:
        part |= {"style": 1, "label": custom_id[:80]}
    else:
        part |= {"options": [{"label": value, "value": value} for value in values]}
    message = seeds.message(world.snowflake(), seeds.GENERAL, seeds.BOT, world.moment())
    return message | {"application_id": seeds.APPLICATION, "components": [{"type": 1, "id": 1, "components": [part]}]}
