"""Registers the bot's declared commands at Discord: `make register` (GUILD= for one guild, DRY=1 to only compare)."""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apps import ROOT
from discord_bot.app import interactions
from discord_bot.registration import Change, Document, changes, documents, duplicates
from discord_bot.settings import BotSettings
from edge.clients.discord import AGENT
from edge.errors import NotConfigured
from edge.runtimes.local.dev_vars import read_dev_vars

MOST_GUILDS = 20
"""Guilds that are looked at for commands that would be seen twice."""


class Refused(Exception):
    """Discord refuses, or cannot be reached; the message is for a person."""


def main() -> int:
    """Compare, print the changes, and register them, but for DRY=1; 1: Discord refuses, 2: a setting is wrong."""
    env = read_dev_vars(ROOT / ".dev.vars") | dict(os.environ)
    try:
        return _run(BotSettings(env), env.get("GUILD", ""), is_dry=bool(env.get("DRY")))
    except NotConfigured as fault:
        print(f"error: {fault.detail}: it is read from .dev.vars and the environment", file=sys.stderr)
        return 2
    except Refused as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1


def declared_commands() -> list[Document]:
    """Return the commands as the app declares them."""
    return documents(interactions.planned, interactions.parents)


def _run(settings: BotSettings, guild: str, *, is_dry: bool) -> int:
    if guild and not guild.isdecimal():
        raise NotConfigured("GUILD", "must be a guild's id, of digits alone")
    path = f"/applications/{settings.discord_app_id.get_secret_value()}"
    url = settings.discord_api_url + path + (f"/guilds/{guild}" if guild else "") + "/commands"
    token = settings.discord_bot_token.get_secret_value()
    commands = declared_commands()
    differences = changes(commands, _ask("GET", url, token))
    where = f"guild {guild}" if guild else "all guilds"
    print("\n".join([f"{where}: {_summary(differences, len(commands))}", *map(str, differences)]))
    for line in _warnings(settings, guild, commands):
        print(line, file=sys.stderr)
    if differences and not is_dry:
        registered = _ask("PUT", url, token, commands)
        print(f"registered {len(registered)} commands")
    return 0


def _warnings(settings: BotSettings, guild: str, commands: Sequence[Document]) -> Iterator[str]:
    """Yield a line for each scope that has some of the commands, too: there, people see them twice."""
    token, application = settings.discord_bot_token.get_secret_value(), settings.discord_app_id.get_secret_value()
    base = f"{settings.discord_api_url}/applications/{application}"
    scopes = [("all guilds", f"{base}/commands")]
    if not guild:
        guilds = _guilds(settings.discord_api_url, token)
        scopes = [(f"guild {guild_id}", f"{base}/guilds/{guild_id}/commands") for guild_id in guilds[:MOST_GUILDS]]
    for name, url in scopes:
        try:
            twice = duplicates(commands, _ask("GET", url, token))
        except Refused:  # it may be no guild of ours any more
            continue
        if twice:
            yield f"warning: registered for {name}, too, so people see them twice: {', '.join(twice)}"


def _guilds(url: str, token: str) -> list[str]:
    """Return the ids of the bot's guilds; none if Discord does not tell."""
    try:
        return [str(own["id"]) for own in _ask("GET", f"{url}/users/@me/guilds", token)]
    except Refused:
        return []


def _summary(differences: Sequence[Change], count: int) -> str:
    kinds = [(kind, sum(change.what == kind for change in differences)) for kind in ("added", "changed", "removed")]
    return ", ".join(f"{number} {kind}" for kind, number in kinds if number) or f"{count} commands, nothing changes"


def _ask(method: str, url: str, token: str, body: object = None) -> Any:
    headers = {"authorization": f"Bot {token}", "content-type": "application/json"} | dict([AGENT])
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            raise Refused(refusal_text(refused.code, refused.read())) from None
    except (OSError, ValueError) as fault:
        raise Refused(f"Discord cannot be reached: {getattr(fault, 'reason', None) or type(fault).__name__}") from None


def refusal_text(status: int, body: bytes) -> str:
    """Return Discord's refusal as one line, each fault by its path."""
    try:
        answer = json.loads(body)
        faults = "; ".join(_faults(answer.get("errors", {})))
        text = f"{answer.get('message', '')} ({answer.get('code', '')})"
    except (ValueError, AttributeError):
        faults = ""
        text = body[:100].decode(errors="replace")
    wait = f", wait {answer['retry_after']} s" if status == 429 and "retry_after" in answer else ""
    return f"Discord answered {status}: {text}{wait}" + (f": {faults}" if faults else "")


def _faults(errors: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, inner in errors.items():
        if name == "_errors":
            yield from (f"{path or 'all'}: {fault['message']} ({fault['code']})" for fault in inner)
        else:
            yield from _faults(inner, f"{path}.{name}" if path else name)


if __name__ == "__main__":
    sys.exit(main())
