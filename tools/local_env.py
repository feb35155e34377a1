"""The environment of an app on one's own machine: settings, keys, and stand-ins for missing services."""

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
    """The variables of an app, and notes for a newcomer by heading."""

    values: dict[str, str]
    notes: dict[str, str]


type Make = Callable[[Mapping[str, str], Path, str], Environment]
"""Takes the configured variables, the folder of the state and the app's address; its values are the added ones."""


def prepare(package: str, state: Path, url: str, dev_vars: Path = DEV_VARS) -> Environment:
    """Return the variables of the environment, then those of `.dev.vars`, then added ones."""
    configured = read_dev_vars(dev_vars) | dict(os.environ)
    make_state(state)
    added = APPS.get(package, other)(configured, state, url)
    chosen = {name: value for name, value in configured.items() if value}
    return Environment(configured | added.values | chosen, added.notes)


def core_tessie(configured: Mapping[str, str], state: Path, url: str) -> Environment:
    """Without a Tessie key or address the fleet is simulated. The administrator's key is shown when it is made."""
    values, key, display = _access_keys(configured, state)
    cars = "Tessie"
    if not any(configured.get(name) for name in TESSIE):
        service = begin("sims.tessie")
        values |= {"TESSIE_BASE_URL": service["url"], "TESSIE_API_KEY": service["token"]}
        cars = "a simulated fleet (set TESSIE_API_KEY in .dev.vars for your own)"
    ask = f"curl -H 'Authorization: Bearer {key}' '{url}/d1/vehicles?select=display_name,battery_pct'"
    console = f"{url}/    reference: {url}/docs"
    return Environment(values, {"Cars": cars, "Console": console, "API key": display, "Try": ask})


def platform_api(configured: Mapping[str, str], state: Path, url: str) -> Environment:
    """Without a Sanity project the content is a simulated community's, and so is Discord without a bot's token."""
    values, notes = _one_key(configured, state, url)
    if not configured.get("SANITY_PROJECT_ID"):
        values |= _sanity()
        notes["Content"] = f"a simulated Sanity at {values['SANITY_API_URL']} (set SANITY_PROJECT_ID for your own)"
    if not configured.get("DISCORD_BOT_TOKEN"):
        values |= _discord(state, begin("sims.discord"))
        notes["Discord"] = f"simulated at {values['DISCORD_API_URL']}"
    notes["Try"] = f"curl '{url}/api/v1/content/events?upcoming=true&limit=2'"
    return Environment(values, notes)


def discord_bot(configured: Mapping[str, str], state: Path, url: str) -> Environment:
    """Without a bot's token Discord is simulated; without a platform, there is one over a simulated Sanity."""
    values, notes = _one_key(configured, state, url)
    if not configured.get("PLATFORM_API_URL"):
        service = begin("sims.platform")
        values |= {"PLATFORM_API_URL": service["url"], "PLATFORM_API_KEY": service["api_key"]}
        notes["Content"] = f"platform_api over a simulated Sanity, at {values['PLATFORM_API_URL']}"
    if not configured.get("DISCORD_BOT_TOKEN"):
        service = begin("sims.discord", "--interactions-url", f"{url}/interactions")
        values |= _discord(state, service)
        values |= {"DISCORD_APP_ID": service["application_id"], "DISCORD_PUBLIC_KEY": service["public_key"]}
        notes["Discord"] = f"simulated at {service['url']}"
        interaction = """'{"type": "command", "name": "events"}'"""
        notes["Try"] = f"curl -H 'Content-Type: application/json' -d {interaction} {service['url']}/_sim/interactions"
    return Environment(values, notes)


def vinyl_vault(configured: Mapping[str, str], state: Path, url: str) -> Environment:
    """Users register without a mail; without a key of Discogs, or of a model, there are stand-ins.

    The administrator's key is for the jobs alone.
    """
    values, notes = _accounts(configured, state, url)
    if not configured.get("DISCOGS_KEY"):
        service = begin("sims.discogs")
        values |= {name: service[name] for name in ("DISCOGS_API_URL", "DISCOGS_KEY", "DISCOGS_SECRET")}
        notes["Discogs"] = f"simulated at {service['url']} (set DISCOGS_KEY and DISCOGS_SECRET for your own)"
    if not configured.get("TOGETHER_API_KEY") and not configured.get("TOGETHER_API_URL"):
        service = begin("sims.model")
        values |= {"TOGETHER_API_URL": service["LOCAL_AI_URL"], "TOGETHER_API_KEY": service["LOCAL_AI_KEY"]}
        notes["Model"] = f"simulated at {service['url']} (set TOGETHER_API_KEY, or TOGETHER_API_URL, for your own)"
    return Environment(values, notes)


def klear_karma(configured: Mapping[str, str], state: Path, url: str) -> Environment:
    """Users register without a mail; the administrator's key verifies practitioners."""
    return Environment(*_accounts(configured, state, url))


def devcapsules(configured: Mapping[str, str], state: Path, url: str) -> Environment:
    """Users register without a mail, the administrator's key changes plans; a stand-in writes one exercise."""
    values, notes = _accounts(configured, state, url, "/api/v1/auth")
    if not configured.get("GENERATION_MODEL_URL") and not configured.get("AZURE_OPENAI_URL"):
        service = begin("sims.model")
        values |= {"GENERATION_MODEL_URL": service["LOCAL_AI_URL"], "GENERATION_MODEL_KEY": service["LOCAL_AI_KEY"]}
        values["GENERATION_MODEL"] = "sim-large"
        notes["Model"] = f"simulated at {service['url']} (set GENERATION_MODEL_URL, or AZURE_OPENAI_URL, for your own)"
    return Environment(values, notes)


def other(configured: Mapping[str, str], state: Path, url: str) -> Environment:
    """An app that knows its callers by keys, and needs no more."""
    values, _, display = _access_keys(configured, state)
    notes = {"API": f"{url}/    reference: {url}/docs", "API key": display, "Try": f"curl {url}/health"}
    return Environment(values, notes)


APPS: Mapping[str, Make] = {
    DEFAULT: core_tessie,
    "platform_api": platform_api,
    "discord_bot": discord_bot,
    "vinyl_vault": vinyl_vault,
    "klear_karma": klear_karma,
    "devcapsules": devcapsules,
}


def _access_keys(configured: Mapping[str, str], state: Path) -> tuple[dict[str, str], str, str]:
    """Return the missing keys: the administrator's, also for a shell and for a person, and the signing key."""
    values = dict[str, str]()
    key_file = state / "admin_api_key"
    key = display = "$ADMIN_API_KEY"
    if not configured.get("ADMIN_API_KEY"):
        values["ADMIN_API_KEY"], fresh = _admin_key(key_file)
        key = fresh or key
        display = f"{fresh}    (shown this once: keep it)" if fresh else _again(key_file)
    if not configured.get("JWT_SECRET_KEY"):
        values["JWT_SECRET_KEY"] = _read_or_create(state / "jwt_secret_key", secrets.token_urlsafe(32))
    return values, key, display


def _accounts(
    configured: Mapping[str, str], state: Path, url: str, prefix: str = "/api/auth"
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables of an app with accounts, and its notes for a newcomer."""
    keys, _, display = _access_keys(configured, state)
    values = {name: value for name, value in keys.items() if name != "JWT_SECRET_KEY"}
    if not configured.get("JWT_SECRET"):
        values["JWT_SECRET"] = _read_or_create(state / "jwt_secret", secrets.token_urlsafe(32))
    values |= {"SITE_URL": url} if not configured.get("SITE_URL") else {}
    account = """'{"email": "ada@example.org", "password": "correct horse battery"}'"""
    register = f"curl -H 'Content-Type: application/json' -d {account} {url}{prefix}/register"
    return values, {"API": f"{url}/    reference: {url}/docs", "Admin key": display, "Try": register}


def _one_key(configured: Mapping[str, str], state: Path, url: str) -> tuple[dict[str, str], dict[str, str]]:
    values = dict[str, str]()
    display = "$API_KEY"
    if not configured.get("API_KEY"):
        display = values["API_KEY"] = _read_or_create(state / "api_key", secrets.token_urlsafe(24))
    return values, {"API": f"{url}/    reference: {url}/docs", "API key": f"{display}    (as X-API-Key)"}


def _sanity() -> dict[str, str]:
    service = begin("sims.sanity")
    names = {
        "SANITY_API_URL": "url",
        "SANITY_PROJECT_ID": "project_id",
        "SANITY_DATASET": "dataset",
        "SANITY_API_READ_TOKEN": "read_token",
        "SANITY_API_WRITE_TOKEN": "write_token",
        "SANITY_WEBHOOK_SECRET": "webhook_secret",
    }
    return {name: service[member] for name, member in names.items()}


def _discord(state: Path, service: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a simulated Discord; put its webhooks into the local KV."""
    asyncio.run(_keep_webhooks(state / "kv" / "KV.sqlite", service["webhooks"]))  # type: ignore[arg-type]
    return {
        "DISCORD_API_URL": service["api_url"],
        "DISCORD_BOT_TOKEN": service["bot_token"],
        "DISCORD_GUILD_ID": service["guild_id"],
        "DISCORD_CHANNEL_ID": service["channel_id"],
    }


async def _keep_webhooks(path: Path, urls: Mapping[str, str]) -> None:
    store = LocalKeyValue(path)
    try:
        for kind, url in urls.items():
            present = await store.get(WEBHOOK + kind)
            if present is None or urlsplit(present.decode()).hostname == HOST:  # else it is a real one, which stays
                await store.put(WEBHOOK + kind, url)
    finally:
        store.close()


def _admin_key(key_file: Path) -> tuple[str, str | None]:
    """Return the setting of the administrator's key, which is its hash, and at the first start the key itself."""
    key = secrets.token_urlsafe(24)
    hashed_key = f"{HASHED}{hashed(key)}"
    setting = _read_or_create(key_file, hashed_key)
    return setting, key if setting == hashed_key else None


def _again(key_file: Path) -> str:
    return f"was shown at the first start; remove {key_file} to have another"


def _read_or_create(path: Path, fresh: str) -> str:
    """Return the content of a file; create a missing one from `fresh`, readable by its owner alone."""
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(fresh)
    return path.read_text(encoding="ascii").strip()
