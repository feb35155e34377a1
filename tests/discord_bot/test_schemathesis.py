"""schemathesis over the bot's document, with all of its checks, against the server and against workerd."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.documented import check
from tests.served import served_locally

from discord_bot.app import app
from edge.testing.host import Host
from sims.discord import Bucket

from .conftest import KEY, KINDS, Sims

pytestmark = pytest.mark.slow

SIGNED = ["--exclude-path", "/interactions"]
"""Routes that need Discord's signature: nobody else can call them."""


@contextmanager
def serving(request: pytest.FixtureRequest, runtime: str, sims: Sims, folder: Path) -> Iterator[str]:
    """Run the bot on a runtime, its webhooks known, and give its address."""
    if runtime == "local":
        with served_locally(folder, sims.env(), "discord_bot") as served:
            with closing(sqlite3.connect(folder / "state" / "kv" / "KV.sqlite", timeout=10)) as kv:
                for kind in KINDS:
                    kv.execute(
                        "INSERT OR REPLACE INTO pairs VALUES (?, ?, NULL)",
                        (f"webhooks:{kind}", sims.discord.webhook_url(kind).encode()),
                    )
                kv.commit()
            yield served.url
        assert "Traceback" not in (folder / "server.txt").read_text()
        return
    host: Host = request.getfixturevalue("workers_host")
    asyncio.run(host.client(app, sims.env(), KEY))
    for kind in KINDS:
        host.worker.kv_put("KV", f"webhooks:{kind}", sims.discord.webhook_url(kind))
    yield host.worker.url.rstrip("/")


@pytest.mark.parametrize("examples", [5, pytest.param(200, marks=pytest.mark.soak)])
@pytest.mark.parametrize("runtime", ["local", pytest.param("workers", marks=pytest.mark.soak)])
def test_answers_conform_to_the_document(
    request: pytest.FixtureRequest, runtime: str, examples: int, sims: Sims, tmp_path: Path
) -> None:
    phases = ["--phases", "examples,coverage,fuzzing" if examples > 5 and runtime == "local" else "examples,fuzzing"]
    usual, sims.discord.limit = sims.discord.limit, Bucket(100_000, 1.0)
    try:
        with serving(request, runtime, sims, tmp_path) as url:
            header = f"Authorization: Bearer {KEY[0][1]}"
            check(url, "openapi/discord_bot/openapi.json", header, examples, "--checks", "all", *SIGNED, *phases)
    finally:
        sims.discord.limit = usual
