"""The environment of an app on one's own machine: settings, keys, and stand-ins for what is not configured."""

import asyncio
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from apps import DEFAULT, ROOT
from companions import begin
from edge.auth.keys import hashed
from edge.clients.discord import WEBHOOK
from edge.runtimes.local.dev_vars import read_dev_vars
from edge.runtimes.local.key_value import LocalKeyValue
from edge.runtimes.local.runtime import make_state
from edge.settings import HASHED
from sims.server import HOST

DEV_VARS = ROOT / ".dev.vars"
TESSIE = ("TESSIE_API_KEY", "TESSIE_BASE_URL")


@dataclass(frozen=True, slots=True)
class Environment:
    """What an app is started with, and the lines that a newcomer is told: what it is, by its heading."""

    values: dict[str, str]
    told: dict[str, str]


type Make = Callable[[Mapping[str, str], Path, str], Environment]
"""Takes what is given, the folder of the state and the app's address; its values are what it adds."""


def prepare(package: str, state: Path, url: str, dev_vars: Path = DEV_VARS) -> Environment:
    """Return the variables of `.dev.vars` and the environment, which goes before; only what is missing is made."""
    given = read_dev_vars(dev_vars) | dict(os.environ)
    make_state(state)
    made = APPS.get(package, other)(given, state, url)
    chosen = {name: value for name, value in given.items() if value}
    return Environment(given | made.values | chosen, made.told)


def core_tessie(given: Mapping[str, str], state: Path, url: str) -> Environment:
    """Without a Tessie key or address the fleet is simulated. The administrator's key is shown when it is made."""
    values, key, shown = _access_keys(given, state)
    cars = "Tessie"
    if not any(given.get(name) for name in TESSIE):
        said = begin("sims.tessie")
        values |= {"TESSIE_BASE_URL": said["url"], "TESSIE_API_KEY": said["token"]}
        cars = "a simulated fleet (set TESSIE_API_KEY in .dev.vars for your own)"
    ask = f"curl -H 'Authorization: Bearer {key}' '{url}/d1/vehicles?select=display_name,battery_pct'"
    console = f"{url}/    reference: {url}/docs"
    return Environment(values, {"Cars": cars, "Console": console, "API key": shown, "Try": ask})


def platform_api(given: Mapping[str, str], state: Path, url: str) -> Environment:
    """Without a Sanity project the content is a simulated community's, and so is Discord without a bot's token."""
    values, told = _one_key(given, state, url)
    if not given.get("SANITY_PROJECT_ID"):
        values |= _sanity()
        told["Content"] = f"a simulated Sanity at {values['SANITY_API_URL']} (set SANITY_PROJECT_ID for your own)"
    if not given.get("DISCORD_BOT_TOKEN"):
        values |= _discord(state, begin("sims.discord"))
        told["Discord"] = f"simulated at {values['DISCORD_API_URL']}"
    told["Try"] = f"curl '{url}/api/v1/content/events?upcoming=true&limit=2'"
    return Environment(values, told)


def discord_bot(given: Mapping[str, str], state: Path, url: str) -> Environment:
    """Without a bot's token Discord is simulated; without a platform, there is one over a simulated Sanity."""
    values, told = _one_key(given, state, url)
    if not given.get("PLATFORM_API_URL"):
        said = begin("sims.platform")
        values |= {"PLATFORM_API_URL": said["url"], "PLATFORM_API_KEY": said["api_key"]}
        told["Content"] = f"platform_api over a simulated Sanity, at {values['PLATFORM_API_URL']}"
    if not given.get("DISCORD_BOT_TOKEN"):
        said = begin("sims.discord", "--interactions-url", f"{url}/interactions")
        values |= _discord(state, said)
        values |= {"DISCORD_APP_ID": said["application_id"], "DISCORD_PUBLIC_KEY": said["public_key"]}
        told["Discord"] = f"simulated at {said['url']}"
        asked = """'{"type": "command", "name": "events"}'"""
        told["Try"] = f"curl -H 'Content-Type: application/json' -d {asked} {said['url']}/_sim/interactions"
    return Environment(values, told)


def vinyl_vault(given: Mapping[str, str], state: Path, url: str) -> Environment:
    """Users register without a mail; without a key of Discogs, or of a model, there are stand-ins.

    The administrator's key is for the jobs alone.
    """
    values, told = _accounts(given, state, url)
    if not given.get("DISCOGS_KEY"):
        said = begin("sims.discogs")
        values |= {name: said[name] for name in ("DISCOGS_API_URL", "DISCOGS_KEY", "DISCOGS_SECRET")}
        told["Discogs"] = f"simulated at {said['url']} (set DISCOGS_KEY and DISCOGS_SECRET for your own)"
    if not given.get("TOGETHER_API_KEY") and not given.get("TOGETHER_API_URL"):
        said = begin("sims.model")
        values |= {"TOGETHER_API_URL": said["LOCAL_AI_URL"], "TOGETHER_API_KEY": said["LOCAL_AI_KEY"]}
        told["Model"] = f"simulated at {said['url']} (set TOGETHER_API_KEY, or TOGETHER_API_URL, for your own)"
    return Environment(values, told)


def klear_karma(given: Mapping[str, str], state: Path, url: str) -> Environment:
    """Users register without a mail; the administrator's key verifies practitioners."""
    return Environment(*_accounts(given, state, url))


def devcapsules(given: Mapping[str, str], state: Path, url: str) -> Environment:
    """Users register without a mail, the administrator's key changes plans; a stand-in writes one exercise."""
    values, told = _accounts(given, state, url, "/api/v1/auth")
    if not given.get("GENERATION_MODEL_URL") and not given.get("AZURE_OPENAI_URL"):
        said = begin("sims.model")
        values |= {"GENERATION_MODEL_URL": said["LOCAL_AI_URL"], "GENERATION_MODEL_KEY": said["LOCAL_AI_KEY"]}
        values["GENERATION_MODEL"] = "sim-large"
        told["Model"] = f"simulated at {said['url']} (set GENERATION_MODEL_URL, or AZURE_OPENAI_URL, for your own)"
    return Environment(values, told)


def other(given: Mapping[str, str], state: Path, url: str) -> Environment:
    """An app that knows its callers by keys, and needs no more."""
    values, _, shown = _access_keys(given, state)
    told = {"API": f"{url}/    reference: {url}/docs", "API key": shown, "Try": f"curl {url}/health"}
    return Environment(values, told)


APPS: Mapping[str, Make] = {
    DEFAULT: core_tessie,
    "platform_api": platform_api,
    "discord_bot": discord_bot,
    "vinyl_vault": vinyl_vault,
    "klear_karma": klear_karma,
    "devcapsules": devcapsules,
}


def _access_keys(given: Mapping[str, str], state: Path) -> tuple[dict[str, str], str, str]:
    """Return the administrator's and the signing key where they are missing; the former for a shell, for a person."""
    values, kept = dict[str, str](), state / "admin_api_key"
    key = shown = "$ADMIN_API_KEY"
    if not given.get("ADMIN_API_KEY"):
        values["ADMIN_API_KEY"], made = _admin_key(kept)
        key = made or key
        shown = f"{made}    (shown this once: keep it)" if made else _again(kept)
    if not given.get("JWT_SECRET_KEY"):
        values["JWT_SECRET_KEY"] = _kept(state / "jwt_secret_key", secrets.token_urlsafe(32))
    return values, key, shown


def _accounts(
    given: Mapping[str, str], state: Path, url: str, prefix: str = "/api/auth"
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what an app with accounts needs, and what a newcomer is told of it."""
    keys, _, shown = _access_keys(given, state)
    values = {name: value for name, value in keys.items() if name != "JWT_SECRET_KEY"}
    if not given.get("JWT_SECRET"):
        values["JWT_SECRET"] = _kept(state / "jwt_secret", secrets.token_urlsafe(32))
    values |= {"SITE_URL": url} if not given.get("SITE_URL") else {}
    account = """'{"email": "ada@example.org", "password": "correct horse battery"}'"""
    register = f"curl -H 'Content-Type: application/json' -d {account} {url}{prefix}/register"
    return values, {"API": f"{url}/    reference: {url}/docs", "Admin key": shown, "Try": register}


def _one_key(given: Mapping[str, str], state: Path, url: str) -> tuple[dict[str, str], dict[str, str]]:
    values, shown = dict[str, str](), "$API_KEY"
    if not given.get("API_KEY"):
        shown = values["API_KEY"] = _kept(state / "api_key", secrets.token_urlsafe(24))
    return values, {"API": f"{url}/    reference: {url}/docs", "API key": f"{shown}    (as X-API-Key)"}


def _sanity() -> dict[str, str]:
    said = begin("sims.sanity")
    names = {
        "SANITY_API_URL": "url", "SANITY_PROJECT_ID": "project_id", "SANITY_DATASET": "dataset",
        "SANITY_API_READ_TOKEN": "read_token", "SANITY_API_WRITE_TOKEN": "write_token",
        "SANITY_WEBHOOK_SECRET": "webhook_secret",
    }  # fmt: skip
    return {name: said[member] for name, member in names.items()}


def _discord(state: Path, said: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a simulated Discord, whose webhooks are put into the local KV."""
    asyncio.run(_keep_webhooks(state / "kv" / "KV.sqlite", said["webhooks"]))  # type: ignore[arg-type]
    return {
        "DISCORD_API_URL": said["api_url"], "DISCORD_BOT_TOKEN": said["bot_token"],
        "DISCORD_GUILD_ID": said["guild_id"], "DISCORD_CHANNEL_ID": said["channel_id"],
    }  # fmt: skip


async def _keep_webhooks(path: Path, urls: Mapping[str, str]) -> None:
    store = LocalKeyValue(path)
    try:
        for kind, url in urls.items():
            present = await store.get(WEBHOOK + kind)
            if present is None or urlsplit(present.decode()).hostname == HOST:  # else it is a real one, which stays
                await store.put(WEBHOOK + kind, url)
    finally:
        store.close()


def _admin_key(kept: Path) -> tuple[str, str | None]:
    """Return the setting of the administrator's key, which is its hash, and at the first start the key itself."""
    key = secrets.token_urlsafe(24)
    made = f"{HASHED}{hashed(key)}"
    setting = _kept(kept, made)
    return setting, key if setting == made else None


def _again(kept: Path) -> str:
    return f"was shown at the first start; remove {kept} to have another"


def _kept(path: Path, fresh: str) -> str:
    """Return what a file holds; where there is none, make it of what is given, readable by its owner alone."""
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(fresh)
    return path.read_text(encoding="ascii").strip()
