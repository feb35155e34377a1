"""The stand-in for Discord: its webhooks, its rate limits, and its switches for tests."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sims.discord import KINDS, Bucket, DiscordSim

pytestmark = pytest.mark.slow  # a stand-in's own tests

V2 = 1 << 15


@dataclass(frozen=True)
class Got:
    """An answer."""

    status: int
    body: Any
    headers: Mapping[str, str]

    def first_code(self) -> str:
        """Return path and code of the first fault of a form."""
        at = self.body["errors"]
        path = []
        while "_errors" not in at:
            name = next(iter(at))
            path.append(name)
            at = at[name]
        return f"{'.'.join(path)} {at['_errors'][0]['code']}".strip()


def ask(method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None) -> Got:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent_headers = {"Content-Type": "application/json"} | dict(headers or {})
    request = urllib.request.Request(url, data=data, method=method, headers=sent_headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            text = response.read()
            return Got(response.status, json.loads(text) if text else None, dict(response.headers))
    except urllib.error.HTTPError as refused:
        with refused:
            text = refused.read()
            is_json = refused.headers.get_content_type() == "application/json"
            return Got(refused.code, json.loads(text) if is_json else text.decode(), dict(refused.headers))


@pytest.fixture(scope="module")
def running() -> Iterator[DiscordSim]:
    with DiscordSim(limit=Bucket(1000, 2.0)) as sim:
        yield sim


@pytest.fixture
def sim(running: DiscordSim) -> DiscordSim:
    running.reset()
    return running


def of_version_10(sim: DiscordSim, kind: str = "event") -> str:
    """Return a webhook's address below the API's version, in which waits are in seconds."""
    return sim.webhook_url(kind).replace("/api/", "/api/v10/")


def test_limit_of_a_path_without_version_is_in_milliseconds(sim: DiscordSim) -> None:
    sim.fail(429, 1, retry_after=1.25)
    got = ask("POST", sim.webhook_url("event"), {"content": "x"})
    assert (got.body["retry_after"], got.headers["Retry-After"]) == (1250, "1250")


def test_a_webhook_answers_nothing_or_on_request_the_message(sim: DiscordSim) -> None:
    silent = ask("POST", sim.webhook_url("event"), {"content": "Grüße 👋"})
    assert (silent.status, silent.body) == (204, None)
    body = {"username": "Edge", "embeds": [{"title": "T", "color": 0xFF, "fields": [{"name": "a", "value": "b"}]}]}
    posted = ask("POST", sim.webhook_url("event").replace("/api/", "/api/v10/") + "?wait=true", body | {"unknown": 1})
    assert posted.status == 200
    assert (posted.body["author"]["username"], posted.body["embeds"][0]["type"]) == ("Edge", "rich")
    assert sim.posted("event") == [{"content": "Grüße 👋"}, body | {"unknown": 1}]
    assert [message["content"] for message in sim.messages["event"]] == ["Grüße 👋", ""]
    assert sim.posted("sponsor") == []
    assert [(seen.method, seen.status) for seen in sim.requests] == [("POST", 204), ("POST", 200)]


FULL = {
    "content": "x" * 2000,
    "username": "n" * 80,
    "avatar_url": "https://a.example/i.png",
    "allowed_mentions": {"parse": ["everyone"], "users": ["1"], "replied_user": False},
    "flags": 4 | 4096,
    "tts": False,
    "embeds": [
        {
            "title": f" {'t' * 256} ",
            "description": "d" * 4096,
            "url": "https://a.example/",
            "timestamp": "2026-05-04T18:00:00.000Z",
            "color": 0xFFFFFF,
            "footer": {"text": "f", "icon_url": "https://a.example/i.png"},
            "author": {"name": "a", "url": "http://127.0.0.1:80/"},
            "image": {"url": "https://a.example/i.png"},
            "thumbnail": {"url": "attachment://i.png"},
            "fields": [{"name": "n", "value": "v", "inline": True}] * 25,
        }
    ],
}
ROW = {"type": 1, "components": [{"type": 2, "style": 5, "label": "L", "url": "https://a.example/"}]}
VALID = [
    FULL,
    {"content": "🐢" * 2000},
    {"embeds": [{"image": {"url": "https://a.example/i.png"}}] * 10},
    {"embeds": [{"title": "t", "footer": {"text": "f" * 2048}, "author": {"name": "a" * 256}}]},
    {"embeds": [{"title": "t", "fields": [{"name": "n" * 256, "value": "v" * 1024}]}]},
    {"content": "a", "embeds": None, "allowed_mentions": {"parse": []}},
    {"poll": {"question": {"text": "?"}, "answers": [{"poll_media": {"text": "yes"}}], "duration": 24}},
]


@pytest.mark.parametrize("body", VALID)
def test_a_message_within_the_limits_is_taken(sim: DiscordSim, body: dict[str, Any]) -> None:
    assert ask("POST", sim.webhook_url("event"), body).status == 204


def embed(**members: object) -> dict[str, Any]:
    return {"embeds": [{"title": "t"} | members]}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"content": "x" * 2001}, "content BASE_TYPE_MAX_LENGTH"),
        ({"content": ["x"]}, "content STRING_TYPE_CONVERT"),
        ({"content": "x", "tts": "no"}, "tts BOOLEAN_TYPE_CONVERT"),
        ({"content": "x", "username": ""}, "username BASE_TYPE_BAD_LENGTH"),
        ({"content": "x", "username": "n" * 81}, "username BASE_TYPE_BAD_LENGTH"),
        ({"content": "x", "username": "my Discord bot"}, "username USERNAME_INVALID_CONTAINS"),
        ({"content": "x", "username": "CLYDE"}, "username USERNAME_INVALID_CONTAINS"),
        ({"content": "x", "username": "everyone"}, "username USERNAME_INVALID_STRING"),
        ({"content": "x", "avatar_url": "ftp://a.example/"}, "avatar_url URL_TYPE_INVALID_SCHEME"),
        ({"content": "x", "flags": 64}, "flags BASE_TYPE_CHOICES"),
        ({"content": "x", "flags": "4"}, "flags NUMBER_TYPE_COERCE"),
        ({"content": "x", "allowed_mentions": []}, "allowed_mentions MODEL_TYPE_CONVERT"),
        ({"content": "x", "allowed_mentions": {"parse": ["all"]}}, "allowed_mentions.parse.0 BASE_TYPE_CHOICES"),
        ({"content": "x", "allowed_mentions": {"users": ["me"]}}, "allowed_mentions.users.0 NUMBER_TYPE_COERCE"),
        ({"content": "x", "allowed_mentions": {"users": ["1"] * 101}}, "allowed_mentions.users BASE_TYPE_MAX_LENGTH"),
        (
            {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
            "allowed_mentions MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
        ),
        ({"embeds": [{"title": "t"}] * 11}, "embeds BASE_TYPE_MAX_LENGTH"),
        ({"embeds": {"title": "t"}}, "embeds LIST_TYPE_CONVERT"),
        ({"embeds": ["t"]}, "embeds.0 MODEL_TYPE_CONVERT"),
        ({"embeds": [None]}, "embeds.0 LIST_ITEM_VALUE_REQUIRED"),
        ({"embeds": [{"color": 1}]}, "embeds.0.description BASE_TYPE_REQUIRED"),
        (embed(title="t" * 257), "embeds.0.title BASE_TYPE_MAX_LENGTH"),
        (embed(description="d" * 4097), "embeds.0.description BASE_TYPE_MAX_LENGTH"),
        (embed(fields=[{"name": "n", "value": "v"}] * 26), "embeds.0.fields BASE_TYPE_MAX_LENGTH"),
        (embed(fields=[{"name": "n" * 257, "value": "v"}]), "embeds.0.fields.0.name BASE_TYPE_MAX_LENGTH"),
        (embed(fields=[{"name": "n", "value": "v" * 1025}]), "embeds.0.fields.0.value BASE_TYPE_MAX_LENGTH"),
        (embed(fields=[{"name": "n"}]), "embeds.0.fields.0.value BASE_TYPE_REQUIRED"),
        (embed(fields=[{"name": " ", "value": "v"}]), "embeds.0.fields.0.name BASE_TYPE_REQUIRED"),
        (embed(fields=[{"name": "n", "value": ""}]), "embeds.0.fields.0.value BASE_TYPE_REQUIRED"),
        (embed(fields=[{"name": "n", "value": 3}]), "embeds.0.fields.0.value STRING_TYPE_CONVERT"),
        (embed(footer={"text": "f" * 2049}), "embeds.0.footer.text BASE_TYPE_MAX_LENGTH"),
        (embed(author={"name": "a" * 257}), "embeds.0.author.name BASE_TYPE_MAX_LENGTH"),
        (embed(author={}), "embeds.0.author.name BASE_TYPE_REQUIRED"),
        ({"embeds": [{"description": "d" * 3001}] * 2}, "embeds MAX_EMBED_SIZE_EXCEEDED"),
        (embed(color=-1), "embeds.0.color NUMBER_TYPE_MIN"),
        (embed(color=0x1000000), "embeds.0.color NUMBER_TYPE_MAX"),
        (embed(color="#ff0000"), "embeds.0.color NUMBER_TYPE_COERCE"),
        (embed(color=True), "embeds.0.color NUMBER_TYPE_COERCE"),
        (embed(timestamp="tomorrow"), "embeds.0.timestamp DATE_TIME_TYPE_PARSE"),
        (embed(timestamp=1_700_000_000), "embeds.0.timestamp DATE_TIME_TYPE_PARSE"),
        (embed(url="a.example"), "embeds.0.url URL_TYPE_INVALID_URL"),
        (embed(url="https://nodot/"), "embeds.0.url URL_TYPE_INVALID_URL"),
        (embed(url="javascript://a.example/"), "embeds.0.url URL_TYPE_INVALID_SCHEME"),
        (embed(url="https://a.example/" + "p" * 2048), "embeds.0.url BASE_TYPE_MAX_LENGTH"),
        (embed(image={"url": "file:///etc"}), "embeds.0.image.url URL_TYPE_INVALID_SCHEME"),
        ({"poll": {"answers": []}}, "poll.question BASE_TYPE_REQUIRED"),
        ({"flags": V2, "content": "x"}, "content MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"),
        (["content"], "MODEL_TYPE_CONVERT"),
    ],
)
def test_a_message_beyond_a_limit_is_refused_as_discord_does(sim: DiscordSim, body: object, fault: str) -> None:
    got = ask("POST", sim.webhook_url("event"), body)
    assert (got.status, got.body["code"], got.body["message"]) == (400, 50035, "Invalid Form Body")
    assert got.first_code() == fault
    assert sim.posted("event") == []


def test_a_refusal_has_the_form_that_is_documented(sim: DiscordSim) -> None:
    assert ask("POST", sim.webhook_url("event"), {"content": "x" * 2001}).body == {
        "message": "Invalid Form Body",
        "code": 50035,
        "errors": {
            "content": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 2000 or fewer in length."}]}
        },
    }


@pytest.mark.parametrize("body", [{}, {"content": ""}, {"content": " \n"}, {"embeds": []}, {"username": "x"}])
def test_an_empty_message_is_refused(sim: DiscordSim, body: object) -> None:
    got = ask("POST", sim.webhook_url("event"), body)
    assert (got.status, got.body) == (400, {"message": "Cannot send an empty message", "code": 50006})


def test_a_webhook_of_a_channel_shows_components_only_when_asked_to(sim: DiscordSim) -> None:
    url = sim.webhook_url("sponsor")
    assert ask("POST", url, {"components": [ROW]}).body["code"] == 50006
    assert ask("POST", f"{url}?wait=1&with_components=true", {"components": [ROW]}).body["components"] == [ROW]
    assert ask("POST", f"{url}?wait=1", {"content": "x", "components": [ROW]}).body["components"] == []


def test_invalid_json_webhook_or_token_is_refused(sim: DiscordSim) -> None:
    url = sim.webhook_url("event")
    assert ask("POST", url, b"{").body == {"message": "The request body contains invalid JSON.", "code": 50109}
    assert ask("POST", url, b'{"content": "\xff"}').body["code"] == 50109
    assert ask("POST", url, b'{"content": NaN}').body["code"] == 50109
    form = ask("POST", url, b"content=x", {"Content-Type": "application/x-www-form-urlencoded"})
    assert (form.status, [*form.body]) == (400, ["_misc"])
    unknown = ask("POST", f"{sim.url}/api/webhooks/1/x", {"content": "x"})
    assert (unknown.status, unknown.body) == (404, {"message": "Unknown Webhook", "code": 10015})
    wrong = ask("POST", url[:-1] + "~", {"content": "x"})
    assert (wrong.status, wrong.body) == (401, {"message": "Invalid Webhook Token", "code": 50027})
    assert ask("POST", f"{sim.url}/api/webhooks/x/x", {}).body == {"webhook_id": ['Value "x" is not snowflake.']}
    assert ask("PUT", url, {}).body == {"message": "405: Method Not Allowed", "code": 0}
    assert ask("GET", f"{sim.url}/api/v10/nothing").body == {"message": "404: Not Found", "code": 0}
    assert ask("POST", f"{url}?wait=maybe", {"content": "x"}).first_code() == "wait BOOLEAN_TYPE_CONVERT"
    assert ask("POST", f"{url}?thread_id=x", {"content": "x"}).first_code() == "thread_id NUMBER_TYPE_COERCE"
    assert ask("POST", f"{url}?thread_id=1", {"content": "x"}).body["code"] == 10003
    assert ask("POST", url, {"content": "x", "thread_name": "t"}).body["code"] == 220003


def test_a_webhook_describes_itself_and_edits_its_messages(sim: DiscordSim) -> None:
    url = sim.webhook_url("contact")
    assert ask("GET", url).body["name"] == "contact"
    message = ask("POST", f"{url}?wait=true", {"content": "a", "embeds": [{"title": "t"}]}).body
    at = f"{url}/messages/{message['id']}"
    changed = ask("PATCH", at, {"content": "b", "embeds": []})
    assert (changed.status, changed.body["content"], changed.body["embeds"]) == (200, "b", [])
    assert changed.body["edited_timestamp"]
    assert ask("GET", at).body == changed.body
    assert ask("PATCH", at, {"content": None}).body["code"] == 50006
    assert ask("GET", at).body["content"] == "b"
    assert ask("DELETE", at).status == 204
    assert ask("GET", at).body["code"] == 10008


def test_each_webhook_has_a_bucket_that_is_enforced() -> None:
    with DiscordSim(limit=Bucket(2, 5.0)) as sim:
        url = of_version_10(sim, "event")
        first, second, third = (ask("POST", url, {"content": "x"}) for _ in range(3))
        assert [got.status for got in (first, second, third)] == [204, 204, 429]
        assert [got.headers["X-RateLimit-Remaining"] for got in (first, second, third)] == ["1", "0", "0"]
        assert (first.headers["X-RateLimit-Limit"], third.headers["Retry-After"] in {"4", "5"}) == ("2", True)
        assert third.headers["X-RateLimit-Scope"] == "user"
        assert float(first.headers["X-RateLimit-Reset"]) == pytest.approx(time.time() + 5, abs=2)
        assert third.body["message"] == "You are being rate limited."
        assert 3 < third.body["retry_after"] <= 5
        assert third.body["global"] is False
        assert ask("POST", of_version_10(sim, "sponsor"), {"content": "x"}).status == 204
        sim.pass_time(third.body["retry_after"])
        assert ask("POST", url, {"content": "x"}).status == 204
        assert len(sim.posted("event")) == 3


def test_a_bucket_has_five_places_in_two_seconds() -> None:
    with DiscordSim() as sim:
        answers = [ask("POST", of_version_10(sim, "event"), {"content": "x"}) for _ in range(6)]
        assert [got.status for got in answers] == [204] * 5 + [429]
        sim.pass_time(2)
        assert ask("POST", of_version_10(sim, "event"), {"content": "x"}).status == 204


@pytest.mark.parametrize(
    ("scope", "headers", "everywhere"),
    [
        ("user", {"X-RateLimit-Scope": "user", "X-RateLimit-Global": None}, False),
        ("global", {"X-RateLimit-Scope": "global", "X-RateLimit-Global": "true"}, True),
        ("shared", {"X-RateLimit-Scope": "shared", "X-RateLimit-Global": None}, False),
    ],
)
def test_a_limit_can_be_ordered(sim: DiscordSim, scope: Any, headers: dict[str, str | None], everywhere: bool) -> None:
    sim.fail(429, 2, retry_after=1.25, scope=scope)
    got = ask("POST", of_version_10(sim, "event"), {"content": "x"})
    assert (got.status, got.body["retry_after"], got.headers["Retry-After"]) == (429, 1.25, "2")
    assert got.body["global"] is everywhere
    assert {name: got.headers.get(name) for name in headers} == headers
    assert [ask("POST", of_version_10(sim, "event"), {"content": "x"}).status for _ in range(2)] == [429, 204]


def test_failures_can_be_ordered(sim: DiscordSim) -> None:
    url = of_version_10(sim, "event")
    sim.fail(500)
    assert ask("POST", url, {"content": "x"}).body == {"message": "500: Internal Server Error", "code": 0}
    sim.fail(503)
    got = ask("POST", url, {"content": "x"})
    assert (got.status, got.body[:6]) == (503, "<html>")
    sim.fail(reset=True)
    with pytest.raises((ConnectionError, urllib.error.URLError)):
        ask("POST", url, {"content": "x"})
    sim.fail(delay=0.3)
    began = time.monotonic()
    assert ask("POST", url, {"content": "late"}).status == 204
    assert time.monotonic() - began >= 0.3
    sim.fail(404, where="/nothing")
    assert ask("POST", url, {"content": "x"}).status == 204
    assert [body["content"] for body in sim.posted("event")] == ["late", "x"]


def test_the_journal_keeps_the_requests(sim: DiscordSim) -> None:
    ask("POST", of_version_10(sim) + "?wait=true", {"content": "ä"}, {"X-Own": "1"})
    seen = sim.requests[0]
    assert (seen.method, seen.query, seen.body, seen.headers["x-own"]) == (
        "POST",
        {"wait": "true"},
        {"content": "ä"},
        "1",
    )
    assert of_version_10(sim).endswith(seen.path)
    journal = ask("GET", f"{sim.url}/_sim/requests").body
    assert [(entry["path"], entry["status"]) for entry in journal] == [(seen.path, 200)]
    assert ask("GET", f"{sim.url}/_sim/messages").body["webhooks"]["event"][0]["content"] == "ä"
    assert ask("POST", f"{sim.url}/_sim/fail", {"status": 429, "retry_after": 9}).status == 204
    assert ask("POST", of_version_10(sim), {"content": "x"}).body["retry_after"] == 9
    assert ask("POST", f"{sim.url}/_sim/fail", {"stat": 429}).status == 400
    url = sim.webhook_url("event")
    assert ask("POST", f"{sim.url}/_sim/reset").status == 204
    assert (sim.requests, sim.posted("event"), sim.webhook_url("event")) == ([], [], url)


def test_it_runs_as_a_program_until_stdin_ends() -> None:
    tools = Path(__file__).parents[2] / "tools"
    command = [sys.executable, "-m", "sims.discord", "--port", "0", "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tools) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        about = json.loads(process.stdout.readline())
        assert [*about["webhooks"]] == [*KINDS]
        assert ask("POST", about["webhooks"]["event"], {"content": "x"}).status == 204
        bot = {"Authorization": f"Bot {about['bot_token']}"}
        assert ask("GET", f"{about['api_url']}/guilds/{about['guild_id']}", headers=bot).status == 200
        process.stdin.close()
        assert process.wait(10) == 0
