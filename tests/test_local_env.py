"""`make dev`'s environment: configured values go before every stand-in."""

import asyncio
from pathlib import Path

import pytest

from edge.clients.discord import WEBHOOK
from edge.runtimes.local.key_value import LocalKeyValue
from local_env import prepare

pytestmark = pytest.mark.slow

URL = "http://127.0.0.1:8787"
GIVEN = {
    "core_tessie": {"ADMIN_API_KEY": "an-administrators-key-of-mine", "JWT_SECRET_KEY": "j" * 40},
    "platform_api": {
        "SANITY_WEBHOOK_SECRET": "my-secret",
        "SANITY_DATASET": "my-dataset",
        "DISCORD_GUILD_ID": "7",
        "DISCORD_API_URL": "https://discord.test",
    },
    "discord_bot": {"DISCORD_PUBLIC_KEY": "ab" * 32, "DISCORD_APP_ID": "9", "DISCORD_CHANNEL_ID": "8"},
    "vinyl_vault": {"ADMIN_API_KEY": "an-administrators-key-of-mine", "JWT_SECRET": "j" * 40},
    "klear_karma": {"ADMIN_API_KEY": "an-administrators-key-of-mine", "JWT_SECRET": "j" * 40},
    "devcapsules": {"ADMIN_API_KEY": "an-administrators-key-of-mine", "JWT_SECRET": "j" * 40},
}


@pytest.mark.parametrize("package", GIVEN)
def test_given_value_goes_before_stand_in(package: str, tmp_path: Path) -> None:
    dev_vars = tmp_path / ".dev.vars"
    dev_vars.write_text("".join(f"{name}={value}\n" for name, value in GIVEN[package].items()))
    values = prepare(package, tmp_path / "state", URL, dev_vars).values
    assert {name: values[name] for name in GIVEN[package]} == GIVEN[package]
    started = {
        "core_tessie": "TESSIE_API_KEY",
        "platform_api": "SANITY_PROJECT_ID",
        "discord_bot": "DISCORD_BOT_TOKEN",
        "vinyl_vault": "SITE_URL",
        "klear_karma": "SITE_URL",
        "devcapsules": "SITE_URL",
    }
    assert values[started[package]], "the stand-in is there"


def test_empty_value_is_none(tmp_path: Path) -> None:
    dev_vars = tmp_path / ".dev.vars"
    dev_vars.write_text("JWT_SECRET_KEY=\nTESSIE_BASE_URL=http://127.0.0.1:1\n")
    assert len(prepare("core_tessie", tmp_path / "state", URL, dev_vars).values["JWT_SECRET_KEY"]) >= 32


def test_real_webhook_stays(tmp_path: Path) -> None:
    state, dev_vars = tmp_path / "state", tmp_path / ".dev.vars"
    prepare("platform_api", state, URL, dev_vars)
    real = "https://discord.com/api/webhooks/1/a"

    async def change() -> list[bytes | None]:
        store = LocalKeyValue(state / "kv" / "KV.sqlite")
        try:
            names = [name for name in ("event", "contact", "sponsor-update") if await store.get(WEBHOOK + name)]
            await store.put(WEBHOOK + names[0], real)
            before = [await store.get(WEBHOOK + name) for name in names]
            prepare_again = asyncio.to_thread(prepare, "platform_api", state, URL, dev_vars)
            await prepare_again
            after = [await store.get(WEBHOOK + name) for name in names]
        finally:
            store.close()
        assert after[0] == real.encode()
        return [new for old, new in zip(before[1:], after[1:], strict=True) if old == new]

    assert asyncio.run(change()) == [], "those of a stand-in have a new address"
