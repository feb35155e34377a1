"""Discord: messages within its limits, respected rate limits, and webhooks' addresses that are never shown."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.edge.conftest import Lines
from tests.edge.parts.conftest import Origin, Reply, SetClock, fetching

from edge.access import PUBLIC
from edge.clients.discord import (
    ATTEMPTS,
    LONGEST_WAIT,
    PAUSE,
    UNSEEN,
    WEBHOOK,
    Discord,
    DiscordBusy,
    DiscordRefused,
    DiscordSettings,
    Embed,
    WebhookMissing,
    Webhooks,
    clipped,
    listed,
    message,
)
from edge.clients.upstream import UpstreamFailed, UpstreamRefused, UpstreamTimeout, UpstreamUnreached
from edge.errors import Problem
from edge.routes import Routes
from edge.runtimes.local.key_value import LocalKeyValue
from edge.settings import Secret
from edge.testing import Client
from sims.discord import Bucket, DiscordSim

EMOJI = "🐢"
WIDE = "🏳️‍🌈"


class Chat:
    """Discord's stand-in, and clients that post to it."""

    def __init__(self, sim: DiscordSim, clock: SetClock, folder: Path) -> None:
        self.sim = sim
        self.clock = clock
        self.kv = LocalKeyValue(folder / "discord.sqlite")
        self.url = sim.webhook_url("event")
        self.token = self.url.rpartition("/")[2]

    def run[T](self, work: Callable[[Discord, Webhooks], Coroutine[Any, Any, T]], api: str = "") -> T:
        """Return the result of work with a client."""

        async def inside() -> T:
            async with fetching() as fetch:
                settings = DiscordSettings({"DISCORD_API_URL": api or self.sim.api_url})
                discord = Discord(settings, fetch, self.clock)
                return await work(discord, Webhooks(discord, self.kv, self.clock))

        return asyncio.run(inside())

    def know(self, url: str, kind: str = "event") -> None:
        """Put an address into KV."""
        asyncio.run(self.kv.put(WEBHOOK + kind, url))

    def post(self, body: dict[str, Any] | None = None, kind: str = "event") -> str:
        """Post by the webhook that is in KV."""
        return self.run(lambda _, webhooks: webhooks.post(kind, message("hello") if body is None else body))

    def fault(self, body: dict[str, Any] | None = None) -> Problem:
        """Return the fault of a post, without the address in its text."""
        with pytest.raises(Problem) as caught:
            self.post(body)
        fault = caught.value
        report = (
            f"{fault!r} {fault} {fault.document('/x', 'r')} {fault.headers} {fault.__cause__!r} {fault.__context__!r}"
        )
        assert self.token not in report
        assert "webhooks/" not in report
        return fault

    def until(self) -> float | None:
        """Return the seconds that the next client has to wait."""
        pause = asyncio.run(self.kv.get(f"{PAUSE}event"))
        return None if pause is None else float(pause) - self.clock.now().timestamp()


@pytest.fixture(scope="module")
def one_sim() -> Iterator[DiscordSim]:
    with DiscordSim(limit=Bucket(10_000, 1.0)) as sim:
        yield sim


@pytest.fixture
def chat(one_sim: DiscordSim, clock: SetClock, tmp_path: Path) -> Iterator[Chat]:
    one_sim.reset()
    chat_ = Chat(one_sim, clock, tmp_path)
    chat_.know(chat_.url)
    yield chat_
    chat_.kv.close()


# -- messages -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("", 0, ""),
        ("", 5, ""),
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("abc", -1, ""),
        (EMOJI * 3, 3, EMOJI * 3),
        (EMOJI * 4, 3, EMOJI * 2 + "…"),
        ("é" * 9, 4, "ééé…"),
    ],
)
def test_a_text_is_cut_by_its_characters(text: str, limit: int, expected: str) -> None:
    assert clipped(text, limit) == expected


def size_of(body: dict[str, Any]) -> int:
    return sum(
        len(text)
        for embed in body.get("embeds", [])
        for text in (
            embed.get("title", ""),
            embed.get("description", ""),
            embed.get("footer", {}).get("text", ""),
            *(text for field in embed.get("fields", []) for text in field.values()),
        )
    )


LIMITS: dict[str, Embed] = {
    "title": Embed("t" * 256),
    "title and one": Embed("t" * 257),
    "title of emoji": Embed(EMOJI * 300),
    "description": Embed("t", "d" * 4096),
    "description and one": Embed("t", "d" * 4097),
    "description of emoji": Embed("t", EMOJI * 5000),
    "description alone": Embed("", "d"),
    "footer": Embed("t", footer="f" * 2048),
    "footer and one": Embed("t", footer="f" * 2049),
    "footer alone": Embed("", footer="f"),
    "25 fields": Embed("t", fields=[("n", "v")] * 25),
    "30 fields": Embed("t", fields=[("n", "v")] * 30),
    "fields alone": Embed("", fields=[("n", "v")]),
    "long names": Embed("t", fields=[("n" * 257, "v")] * 3),
    "long values": Embed("t", fields=[("n", "v" * 1025)] * 3),
    "empty names and values": Embed("t", fields=[("", "v"), ("n", ""), (" ", "v"), ("n", "\n"), ("n", "v")]),
    "6,000 in fields": Embed("t", fields=[("n" * 256, "v" * 1024)] * 25),
    "6,000 in all": Embed("t" * 300, "d" * 5000, footer="f" * 3000, fields=[("n" * 300, "v" * 2000)] * 30),
    "6,000 emoji": Embed(EMOJI * 300, WIDE * 5000, footer=EMOJI * 3000, fields=[(EMOJI * 300, WIDE * 999)] * 30),
    "blanks around": Embed(" t ", "\n d \n", footer=" f ", fields=[(" n ", " v ")]),
    "blanks that are cut at": Embed("t " * 200, "d\n" * 3000),
    "colours": Embed("t", colour=0),
    "white": Embed("t", colour=0xFFFFFF),
    "link": Embed("t", url="https://site.example/a?b=c#d"),
    "other scripts": Embed("Größe żółw 日本語", "\u200f\u05e9\u05dc\u200f \u0000 \u200b", fields=[("ключ", "値")]),
}


@pytest.mark.parametrize("embed", LIMITS.values(), ids=LIMITS)
def test_discord_takes_every_card(chat: Chat, embed: Embed) -> None:
    assert chat.post(message("", [embed]))
    [body] = chat.sim.posted("event")
    assert len(body["embeds"]) == 1
    assert size_of(body) <= 6000


def test_a_card_keeps_all_that_there_is_room_for() -> None:
    whole = LIMITS["6,000 emoji"].document()
    assert (len(whole["title"]), len(whole["footer"]["text"])) == (256, 2048)
    assert size_of({"embeds": [whole]}) >= 5990
    exact = Embed("t" * 256, "d" * 4096, footer="f" * 1000).document()
    assert (len(exact["title"]), len(exact["description"]), len(exact["footer"]["text"])) == (256, 4096, 1000)
    assert "…" not in f"{exact}"
    assert [field["value"] for field in LIMITS["empty names and values"].document()["fields"]] == ["v"]
    assert len(LIMITS["30 fields"].document()["fields"]) == 25


def test_a_card_holds_the_given_texts(chat: Chat) -> None:
    at = chat.clock.now()
    embed = Embed("T", "D", "https://site.example", [("N", "V")], 0x123456, "F", at)
    assert embed.document() == {
        "title": "T",
        "description": "D",
        "url": "https://site.example",
        "color": 0x123456,
        "footer": {"text": "F"},
        "fields": [{"name": "N", "value": "V"}],
        "timestamp": "2026-11-21T12:00:00+00:00",
    }
    assert chat.post(message("C", [embed]))


MANY: dict[str, tuple[list[Embed], int]] = {
    "10": ([Embed("t")] * 10, 10),
    "12": ([Embed("t")] * 12, 10),
    "12 that are long": ([Embed("t" * 256, "d" * 4096)] * 12, 2),
    "two of 4,000": ([Embed("a", "d" * 4000), Embed("b", "d" * 4000)], 2),
    "one that takes all": ([Embed("t" * 256, "d" * 4096, footer="f" * 2048), Embed("next", "d")], 1),
    "one that says nothing": ([Embed("", " "), Embed("next")], 1),
    "ten that say nothing": ([Embed("", url="https://site.example")] * 10 + [Embed("last")], 1),
    "only fields that are empty": ([Embed("", fields=[("n", "")])], 0),
}


@pytest.mark.parametrize(("embeds", "count"), MANY.values(), ids=MANY)
def test_discord_takes_every_number_of_cards(chat: Chat, embeds: list[Embed], count: int) -> None:
    body = message("hello", embeds)
    assert chat.post(body)
    assert len(body.get("embeds", [])) == count
    assert size_of(body) <= 6000


@pytest.mark.parametrize("content", ["c", "c" * 2000, "c" * 2001, EMOJI * 3000, " \n c"])
def test_discord_takes_every_text(chat: Chat, content: str) -> None:
    assert chat.post(message(content))
    assert len(chat.sim.posted("event")[0]["content"]) == min(len(content), 2000)


def test_only_the_named_users_are_mentioned(chat: Chat) -> None:
    assert message("@everyone <@1>")["allowed_mentions"] == {"parse": []}
    users = [str(1170000000000000000 + n) for n in range(150)]
    body = message("hello", mentions=[*users[:5], *users])
    assert body["allowed_mentions"] == {"parse": [], "users": users[:100]}
    assert chat.post(body)


# -- requests ------------------------------------------------------------------------------
def test_requests_to_discord_have_a_user_agent(chat: Chat) -> None:
    chat.post()
    chat.run(
        lambda discord, _: discord.read(f"/guilds/{chat.sim.guild_id}/scheduled-events", Secret(chat.sim.bot_token))
    )
    agents = [seen.headers["user-agent"] for seen in chat.sim.requests]
    assert len(agents) == 2
    assert all(agent.startswith("DiscordBot (https://") and agent.endswith(")") for agent in agents)
    assert chat.sim.requests[0].headers["content-type"] == "application/json"


def test_a_bot_reads_and_a_request_without_a_token_is_refused(chat: Chat) -> None:
    path = f"/guilds/{chat.sim.guild_id}/scheduled-events"
    assert len(chat.run(lambda discord, _: discord.read(path, Secret(chat.sim.bot_token)))) > 1
    with pytest.raises(UpstreamRefused) as caught:
        chat.run(lambda discord, _: discord.read(path, Secret("no.such.token")))
    assert "no.such.token" not in str(caught.value)
    chat.sim.fail(502, 2)
    assert chat.run(lambda discord, _: discord.read(path, Secret(chat.sim.bot_token)))


def test_a_post_returns_the_id_of_its_message(chat: Chat) -> None:
    assert chat.post() == chat.sim.messages["event"][0]["id"]
    assert chat.sim.requests[0].query == {"wait": "true"}
    assert chat.until() is None


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'"x"', b"<html>", b"null"])
def test_an_answer_without_an_id_is_a_post_all_the_same(chat: Chat, origin: Origin, body: bytes) -> None:
    chat.know(f"{origin.url}/webhooks/1/{chat.token}")
    origin.give(Reply(200, body))
    assert chat.post() == ""
    assert len(origin.came) == 1


# -- rate limits ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("wait", [0.0, 0.3, 2.0, LONGEST_WAIT])
def test_a_short_limit_is_waited_out(chat: Chat, wait: float) -> None:
    chat.sim.fail(429, 2, retry_after=wait)
    assert chat.post()
    assert chat.clock.slept == [wait, wait]
    assert len(chat.sim.requests) == 3


@pytest.mark.parametrize("path", ["/api", "/api/v6", "/api/v9", "/api/v10", "/api//v8", ""])
def test_webhook_of_any_version_is_posted_to_the_tenth(chat: Chat, path: str) -> None:
    chat.know(chat.url.replace("/api/webhooks/", f"{path}/webhooks/"))
    chat.sim.fail(429, 1, retry_after=1.32)
    assert chat.post()
    assert chat.clock.slept == [1.32], "an unversioned path tells milliseconds"
    assert {request.path.rpartition("/webhooks/")[0] for request in chat.sim.requests} == {"/api/v10"}


def test_path_that_is_not_discords_stays(chat: Chat, origin: Origin) -> None:
    chat.know(f"{origin.url}/relay/webhooks/1/{chat.token}")
    origin.give(Reply(200, b"{}"))
    chat.post()
    assert origin.came[0].target.startswith("/relay/webhooks/1/")


@pytest.mark.parametrize(
    ("configured", "used"),
    [
        ("https://discord.com/api", "https://discord.com/api/v10"),
        ("https://d.example/x", "https://d.example/x"),
        ("https://discord.com/api/v9/", "https://discord.com/api/v10"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9"),
    ],
)
def test_api_address_of_another_version_is_the_tenths(configured: str, used: str) -> None:
    assert DiscordSettings({"DISCORD_API_URL": configured}).discord_api_url == used


@pytest.mark.parametrize(
    ("lines", "limit", "more", "text"),
    [
        ([], 10, 0, ""),
        (["a", "b"], 10, 0, "a\nb"),
        (["a", "b"], 99, 3, "a\nb\n… and 3 more"),
        ([], 99, 2, "… and 2 more"),
        (["a" * 9, "b" * 9], 22, 1, "a" * 9 + "\n… and 2 more"),
        (["a" * 99], 20, 0, "… and 1 more"),
        (["a" * 9], 5, 0, ""),
    ],
)
def test_lines_that_do_not_fit_are_counted(lines: list[str], limit: int, more: int, text: str) -> None:
    assert listed(lines, limit, more=more) == text


def test_an_endless_rate_limit_is_reported(chat: Chat) -> None:
    chat.sim.fail(429, 10, retry_after=1)
    assert isinstance(chat.fault(), DiscordBusy)
    assert len(chat.sim.requests) == ATTEMPTS


@pytest.mark.parametrize(("wait", "seconds"), [(5.1, "6"), (64.57, "65"), (3600.0, "3600")])
def test_a_long_rate_limit_is_reported_and_kept_for_the_next_post(chat: Chat, wait: float, seconds: str) -> None:
    chat.sim.fail(429, 1, retry_after=wait)
    fault = chat.fault()
    assert isinstance(fault, DiscordBusy)
    assert (fault.status, chat.clock.slept) == (503, [])
    assert abs(int(dict(fault.headers)["retry-after"]) - int(seconds)) <= 1
    assert chat.until() == pytest.approx(wait, abs=0.01)
    again = chat.fault()
    assert isinstance(again, DiscordBusy)
    assert len(chat.sim.requests) == 1, "Discord counts what it refuses"
    chat.clock.pass_by(wait + 1)
    assert chat.post()


@pytest.mark.parametrize(
    ("body", "headers", "slept"),
    [
        (b'{"retry_after": 2.5}', {"retry-after": "4"}, 2.5),
        (b'{"retry_after": "1.5"}', {}, 1.5),
        (b"<html>", {"retry-after": "4"}, 4.0),
        (b'{"retry_after": null}', {"retry-after": "4"}, 4.0),
        (b'{"retry_after": []}', {"retry-after": "4"}, 4.0),
        (b"[]", {"retry-after": "4"}, 4.0),
        (b"", {}, 1.0),
        (b"", {"retry-after": "soon"}, 1.0),
        (b'{"retry_after": -3}', {}, 0.0),
        (b'{"retry_after": NaN}', {}, 0.0),
        (b'{"retry_after": Infinity}', {}, None),
        (b'{"retry_after": 1' + b"0" * 400 + b"}", {"retry-after": "4"}, 4.0),
        (b'{"retry_after": 1e300}', {}, None),
        (b"", {"retry-after": "inf"}, None),
    ],
)
def test_a_limit_is_read_in_every_form(
    chat: Chat, origin: Origin, body: bytes, headers: dict[str, str], slept: float | None
) -> None:
    chat.know(f"{origin.url}/webhooks/1/{chat.token}")
    origin.give(Reply(429, body, headers), Reply(200, b'{"id": "7"}'))
    if slept is None:
        assert isinstance(chat.fault(), DiscordBusy)
    else:
        assert (chat.post(), chat.clock.slept) == ("7", [slept])


def test_the_last_of_a_bucket_lets_the_next_wait(chat: Chat, origin: Origin) -> None:
    chat.know(f"{origin.url}/webhooks/1/{chat.token}")
    ended = {"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "1.25"}
    origin.give(Reply(200, b'{"id": "7"}', ended), Reply(200, b'{"id": "8"}'))
    assert chat.post() == "7"
    assert chat.until() == pytest.approx(1.25, abs=0.01)
    assert chat.clock.slept == []
    assert chat.post() == "8"
    assert chat.clock.slept == [pytest.approx(1.25, abs=0.01)]
    assert chat.post() == "8"
    assert len(chat.clock.slept) == 1


@pytest.mark.parametrize("after", ["", "soon", "nan", "inf", "-4", "1e999"])
def test_an_invalid_reset_breaks_no_post(chat: Chat, origin: Origin, after: str) -> None:
    chat.know(f"{origin.url}/webhooks/1/{chat.token}")
    origin.give(Reply(200, b'{"id": "7"}', {"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": after}))
    assert chat.post() == "7"
    assert 0 <= (chat.until() or 0.0) <= 86_400


def test_a_real_bucket_is_never_run_over(chat: Chat) -> None:
    class Together(SetClock):
        def pass_by(self, seconds: float) -> None:
            super().pass_by(seconds)
            chat.sim.pass_time(seconds)

    chat.clock = Together()
    chat.sim.limit = Bucket(2, 1.5)
    try:
        assert all(chat.post() for _ in range(7))
    finally:
        chat.sim.limit = Bucket(10_000, 1.0)
    assert [seen.status for seen in chat.sim.requests] == [200] * 7
    assert len(chat.clock.slept) == 3


@pytest.mark.parametrize("stored", [b"", b"soon", b"nan", b"\xff", b"-1", b"1e", b"{}"])
def test_an_invalid_pause_is_ignored(chat: Chat, stored: bytes) -> None:
    asyncio.run(chat.kv.put(f"{PAUSE}event", stored))
    assert chat.post()
    assert chat.clock.slept == []


def test_a_post_succeeds_though_its_pause_cannot_be_stored(chat: Chat, origin: Origin) -> None:
    chat.know(f"{origin.url}/webhooks/1/{chat.token}")
    chat.kv.connection.execute("CREATE TRIGGER full BEFORE INSERT ON pairs BEGIN SELECT RAISE(ABORT, 'full'); END")
    origin.give(Reply(200, b'{"id": "7"}', {"x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "1"}))
    assert chat.post() == "7"
    origin.give(Reply(429, b'{"retry_after": 100}'))
    assert isinstance(chat.fault(), DiscordBusy)


# -- faults ---------------------------------------------------------------------------------------------
def test_a_webhook_that_is_gone_is_missing(chat: Chat) -> None:
    chat.know(chat.url.replace("/webhooks/12", "/webhooks/13"))
    assert isinstance(chat.fault(), WebhookMissing)
    assert len(chat.sim.requests) == 1


BROKEN = [
    "",
    " ",
    "{t}",
    "https://",
    "discord.com/api/webhooks/1/{t}",
    "ftp://discord.com/api/webhooks/1/{t}",
    "https://discord.com/api/webhooks/1",
    "https://discord.com/api/webhooks/x/{t}",
    "https://u:{t}@host/webhooks/1/{t}",
    "https://discord.com/api/webhooks/1/{t}/slack",
    "https://discord.com/api/webhooks/1/{t}?wait=false",
    "https://discord.com/api/webhooks/1/{t}#x",
    "https://discord.com/api/webhooks/1/{t} x",
    "https://dis cord/webhooks/1/{t}",
    "https://discord.com/api/webhooks/\u0661/{t}",
    "https:///webhooks/1/{t}",
    "\0{t}",
    "javascript:{t}",
]


@pytest.mark.parametrize("url", BROKEN)
def test_an_invalid_address_counts_as_missing_and_is_not_shown(chat: Chat, url: str) -> None:
    chat.know(url.format(t=chat.token))
    assert isinstance(chat.fault(), WebhookMissing)
    assert chat.sim.requests == []


def test_bytes_that_are_no_text_are_no_address(chat: Chat) -> None:
    asyncio.run(chat.kv.put(f"{WEBHOOK}event", b"\xff\xfe" + chat.url.encode()))
    assert isinstance(chat.fault(), WebhookMissing)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/webhooks/1/{t}",
        "http://127.0.0.1:99999/webhooks/1/{t}",
        "http://[::1/webhooks/1/{t}",
        "http://..../webhooks/1/{t}",
    ],
)
def test_an_unreachable_address_is_not_shown(chat: Chat, url: str) -> None:
    chat.know(url.format(t=chat.token))
    assert isinstance(chat.fault(), UpstreamFailed)


def test_a_webhook_is_found_by_its_kind(chat: Chat) -> None:
    chat.post(kind="event")
    with pytest.raises(WebhookMissing, match="webhooks:contact"):
        chat.post(kind="contact")


def test_a_refusal_by_discord_is_reported_with_its_reason(chat: Chat) -> None:
    fault = chat.fault({"content": "c" * 2001})
    assert isinstance(fault, DiscordRefused)
    assert fault.detail == "Discord answered 400: 50035 Invalid Form Body"
    assert fault.extra == {"upstream": "Discord", "upstream_status": 400}
    chat.know(chat.url[:-3] + "abc")
    fault = chat.fault()
    assert (type(fault), fault.extra["upstream_status"]) == (DiscordRefused, 401)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_post_that_fails_is_not_repeated(chat: Chat, status: int) -> None:
    chat.sim.fail(status)
    fault = chat.fault()
    assert (type(fault), fault.extra["upstream_status"]) == (UpstreamFailed, status)
    assert len(chat.sim.requests) == 1


def test_a_post_that_breaks_off_is_not_repeated(chat: Chat) -> None:
    chat.sim.fail(reset=True)
    fault = chat.fault()
    assert type(fault) is UpstreamFailed
    assert "upstream_status" not in fault.extra
    assert len(chat.sim.requests) == 1


def test_a_request_that_never_reached_discord_is_distinguished(chat: Chat) -> None:
    chat.know(f"http://127.0.0.1:1/webhooks/1/{chat.token}")
    assert isinstance(chat.fault(), UpstreamUnreached)


def test_no_log_and_no_answer_shows_the_address(chat: Chat, log: Lines, serve: Callable[..., Client]) -> None:
    routes = Routes(tag="t", access=PUBLIC)

    @routes.get("/post")
    async def post() -> str:
        async with fetching() as fetch:
            discord = Discord(DiscordSettings({}), fetch, chat.clock)
            return await Webhooks(discord, chat.kv, chat.clock).post("event", message("hello"))

    client = serve(routes)
    for prepare, status in (
        (lambda: chat.sim.fail(reset=True), 502),
        (lambda: chat.sim.fail(500), 502),
        (lambda: chat.sim.fail(429, retry_after=100), 503),
        (lambda: chat.kv.connection.execute("DELETE FROM pairs WHERE name LIKE 'discord-pause%'"), 200),
        (lambda: chat.know("broken " + chat.url), 503),
        (lambda: chat.kv.connection.execute("DROP TABLE pairs"), 500),
    ):
        prepare()
        answer = asyncio.run(client.get("/post"))
        assert answer.status == status
        assert chat.token not in f"{answer.text} {answer.headers} {log.lines}"


# -- answers to interactions ----------------------------------------------------------------------------
class Slow:
    """Discord as it is for tokens of its own: an address below the origin."""

    def __init__(self, chat: Chat, origin: Origin) -> None:
        self.chat = chat
        self.origin = origin

    def follow_up(self) -> None:
        self.chat.run(lambda discord, _: discord.follow_up("1", "tok3n", message("hello")), self.origin.url)

    def add(self) -> None:
        self.chat.run(lambda discord, _: discord.add("1", "tok3n", message("hello")), self.origin.url)


@pytest.fixture
def slow(chat: Chat, origin: Origin) -> Slow:
    return Slow(chat, origin)


def test_a_follow_up_takes_the_place_of_the_answer(slow: Slow) -> None:
    slow.follow_up()
    [came] = slow.origin.came
    assert (came.method, came.target) == ("PATCH", "/webhooks/1/tok3n/messages/@original")
    slow.origin.give(Reply(200))
    slow.add()
    [came] = slow.origin.came
    assert (came.method, came.target) == ("POST", "/webhooks/1/tok3n")


@pytest.mark.parametrize("response", [Reply(502), Reply(503), Reply(0), Reply(404)])
def test_a_follow_up_is_retried_after_a_transient_failure(slow: Slow, response: Reply) -> None:
    slow.origin.give(response, Reply(200))
    slow.follow_up()
    assert len(slow.origin.came) == 2


def test_a_follow_up_to_nothing_ends(slow: Slow) -> None:
    slow.origin.give(Reply(404, b'{"code": 10015, "message": "Unknown Webhook"}'))
    with pytest.raises(DiscordRefused, match="404: 10015 Unknown Webhook") as caught:
        slow.follow_up()
    assert "tok3n" not in str(caught.value)
    assert len(slow.origin.came) == 1 + len(UNSEEN)
    assert slow.chat.clock.slept == [*UNSEEN]


@pytest.mark.parametrize("status", [500, 502, 404, 400])
def test_another_message_is_sent_once(slow: Slow, status: int) -> None:
    slow.origin.give(Reply(status))
    with pytest.raises(UpstreamFailed) as caught:
        slow.add()
    assert "tok3n" not in str(caught.value)
    assert len(slow.origin.came) == 1


def test_a_timeout_is_reported_and_not_retried(chat: Chat, origin: Origin) -> None:
    chat.know(f"{origin.url}/webhooks/1/{chat.token}")
    origin.give(Reply(delay=5))

    async def impatient(discord: Discord, webhooks: Webhooks) -> None:
        discord._upstream._patience = type(discord._upstream._patience)(3, 0.5, 1)  # to connect on a busy machine, too
        await webhooks.post("event", message("hello"))

    with pytest.raises(UpstreamTimeout) as caught:
        chat.run(impatient)
    assert chat.token not in f"{caught.value} {caught.value.extra}"
    assert len(origin.came) == 1


def test_a_pause_ends_by_itself(chat: Chat) -> None:
    chat.sim.fail(429, retry_after=30)
    chat.fault()
    chat.clock.at += timedelta(seconds=26)
    assert chat.post()
    assert chat.clock.slept == [pytest.approx(4, abs=0.01)]
