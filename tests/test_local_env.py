"""`make dev`'s environment: configured values go before every stand-in."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps import load, packages
from companions import end_all
from edge.clients.discord import WEBHOOK
from edge.runtimes.local.key_value import LocalKeyValue
from local_env import prepare

pytestmark = pytest.mark.slow

URL = "http://127.0.0.1:8787"
STARTS = {
    "core_tessie": ("TESSIE_API_KEY", "TESSIE_BASE_URL"),
    "platform_api": ("SANITY_PROJECT_ID", "DISCORD_BOT_TOKEN"),
    "discord_bot": ("PLATFORM_API_URL", "DISCORD_BOT_TOKEN"),
    "vinyl_vault": ("DISCOGS_KEY", "TOGETHER_API_KEY", "TOGETHER_API_URL"),
    "klear_karma": ("SITE_URL",),
    "devcapsules": ("GENERATION_MODEL_URL", "AZURE_OPENAI_URL"),
}
"""The settings without which a stand-in is started, by app."""


@pytest.fixture(autouse=True)
def _end() -> Iterator[None]:
    yield
    end_all()


@pytest.mark.parametrize("package", packages())
def test_each_given_value_goes_before_stand_in(package: str, tmp_path: Path) -> None:
    starts = STARTS[package]
    names = [field.name for field in load(package).settings.fields if field.port is None and field.name not in starts]
    assert len(names) > 8
    given = {name: f"given-{name.lower()}" for name in names}
    dev_vars = tmp_path / ".dev.vars"
    dev_vars.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    values = prepare(package, tmp_path / "state", URL, dev_vars).values
    assert {name: values[name] for name in names if name not in os.environ} == {
        name: value for name, value in given.items() if name not in os.environ
    }
    assert any(values.get(name) for name in starts), "the stand-in is there"


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
