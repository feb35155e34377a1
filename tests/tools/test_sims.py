"""Every simulator as a process: its command starts it, its main calls are answered, and it ends with its input."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from apps import ROOT

pytestmark = pytest.mark.slow

SIMS = sorted(path.parent.name for path in (ROOT / "tools" / "sims").glob("*/__main__.py"))


def ask(url: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
    """Send a request, a POST if it has a body, and return the JSON of the answer, also of a refusal."""
    data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
    sent_headers = {"content-type": "application/json", **(headers or {})}
    try:
        with urlopen(Request(url, data, sent_headers), timeout=20) as answer:
            return json.load(answer)
    except HTTPError as refused:
        with refused:
            return json.load(refused)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def tessie(about: Any) -> None:
    cars = ask(f"{about['url']}/vehicles", headers=bearer(about["token"]))["results"]
    assert {car["vin"] for car in cars} <= {*about["vins"]}
    assert cars
    assert "error" in ask(f"{about['url']}/vehicles")
    assert [entry["path"] for entry in ask(f"{about['url']}/_sim/requests")] == ["/vehicles", "/vehicles"]


def sanity(about: Any) -> None:
    path = f"{about['url']}/v2025-02-19/data/query/{about['dataset']}?query={quote('count(*)')}"
    assert ask(path, headers=bearer(about["read_token"]))["result"] > 0
    assert "error" in ask(path, headers=bearer("wrong"))


def discord(about: Any) -> None:
    guild = f"{about['api_url']}/guilds/{about['guild_id']}"
    assert ask(guild, headers={"authorization": f"Bot {about['bot_token']}"})["id"] == about["guild_id"]
    assert "message" in ask(guild)
    [kind, *_] = about["webhooks"]
    assert ask(f"{about['webhooks'][kind]}?wait=true", {"content": "hello"})["content"] == "hello"


def model(about: Any) -> None:
    body = {"model": "sim-large", "messages": [{"role": "user", "content": "hello"}]}
    answer = ask(f"{about['LOCAL_AI_URL']}/chat/completions", body, bearer(about["LOCAL_AI_KEY"]))
    assert answer["choices"][0]["message"]["content"]
    assert "error" in ask(f"{about['LOCAL_AI_URL']}/chat/completions", body)


def cloudflare(about: Any) -> None:
    write = about["analytics"]["url"].removesuffix("/client/v4")
    read = about["analytics"]["url"]
    with urlopen(Request(f"{write}/write/points", b'{"blobs": ["a"]}', method="POST"), timeout=20) as answer:
        assert answer.status == 200
    sql = "SELECT SUM(_sample_interval) AS n FROM points"
    rows = ask(f"{read}/accounts/{about['account']}/analytics_engine/sql", sql, bearer(about["analytics"]["token"]))
    assert rows["data"] == [{"n": "1"}]
    verdict = {"secret": about["turnstile"]["secret"], "response": "forged"}
    assert ask(f"{about['turnstile']['url']}/siteverify", verdict)["success"] is False
    storage = about["environment"]
    path = f"{storage['CLOUDFLARE_API_BASE_URL']}/accounts/{about['account']}/d1/database/none"
    assert ask(path, headers=bearer(storage["CLOUDFLARE_API_TOKEN"]))["success"] is False


def platform(about: Any) -> None:
    assert ask(f"{about['url']}/api/v1/content/events?limit=1")["documents"]


def discogs(about: Any) -> None:
    search = f"{about['DISCOGS_API_URL']}/database/search?type=release&artist=Mono+Lake"
    key = f"Discogs key={about['DISCOGS_KEY']}, secret={about['DISCOGS_SECRET']}"
    headers = {"user-agent": "SmokeTest/1.0 +https://example.org", "authorization": key}
    assert ask(search, headers=headers)["results"]
    assert "message" in ask(search, headers={"user-agent": headers["user-agent"]})


def piston(about: Any) -> None:
    assert "rust" in {language["language"] for language in ask(f"{about['url']}/runtimes")}
    assert "message" in ask(f"{about['url']}/execute", {"language": "cobol", "version": "*", "files": []})


def judge0(about: Any) -> None:
    assert "Rust (1.40.0)" in {language["name"] for language in ask(f"{about['url']}/languages")}
    assert "language_id" in ask(f"{about['url']}/submissions", {"language_id": 0, "source_code": "1"})


CALLS: Mapping[str, Callable[[Any], None]] = {
    "tessie": tessie,
    "sanity": sanity,
    "discord": discord,
    "model": model,
    "cloudflare": cloudflare,
    "platform": platform,
    "discogs": discogs,
    "piston": piston,
    "judge0": judge0,
}


def test_every_simulator_has_its_calls() -> None:
    assert {*CALLS} == {*SIMS}


@pytest.mark.parametrize("name", CALLS)
def test_simulator_starts_answers_and_ends_with_its_input(name: str) -> None:
    path = os.pathsep.join([str(ROOT / "tools"), str(ROOT / "src")])
    process = subprocess.Popen(
        [sys.executable, "-m", f"sims.{name}", "--port", "0", "--until-eof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert process.stdout is not None
    try:
        about = json.loads(process.stdout.readline() or "null")
        assert about is not None, "it did not start"
        CALLS[name](about)
    finally:
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
