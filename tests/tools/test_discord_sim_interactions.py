"""The stand-in for Discord: interactions that it sends to a bot, and its checks of the bot's answers."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.tools.test_discord_sim import V2, ask

from pyedge.client import node
from sims.discord import Bucket, DiscordSim

pytestmark = pytest.mark.slow  # a stand-in's own tests

ROOT = Path(__file__).parents[2]
type Answer = Callable[[dict[str, Any]], Any]


class Bot:
    """A bot that gives a test's answer: an object as JSON, or status, type and bytes; it records the requests."""

    def __init__(self) -> None:
        self.answer: Answer = lambda _payload: {"type": 1}
        self.sent: list[tuple[dict[str, str], bytes]] = []
        bot = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                bot.sent.append((dict(self.headers), body))
                answer = bot.answer(json.loads(body))
                if not isinstance(answer, tuple):
                    answer = 200, "application/json", json.dumps(answer).encode()
                self.send_response(answer[0])
                self.send_header("content-type", answer[1])
                self.send_header("content-length", str(len(answer[2])))
                self.end_headers()
                self.wfile.write(answer[2])

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self.server.server_port}/interactions"


@pytest.fixture(scope="module")
def running() -> Iterator[DiscordSim]:
    with DiscordSim(limit=Bucket(1000, 2.0)) as sim:
        yield sim


@pytest.fixture
def sim(running: DiscordSim) -> DiscordSim:
    running.reset()
    return running


@pytest.fixture
def bot() -> Iterator[Bot]:
    bot_ = Bot()
    thread = threading.Thread(target=bot_.server.serve_forever, args=(0.02,))
    thread.start()
    yield bot_
    bot_.server.shutdown()
    thread.join()
    bot_.server.server_close()


def says(bot: Bot, answer: object) -> None:
    bot.answer = lambda _payload: answer


def message(**members: object) -> dict[str, Any]:
    return {"type": 4, "data": {"content": "x"} | members}


def hook(sim: DiscordSim, payload: dict[str, Any], rest: str = "") -> str:
    return f"{sim.api_url}/webhooks/{sim.application_id}/{payload['token']}{rest}"


ORIGINAL = "/messages/@original"
COMMON = {"id", "application_id", "type", "token", "version", "entitlements", "authorizing_integration_owners"}
COMMON |= {"app_permissions", "attachment_size_limit"}
PLACED = COMMON | {"data", "channel", "channel_id", "locale", "context"}
IN_GUILD = PLACED | {"guild", "guild_id", "guild_locale", "member"}


def test_a_command_has_every_member_that_is_documented(sim: DiscordSim, bot: Bot) -> None:
    says(bot, message(content="Grüße", flags=64))
    exchange = sim.command(bot.url, "events", {"limit": 3, "topic": "ä", "all": True}, user={"id": "5"}, locale="de")
    assert (exchange.status, exchange.faults, exchange.late) == (200, [], False)
    assert 0 < exchange.took < 3
    payload = json.loads(bot.sent[0][1])
    assert payload.keys() == IN_GUILD
    assert (payload["type"], payload["version"], payload["locale"], payload["context"]) == (2, 1, "de", 0)
    assert (payload["application_id"], payload["guild_id"]) == (sim.application_id, sim.guild_id)
    assert payload["member"]["user"]["id"] == "5"
    assert [(option["name"], option["type"], option["value"]) for option in payload["data"]["options"]] == [
        ("limit", 4, 3),
        ("topic", 3, "ä"),
        ("all", 5, True),
    ]
    assert [(message_["content"], message_["flags"]) for message_ in exchange.messages] == [("Grüße", 64)]


def test_a_direct_message_has_a_user_and_no_guild(sim: DiscordSim, bot: Bot) -> None:
    says(bot, message())
    sim.command(bot.url, "events", guild=False)
    payload = json.loads(bot.sent[0][1])
    assert payload.keys() == PLACED | {"user"}
    assert (payload["user"]["id"], payload["context"]) == (sim.user_id, 1)
    assert "options" not in payload["data"]


def test_a_ping_is_answered_with_a_pong(sim: DiscordSim, bot: Bot) -> None:
    assert sim.ping(bot.url).faults == []
    assert json.loads(bot.sent[0][1]).keys() == COMMON | {"user"}
    says(bot, message())
    assert sim.ping(bot.url).faults == ["type: BASE_TYPE_CHOICES: Value must be one of (1)."]


def test_options_are_sent_as_they_are_registered(sim: DiscordSim, bot: Bot) -> None:
    number = {"type": 10, "name": "n", "description": "d"}
    add = {"type": 1, "name": "add", "description": "d", "options": [number]}
    path = f"{sim.api_url}/applications/{sim.application_id}/guilds/{sim.guild_id}/commands"
    command = {"name": "list", "description": "d", "options": [add]}
    answer = ask("POST", path, command, {"Authorization": f"Bot {sim.bot_token}"}).body
    says(bot, message())
    data = sim.command(bot.url, "list", {"add": {"n": 3}}).payload["data"]
    assert data == {
        "id": answer["id"],
        "name": "list",
        "type": 1,
        "guild_id": sim.guild_id,
        "options": [{"name": "add", "type": 1, "options": [{"name": "n", "type": 10, "value": 3}]}],
    }
    group = sim.command(bot.url, "other", {"group": {"sub": {"a": "b"}}}).payload["data"]["options"][0]
    assert (group["type"], group["options"][0]["type"]) == (2, 1)


def test_signatures_are_those_that_discords_own_package_accepts(sim: DiscordSim, bot: Bot) -> None:
    sim.command(bot.url, "größe", {"x": "日本語 🐢"})
    sim.command(bot.url, "other", {"x": "y"})
    cases = [
        {"body": body.hex(), "signature": headers["X-Signature-Ed25519"], "at": headers["X-Signature-Timestamp"]}
        for headers, body in bot.sent
    ]
    cases.append(cases[0] | {"at": str(int(cases[0]["at"]) + 1)})
    cases.append(cases[0] | {"body": cases[0]["body"] + "20"})
    cases.append(cases[0] | {"signature": cases[1]["signature"]})
    script = """
      const {verifyKey} = require('discord-interactions');
      const {key, cases} = JSON.parse(require('fs').readFileSync(0));
      Promise.all(cases.map(one => verifyKey(Buffer.from(one.body, 'hex'), one.signature, one.at, key)))
        .then(found => console.log(JSON.stringify(found)));
    """
    document = json.dumps({"key": sim.public_key, "cases": cases})
    done = subprocess.run([node(), "-e", script], input=document, capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout) == [True, True, False, False, False]
    assert abs(int(cases[0]["at"]) - time.time()) < 10


def test_a_signature_can_be_wrong_in_each_way(sim: DiscordSim, bot: Bot) -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    payload = {"type": 1, "text": "ä"}
    sim.send(bot.url, payload, timestamp="12")
    sim.send(bot.url, payload, timestamp="12", key=other)
    sim.send(bot.url, b'{ "type": 1 }', timestamp="12", mangle=lambda headers, body: (headers | {"X-More": "1"}, body))
    (right, body), (wrong, _), (more, raw) = bot.sent
    assert body == '{"type":1,"text":"ä"}'.encode()
    assert right["X-Signature-Ed25519"] == sim.sign("12", body) == sim.sign("12", body)
    assert wrong["X-Signature-Ed25519"] == other.sign(b"12" + body).hex()
    assert (raw, more["X-More"], more["X-Signature-Timestamp"]) == (b'{ "type": 1 }', "1", "12")


def test_an_address_is_taken_only_if_it_refuses_wrong_signatures(sim: DiscordSim, bot: Bot) -> None:
    names = ("a wrong signature", "no signature", "a changed body")
    assert sim.verify(bot.url) == [f"{name}: status 200, not 401" for name in names]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ((200, "application/json; charset=utf-8", b'{"type":1}'), None),
        ((204, "application/json", b""), "status 204, not 200"),
        ((401, "text/plain", b"no"), "status 401, not 200"),
        ((200, "text/plain", b'{"type":1}'), "content-type 'text/plain', not application/json"),
        ((200, "application/json", b"type"), "body: MODEL_TYPE_CONVERT: Only dictionaries may be used in a ModelType"),
        ((200, "application/json", b"{}"), "type: BASE_TYPE_REQUIRED: This field is required"),
    ],
)
def test_the_form_of_an_answer_is_checked(sim: DiscordSim, bot: Bot, answer: object, fault: str | None) -> None:
    says(bot, answer)
    assert sim.ping(bot.url).faults == ([fault] if fault else [])


BUTTON = {"type": 2, "style": 1, "label": "L", "custom_id": "b"}
LINK = {"type": 2, "style": 5, "label": "L", "url": "https://a.example/"}
OPTION = {"label": "l", "value": "v"}
SELECT = {"type": 3, "custom_id": "s", "options": [OPTION]}
INPUT = {"type": 4, "custom_id": "i", "style": 1, "label": "l"}


def row(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": [*parts]}


def message_of(*parts: dict[str, Any]) -> dict[str, Any]:
    return message(components=[row(*parts)])


def modal(*rows: dict[str, Any], **members: object) -> dict[str, Any]:
    return {"type": 9, "data": {"custom_id": "m", "title": "t", "components": [*rows]} | members}


def many(part: dict[str, Any], count: int) -> list[dict[str, Any]]:
    return [part | {"custom_id": f"{part['custom_id']}{number}"} for number in range(count)]


VALUES = [{"label": "l", "value": f"{number}"} for number in range(26)]
LABEL = {"type": 18, "label": "l", "component": {"type": 4, "custom_id": "i", "style": 2}}


@pytest.mark.parametrize(
    "answer",
    [
        message(content="x" * 2000, flags=64 | 4, embeds=[{"title": "t"}]),
        message(content="🐢" * 2000),
        message_of(*many(BUTTON, 5)),
        message_of(LINK, BUTTON | {"label": "l" * 80, "custom_id": "c" * 100}),
        message_of(BUTTON | {"label": None, "emoji": {"name": "🐢"}}),
        message_of(SELECT | {"options": VALUES[:25], "min_values": 0, "max_values": 25, "placeholder": "p" * 150}),
        message(components=[row(part) for part in many(BUTTON, 5)]),
        message(content=None, flags=V2, components=[{"type": 10, "content": "t"}, row(BUTTON)]),
        {"type": 5},
        {"type": 5, "data": {"flags": 64}},
        modal(*[row(part) for part in many(INPUT | {"label": "l" * 45, "max_length": 4000}, 5)], title="t" * 45),
        modal(LABEL),
    ],
)
def test_an_answer_within_the_limits_has_no_faults(sim: DiscordSim, bot: Bot, answer: dict[str, Any]) -> None:
    says(bot, answer)
    assert sim.command(bot.url, "c").faults == []


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"type": 6}, "type: BASE_TYPE_CHOICES"),
        ({"type": 7, "data": {"content": "x"}}, "type: BASE_TYPE_CHOICES"),
        ({"type": 8, "data": {"choices": []}}, "type: BASE_TYPE_CHOICES"),
        ({"type": "4"}, "type: BASE_TYPE_CHOICES"),
        ({"type": 4}, "data: 50006"),
        ({"type": 4, "data": []}, "data: MODEL_TYPE_CONVERT"),
        (message(content=""), "data: 50006"),
        (message(content="x" * 2001), "data.content: BASE_TYPE_MAX_LENGTH"),
        (message(embeds=[{"title": "t" * 257}]), "data.embeds.0.title: BASE_TYPE_MAX_LENGTH"),
        (message(flags=128), "data.flags: BASE_TYPE_CHOICES"),
        ({"type": 5, "data": {"flags": 64 | 4}}, "data.flags: BASE_TYPE_CHOICES"),
        ({"type": 5, "data": {"content": "x"}}, "data.content: DEFERRED_CARRIES_NOTHING"),
        (message(components=[row(part) for part in many(BUTTON, 6)]), "data.components: BASE_TYPE_MAX_LENGTH"),
        (message(components=[BUTTON]), "data.components.0.type: UNION_TYPE_CHOICES"),
        (message_of(), "data.components.0.components: BASE_TYPE_BAD_LENGTH"),
        (message_of(*many(BUTTON, 6)), "data.components.0.components: BASE_TYPE_BAD_LENGTH"),
        (message_of(BUTTON, SELECT), "data.components.0.components: COMPONENT_LAYOUT_WIDTH_EXCEEDED"),
        (message_of(INPUT), "data.components.0.components.0.type: UNION_TYPE_CHOICES"),
        (message_of(BUTTON, BUTTON), "data.components.0.components.1.custom_id: COMPONENT_CUSTOM_ID_DUPLICATED"),
        (message_of(BUTTON | {"label": "l" * 81}), "data.components.0.components.0.label: BASE_TYPE_MAX_LENGTH"),
        (message_of(BUTTON | {"label": ""}), "data.components.0.components.0.label: BASE_TYPE_REQUIRED"),
        (
            message_of(BUTTON | {"custom_id": "c" * 101}),
            "data.components.0.components.0.custom_id: BASE_TYPE_BAD_LENGTH",
        ),
        (message_of(BUTTON | {"custom_id": None}), "data.components.0.components.0.custom_id: BASE_TYPE_REQUIRED"),
        (message_of(BUTTON | {"style": 7}), "data.components.0.components.0.style: BASE_TYPE_CHOICES"),
        (
            message_of(BUTTON | {"url": "https://a.example/"}),
            "data.components.0.components.0.url: BUTTON_COMPONENT_INVALID_MEMBER",
        ),
        (message_of(LINK | {"url": None}), "data.components.0.components.0.url: BASE_TYPE_REQUIRED"),
        (message_of(LINK | {"url": "steam://x"}), "data.components.0.components.0.url: URL_TYPE_INVALID_SCHEME"),
        (
            message_of(LINK | {"custom_id": "c"}),
            "data.components.0.components.0.custom_id: BUTTON_COMPONENT_INVALID_MEMBER",
        ),
        (message_of(SELECT | {"options": []}), "data.components.0.components.0.options: BASE_TYPE_BAD_LENGTH"),
        (message_of(SELECT | {"options": VALUES}), "data.components.0.components.0.options: BASE_TYPE_BAD_LENGTH"),
        (
            message_of(SELECT | {"options": [OPTION] * 2}),
            "data.components.0.components.0.options: SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
        ),
        (
            message_of(SELECT | {"max_values": 2}),
            "data.components.0.components.0.max_values: SELECT_COMPONENT_MAX_VALUES_EXCEEDS_OPTIONS",
        ),
        (
            message_of(SELECT | {"options": [OPTION | {"label": "l" * 101}]}),
            "data.components.0.components.0.options.0.label: BASE_TYPE_BAD_LENGTH",
        ),
        (modal(row(INPUT), title="t" * 46), "data.title: BASE_TYPE_BAD_LENGTH"),
        (modal(row(INPUT), custom_id=""), "data.custom_id: BASE_TYPE_BAD_LENGTH"),
        (modal(), "data.components: BASE_TYPE_BAD_LENGTH"),
        (modal(*[row(part) for part in many(INPUT, 6)]), "data.components: BASE_TYPE_BAD_LENGTH"),
        (modal(row(INPUT, INPUT)), "data.components.0.components: BASE_TYPE_BAD_LENGTH"),
        (modal(row(BUTTON)), "data.components.0.components.0.type: UNION_TYPE_CHOICES"),
        (modal(row(INPUT | {"label": "l" * 46})), "data.components.0.components.0.label: BASE_TYPE_BAD_LENGTH"),
        (modal(row(INPUT | {"style": 3})), "data.components.0.components.0.style: BASE_TYPE_CHOICES"),
        (
            modal(row(INPUT | {"min_length": 5, "max_length": 4})),
            "data.components.0.components.0.min_length: TEXT_INPUT_COMPONENT_MIN_LENGTH_TOO_LARGE",
        ),
        (modal(row(INPUT), row(INPUT)), "data.components.1.components.0.custom_id: COMPONENT_CUSTOM_ID_DUPLICATED"),
        (modal(LABEL | {"label": ""}), "data.components.0.label: BASE_TYPE_BAD_LENGTH"),
    ],
)
def test_an_answer_beyond_a_limit_has_a_fault(sim: DiscordSim, bot: Bot, answer: object, fault: str) -> None:
    says(bot, answer)
    exchange = sim.command(bot.url, "c")
    assert exchange.faults[0].startswith(fault + ":")
    assert exchange.messages == []
    assert ask("POST", hook(sim, dict(exchange.payload)), {"content": "x"}).body["code"] == 10015


@pytest.mark.parametrize(
    ("choices", "fault"),
    [
        ([{"name": "n" * 100, "value": "v" * 100}] * 25, None),
        ([], None),
        ([{"name": "n", "value": "v"}] * 26, "data.choices: BASE_TYPE_MAX_LENGTH"),
        ([{"name": "n" * 101, "value": "v"}], "data.choices.0.name: BASE_TYPE_BAD_LENGTH"),
        ([{"name": "", "value": "v"}], "data.choices.0.name: BASE_TYPE_BAD_LENGTH"),
        ([{"name": "n", "value": "v" * 101}], "data.choices.0.value: BASE_TYPE_MAX_LENGTH"),
        ([{"name": "n", "value": 3}], "data.choices.0.value: BASE_TYPE_CHOICES"),
        ([{"name": "n"}], "data.choices.0.value: BASE_TYPE_REQUIRED"),
        (None, "data.choices: BASE_TYPE_REQUIRED"),
    ],
)
def test_completions_are_checked(sim: DiscordSim, bot: Bot, choices: object, fault: str | None) -> None:
    says(bot, {"type": 8, "data": {"choices": choices}})
    exchange = sim.autocomplete(bot.url, "find", {"topic": "py", "limit": 3}, focused="topic")
    assert exchange.payload["data"]["options"][0] == {"name": "topic", "type": 3, "value": "py", "focused": True}
    assert [text.partition(":")[0] + ":" + text.split(":")[1] for text in exchange.faults] == ([fault] if fault else [])
    assert ask("POST", hook(sim, dict(exchange.payload)), {"content": "x"}).body["code"] == 10015


def test_a_deferred_answer_is_edited_in_and_followed_up(sim: DiscordSim, bot: Bot) -> None:
    says(bot, {"type": 5, "data": {"flags": 64}})
    exchange = sim.command(bot.url, "slow")
    at = hook(sim, dict(exchange.payload))
    assert (exchange.deferred, exchange.wait(0.05), exchange.messages[0]["flags"]) == (True, False, 64 | 128)
    timer = threading.Timer(0.1, lambda: ask("PATCH", at + ORIGINAL, {"content": "dönë", "flags": 0}))
    timer.start()
    assert exchange.wait(5) is True
    timer.join()
    assert [(message_["content"], message_["flags"]) for message_ in exchange.messages] == [("dönë", 64)]
    second = ask("POST", at.replace("/v10", ""), {"content": "more", "flags": 64})
    assert second.status == 200
    assert ask("PATCH", f"{at}/messages/{second.body['id']}", {"embeds": [{"title": "t"}]}).body["content"] == "more"
    assert ask("GET", at + ORIGINAL).body["content"] == "dönë"
    refused = ask("PATCH", at + ORIGINAL, {"content": "x" * 2001})
    assert refused.first_code() == "content BASE_TYPE_MAX_LENGTH"
    assert exchange.faults[0].startswith("edit of @original: 400 ")
    assert ask("POST", at, {}).body["code"] == 50006
    assert ask("DELETE", at + ORIGINAL).status == 204
    assert ask("GET", at + ORIGINAL).body == {"message": "Unknown Message", "code": 10008}
    assert ask("DELETE", f"{at}/messages/{second.body['id']}").status == 204
    assert exchange.messages == []


def test_the_first_follow_up_takes_the_place_of_a_deferred_answer(sim: DiscordSim, bot: Bot) -> None:
    says(bot, {"type": 5})
    exchange = sim.command(bot.url, "slow")
    message_id = exchange.messages[0]["id"]
    assert ask("POST", hook(sim, dict(exchange.payload)), {"content": "x"}).body["id"] == message_id
    ask("POST", hook(sim, dict(exchange.payload)), {"content": "y"})
    assert [message_["content"] for message_ in exchange.messages] == ["x", "y"]
    channel = f"{sim.api_url}/channels/{sim.general_id}/messages"
    seen = ask("GET", channel, headers={"Authorization": f"Bot {sim.bot_token}"}).body
    assert [message_["content"] for message_ in seen] == ["y", "x"]


def test_a_token_is_good_for_fifteen_minutes(sim: DiscordSim, bot: Bot) -> None:
    says(bot, message())
    at = hook(sim, dict(sim.command(bot.url, "c").payload))
    sim.pass_time(899)
    assert ask("POST", at, {"content": "x"}).status == 200
    sim.pass_time(2)
    got = ask("POST", at, {"content": "x"})
    assert (got.status, got.body) == (401, {"message": "Invalid Webhook Token", "code": 50027})
    assert ask("POST", hook(sim, {"token": "unknown"}), {"content": "x"}).body["code"] == 10015


def test_there_is_no_original_before_the_answer(sim: DiscordSim, bot: Bot) -> None:
    codes: list[tuple[int, int]] = []

    def hasty(payload: dict[str, Any]) -> object:
        for method, rest in (("PATCH", ORIGINAL), ("GET", ORIGINAL), ("POST", "")):
            got = ask(method, hook(sim, payload, rest), {"content": "x"} if method != "GET" else None)
            codes.append((got.status, got.body["code"]))
        return message()

    bot.answer = hasty
    assert sim.command(bot.url, "c").faults == []
    assert codes == [(404, 10008), (404, 10008), (404, 10015)]


def test_a_late_answer_is_dropped(bot: Bot) -> None:
    done = threading.Event()

    def slow(_payload: dict[str, Any]) -> object:
        done.wait(10)
        return message()

    bot.answer = slow
    with DiscordSim(deadline=0.3) as sim:
        exchange = sim.command(bot.url, "c")
        assert (exchange.late, exchange.status, exchange.answer, exchange.faults) == (
            True,
            None,
            None,
            ["no answer within 0.3 s"],
        )
        assert exchange.took >= 0.3
        done.set()
        assert ask("PATCH", hook(sim, dict(exchange.payload), ORIGINAL), {"content": "x"}).body["code"] == 10015
    assert DiscordSim().deadline == 3


def test_a_bot_that_is_not_there_is_a_fault(sim: DiscordSim) -> None:
    exchange = sim.ping("http://127.0.0.1:1/")
    assert (exchange.status, exchange.late, exchange.faults[0][:10]) == (None, False, "no answer:")


def test_an_answer_can_come_by_a_callback(sim: DiscordSim, bot: Bot) -> None:
    got = []

    def called(payload: dict[str, Any]) -> object:
        at = f"{sim.api_url}/interactions/{payload['id']}/{payload['token']}/callback"
        got.append(ask("POST", at + "x", message()))
        got.append(ask("POST", at, message(content="x" * 2001)))
        got.append(ask("POST", at + "?with_response=true", message(content="by callback")))
        got.append(ask("POST", at, message()))
        return 202, "text/plain", b""

    bot.answer = called
    exchange = sim.command(bot.url, "c")
    assert [answer.status for answer in got] == [404, 400, 200, 400]
    assert got[1].first_code() == "data.content BASE_TYPE_MAX_LENGTH"
    assert got[2].body["resource"]["message"]["content"] == "by callback"
    assert got[3].body["code"] == 40060
    assert [message_["content"] for message_ in exchange.messages] == ["by callback"]
    assert exchange.status == 202
    late = ask("POST", f"{sim.api_url}/interactions/{exchange.id}/x/callback", message())
    assert (late.status, late.body) == (404, {"message": "Unknown interaction", "code": 10062})


def test_a_button_updates_the_message_that_shows_it(sim: DiscordSim, bot: Bot) -> None:
    says(bot, message(content="first", components=[row(BUTTON), row(SELECT)]))
    first = sim.command(bot.url, "c").messages[0]
    says(bot, {"type": 7, "data": {"content": "second"}})
    pressed = sim.press(bot.url, "b")
    assert pressed.payload.keys() == IN_GUILD | {"message"}
    assert (pressed.payload["message"]["id"], pressed.payload["data"]["component_type"]) == (first["id"], 2)
    assert [message_["content"] for message_ in pressed.messages] == ["second"]
    says(bot, {"type": 6})
    chosen = sim.choose(bot.url, "s", ["v"])
    data = {"id": 2, "custom_id": "s", "component_type": 3, "values": ["v"]}
    assert (chosen.payload["data"], chosen.deferred) == (data, True)
    assert chosen.payload["message"]["content"] == "second"
    ask("PATCH", hook(sim, dict(chosen.payload), ORIGINAL), {"content": "third", "components": []})
    assert chosen.settled
    says(bot, message())
    made_up = sim.press(bot.url, "b")
    assert made_up.payload["message"]["components"][0]["components"][0]["custom_id"] == "b"


@pytest.mark.parametrize("part", [row(INPUT), LABEL])
def test_a_modal_is_filled_in_as_it_was_laid_out(sim: DiscordSim, bot: Bot, part: dict[str, Any]) -> None:
    says(bot, modal(part))
    assert sim.command(bot.url, "form").faults == []
    says(bot, message())
    exchange = sim.submit(bot.url, "m", {"i": "Grüße"})
    assert (exchange.payload["type"], exchange.payload["data"]["custom_id"], exchange.faults) == (5, "m", [])
    (sent,) = exchange.payload["data"]["components"]
    inner = sent["component"] if part["type"] == 18 else sent["components"][0]
    assert (sent["type"], inner) == (part["type"], {"id": 2, "custom_id": "i", "type": 4, "value": "Grüße"})
    says(bot, modal(part))
    assert sim.submit(bot.url, "m", {"i": "x"}).faults[0].startswith("type: BASE_TYPE_CHOICES")
    says(bot, {"type": 7, "data": {"content": "x"}})
    assert sim.submit(bot.url, "m", {"i": "x"}).faults[0].startswith("type: BASE_TYPE_CHOICES")


def test_a_modal_of_a_message_may_update_it(sim: DiscordSim, bot: Bot) -> None:
    says(bot, message_of(BUTTON))
    sim.command(bot.url, "c")
    says(bot, modal(row(INPUT)))
    assert sim.press(bot.url, "b").faults == []
    says(bot, {"type": 7, "data": {"content": "updated"}})
    assert [message_["content"] for message_ in sim.submit(bot.url, "m", {"i": "x"}).messages] == ["updated"]


@pytest.mark.parametrize(
    "body",
    [
        {"type": "command", "name": "c", "options": {"a": 1}},
        {"type": "press", "custom_id": "b"},
        {"type": "choose", "custom_id": "b", "values": ["v"]},
        {"type": "submit", "custom_id": "b", "fields": {"i": "x"}, "user": {"id": "5"}, "guild": False},
    ],
)
def test_interactions_can_be_had_with_curl(sim: DiscordSim, bot: Bot, body: dict[str, Any]) -> None:
    def deferred(payload: dict[str, Any]) -> object:
        edit = ask, ("PATCH", hook(sim, payload, ORIGINAL), {"content": "later"})
        threading.Timer(0.2, *edit).start()
        return {"type": 5}

    bot.answer = deferred
    got = ask("POST", f"{sim.url}/_sim/interactions", body | {"url": bot.url}).body
    assert (got["status"], got["faults"], got["answer"]) == (200, [], {"type": 5})
    assert [message_["content"] for message_ in got["messages"]] == ["later"]
    assert got["took_s"] < 3
    assert ask("GET", f"{sim.url}/_sim/messages").body["interactions"][got["id"]] == got["messages"]


def test_an_interaction_by_curl_names_missing_members(sim: DiscordSim, bot: Bot) -> None:
    url = f"{sim.url}/_sim/interactions"
    assert ask("POST", url, {"type": "ping"}).body["message"].startswith("url is needed")
    assert ask("POST", url, {"type": "command", "url": bot.url}).body == {"message": "name is missing or unknown"}
    assert ask("POST", url, {"type": "dance", "url": bot.url}).status == 400
    sim.interactions_url = bot.url
    assert ask("POST", url, {"type": "ping"}).body["answer"] == {"type": 1}
    sim.interactions_url = None
