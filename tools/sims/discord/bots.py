"""The routes of a bot's token: commands, the guild, its events and messages."""

from typing import Any

from aiohttp import web

from sims.discord import seeds
from sims.discord.commands import command, commands, key_of, too_many
from sims.discord.forms import Fault, snowflake, whole
from sims.discord.replies import Refusal, body_of, flag, plain, refusal, refuse
from sims.discord.world import World

DEFAULTS: dict[str, Any] = {
    "type": 1,
    "default_member_permissions": None,
    "nsfw": False,
    "description": "",
    "name_localizations": None,
    "description_localizations": None,
    "dm_permission": True,
    "contexts": None,
    "integration_types": [0],
}
type Scope = dict[tuple[int, str], dict[str, Any]]


class Bots:
    """The routes that need `Authorization: Bot <token>`."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self, base: str) -> list[web.RouteDef]:
        """Return the routes."""
        app = f"{base}/applications/{{app}}"
        table = [
            web.get(f"{base}/guilds/{{guild}}", self._guild),
            web.get(f"{base}/guilds/{{guild}}/scheduled-events", self._events),
            web.get(f"{base}/channels/{{channel}}/messages", self._messages),
            web.get(f"{base}/users/@me", self._me),
            web.get(f"{base}/users/@me/guilds", self._guilds),
            web.get(f"{base}/applications/@me", self._application),
        ]
        for scope in (f"{app}/commands", f"{app}/guilds/{{guild}}/commands"):
            table += [
                web.get(scope, self._list),
                web.post(scope, self._create),
                web.put(scope, self._overwrite),
                web.get(f"{scope}/{{known}}", self._get),
                web.patch(f"{scope}/{{known}}", self._edit),
                web.delete(f"{scope}/{{known}}", self._delete),
            ]
        return table

    # -- the guild ----------------------------------------------------------------------------------
    def _ours(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bot {seeds.bot_token()}":
            raise plain(401)
        if request.match_info.get("app", seeds.APPLICATION) != seeds.APPLICATION:
            raise refusal(20012)
        if (guild := request.match_info.get("guild", seeds.GUILD)) != seeds.GUILD:
            refuse(fault.below("guild_id") for fault in snowflake(guild))
            raise refusal(10004)

    async def _guild(self, request: web.Request) -> web.Response:
        self._ours(request)
        return web.json_response(seeds.guild(counts=flag(request, "with_counts")))

    async def _guilds(self, request: web.Request) -> web.Response:
        self._ours(request)
        names = ("id", "name", "icon", "features")
        return web.json_response([{name: value for name, value in seeds.guild(counts=False).items() if name in names}])

    async def _events(self, request: web.Request) -> web.Response:
        self._ours(request)
        counted = flag(request, "with_user_count")
        hidden = set() if counted else {"user_count"}
        return web.json_response([{k: v for k, v in event.items() if k not in hidden} for event in self.world.events])

    async def _messages(self, request: web.Request) -> web.Response:
        self._ours(request)
        channel = self.world.channels.get(request.match_info["channel"])
        if channel is None:
            refuse(fault.below("channel_id") for fault in snowflake(request.match_info["channel"]))
            raise refusal(10003)
        limit = _number(request, "limit", 50)
        before, after = request.query.get("before"), request.query.get("after")
        for name, limit_id in (("before", before), ("after", after)):
            refuse(fault.below(name) for fault in (snowflake(limit_id) if limit_id is not None else ()))
        messages = [
            message
            for message in sorted(channel, key=lambda message: int(message["id"]), reverse=after is None)
            if (before is None or int(message["id"]) < int(before))
            and (after is None or int(message["id"]) > int(after))
        ]
        return web.json_response(sorted(messages[:limit], key=lambda message: int(message["id"]), reverse=True))

    async def _me(self, request: web.Request) -> web.Response:
        self._ours(request)
        return web.json_response(seeds.BOT | {"verified": True, "mfa_enabled": False, "locale": seeds.LOCALE})

    async def _application(self, request: web.Request) -> web.Response:
        self._ours(request)
        return web.json_response(seeds.application(self.world.public_key))

    # -- commands -----------------------------------------------------------------------------------
    def _scope(self, request: web.Request) -> Scope:
        self._ours(request)
        return self.world.commands[request.match_info.get("guild")]

    def _stored_command(self, request: web.Request) -> dict[str, Any]:
        matches = (command for command in self._scope(request).values() if command["id"] == request.match_info["known"])
        if (command := next(matches, None)) is None:
            raise refusal(10063)
        return command

    async def _list(self, request: web.Request) -> web.Response:
        scope = self._scope(request)
        full = flag(request, "with_localizations")
        return web.json_response([command if full else _short(command) for command in scope.values()])

    async def _create(self, request: web.Request) -> web.Response:
        scope = self._scope(request)
        body = await body_of(request)
        refuse(command(body))
        old = scope.get(key_of(body))
        if not old:
            _count([*scope.values(), body])
        scope[key_of(body)] = written = self._command_from(request, body, old)
        return web.json_response(written, status=200 if old else 201)

    async def _overwrite(self, request: web.Request) -> web.Response:
        scope = self._scope(request)
        body = await body_of(request)
        refuse(commands(body))
        _count(body)
        written = {key_of(entry): self._command_from(request, entry, scope.get(key_of(entry))) for entry in body}
        scope.clear()
        scope.update(written)
        return web.json_response([*written.values()])

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self._stored_command(request))

    async def _edit(self, request: web.Request) -> web.Response:
        scope = self._scope(request)
        old = self._stored_command(request)
        body = await body_of(request)
        merged = old | body | {"type": old["type"]} if isinstance(body, dict) else body
        refuse(command(merged))
        if key_of(merged) != key_of(old) and key_of(merged) in scope:
            refuse(
                [Fault("APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique", ("name",))]
            )
        del scope[key_of(old)]
        scope[key_of(merged)] = written = self._command_from(request, merged, old)
        return web.json_response(written)

    async def _delete(self, request: web.Request) -> web.Response:
        del self._scope(request)[key_of(self._stored_command(request))]
        return web.Response(status=204)

    def _command_from(self, request: web.Request, body: dict[str, Any], old: dict[str, Any] | None) -> dict[str, Any]:
        guild = request.match_info.get("guild")
        members = DEFAULTS.keys() | {"name", "options"}
        sent = {name: value for name, value in body.items() if name in members}
        about = {"id": old["id"] if old else self.world.snowflake(), "application_id": seeds.APPLICATION}
        command = DEFAULTS | sent | about | {"version": self.world.snowflake()}
        return command | ({"guild_id": guild} if guild else {})


def _count(every: list[dict[str, Any]]) -> None:
    if most := too_many(every):
        full = refusal(30032)
        raise Refusal(full.status, {**full.body, "message": f"{full.body['message']} ({most})"})


def _short(command: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in command.items() if not name.endswith("_localizations")}


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    value: Any = int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdigit() else text
    refuse(fault.below(name) for fault in whole(1, 100)(value))
    return int(value)
