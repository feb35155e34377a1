"""The bot over the real platform API, which reads a simulated Sanity: they agree on the form of content."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sims.platform.__main__ import API_KEY

from .conftest import ROOT, Bot, Runner

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def platform() -> Iterator[str]:
    """Return the address of a platform."""
    path = os.pathsep.join([str(ROOT / "tools"), str(ROOT / "src")])
    process = subprocess.Popen(
        [sys.executable, "-m", "sims.platform", "--until-eof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    about = json.loads(process.stdout.readline())
    assert about["api_key"] == API_KEY
    yield about["url"]
    process.stdin.close()
    process.wait(30)
    process.stdout.close()


def upcoming(platform: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{platform}/api/v1/content/events?upcoming=true&limit=100", timeout=20) as answer:
        documents: list[dict[str, Any]] = json.load(answer)["documents"]
        return documents


def test_events_questions_and_jobs_over_the_real_platform(platform: str, run: Runner) -> None:
    async def case(bot: Bot) -> None:
        first, *_ = events = upcoming(platform)
        made = await bot.command("next")
        assert made.faults == []
        [embed] = made.messages[0]["embeds"]
        assert embed["title"] == first["title"]
        at = int(datetime.fromisoformat(first["starts_at"]).timestamp())
        assert f"<t:{at}:F>" in embed["fields"][0]["value"]
        assert first["time_zone"] in embed["fields"][0]["value"]
        choices = await bot.complete("event", "name", first["title"][:5])
        assert first["slug"] in [one["value"] for one in choices]
        answered = await bot.command("ask", {"question": f"What is {first['title']}?"})
        assert answered.faults == []
        sources = answered.messages[0]["embeds"][0]["fields"][0]["value"]
        assert first["title"].replace("[", "(").replace("]", ")")[:60] in sources
        near = [one for one in events if 0 < _hours(one) <= 48]
        report = (await bot.client.post("/jobs/remind?dry_run=true")).json()["report"]
        assert [one["subject"] for one in report] == [f"remind:{one['id']}" for one in near]
        assert (await bot.client.post("/jobs/digest?dry_run=true")).status == 200

    run.env |= {"PLATFORM_API_URL": platform, "PLATFORM_API_KEY": API_KEY}
    run(case)


def _hours(event: dict[str, Any]) -> float:
    return (datetime.fromisoformat(event["starts_at"]) - datetime.now(UTC)).total_seconds() / 3600
