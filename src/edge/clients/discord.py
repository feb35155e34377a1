"""Discord's REST API, for the needs of more than one app: messages within its limits, webhooks, follow-ups, reads."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator
from pydantic_core import from_json, to_json

from edge.clients.upstream import Call, RetryPolicy, Upstream, UpstreamFailed, retry_after
from edge.errors import NotConfigured, Problem
from edge.ports import Clock, Fetch, Fetched, KeyValue, PortError
from edge.settings import BaseUrl, Secret, Settings

WEBHOOK = "webhooks:"
"""Prefix of the KV names of webhooks' URLs, by kind; each is a secret."""
PAUSE = "discord-pause:"
"""Prefix of the KV names for the end of Discord's rate limit of a kind, in Unix seconds."""
LONGEST_WAIT = 5.0
"""Longest rate limit that is waited out, in seconds; a longer one is reported to the caller."""
ATTEMPTS = 3
LINK = r"https?://[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+(:[0-9]{1,5})?([/?#][!-~]*)?"
"""The form of a card's link: Discord refuses a whole message for another one, such as one without a dot."""
AGENT = ("user-agent", "DiscordBot (https://github.com/discord/discord-api-docs, 10)")
"""Discord's front refuses callers without such a client name."""
UNSEEN = (0.3, 0.7, 1.5)
"""Seconds before a follow-up is sent again: Discord failed, or has perhaps not read the interaction's first answer."""

_EDITING = RetryPolicy(attempts=4, attempt=3.0, deadline=8.0)
_WEBHOOK_URL = re.compile(r"(https?://[^\s/?#@]+(?:/[^\s?#]*)?)(/webhooks/[0-9]+/[\w.-]+)", re.ASCII)
_ANY_API = re.compile(r"/+api(/+v[0-9]+)?/*$")
_TOTAL, _EMBEDS, _MENTIONED = 6_000, 10, 100
_JSON = (AGENT, ("content-type", "application/json"))


def versioned(base: str) -> str:
    """Return a base address of Discord's API with its version, as other versions tell waits in milliseconds.

    A host alone is one; another path, such as a proxy's, stays as it is.
    """
    is_host = base.count("/") == 2
    return f"{base}/api/v10" if is_host else _ANY_API.sub("/api/v10", base)


type ApiUrl = Annotated[BaseUrl, AfterValidator(lambda url: _ANY_API.sub("/api/v10", url))]


class DiscordSettings(Settings):
    """Discord's address; another one is for tests and for machines without an account."""

    discord_api_url: ApiUrl = "https://discord.com/api/v10"


class DiscordBusy(Problem):
    """Discord accepts no more for now."""

    title = "Discord's rate limit is reached"
    status = 503

    def __init__(self, wait: float) -> None:
        self.wait = wait
        seconds = max(1, round(wait + 0.5))
        super().__init__(headers=[("retry-after", str(seconds))], retry_after=seconds)


class DiscordRefused(UpstreamFailed):
    """Discord refused the request."""

    title = "Discord refused the request"


class WebhookMissing(NotConfigured):
    """No webhook is configured."""

    title = "No webhook is configured"

    def __init__(self, kind: str) -> None:
        super().__init__(f"{WEBHOOK}{kind}", "is not in KV, is no webhook's URL, or Discord knows it no more")


class Embed(NamedTuple):
    """A card in a message; `fields` are pairs of name and value. A `url` that Discord would refuse is left out."""

    title: str
    description: str = ""
    url: str | None = None
    fields: Sequence[tuple[str, str]] = ()
    colour: int = 0x5865F2
    footer: str = ""
    timestamp: datetime | None = None

    def document(self, left: int = _TOTAL) -> dict[str, Any]:
        """Return it in Discord's form, each text cut to its limit, and all of them to `left` characters."""
        budget = _Budget(left)
        card: dict[str, Any] = {"title": budget.cut(self.title, 256), "color": self.colour}
        card["footer"] = {"text": footer} if (footer := budget.cut(self.footer, 2048)) else None
        card["url"] = self.url if self.url and len(self.url) <= 2048 and re.fullmatch(LINK, self.url) else None
        card["timestamp"] = self.timestamp.isoformat() if self.timestamp else None
        card["description"] = budget.cut(self.description, min(4096, budget.left // 2 if self.fields else 4096))
        pairs = [(budget.cut(name, 256), budget.cut(value, 1024)) for name, value in self.fields[:25]]
        card["fields"] = [{"name": name, "value": value} for name, value in pairs if name and value]
        return {key: value for key, value in card.items() if value or key == "color"}


class _Budget:
    """The characters that a message has left. Discord counts code points (discord-api-docs, issue 1315)."""

    def __init__(self, left: int) -> None:
        self.left = left

    def cut(self, text: str, limit: int) -> str:
        short = clipped(text.strip(), min(limit, self.left))
        self.left -= len(short)
        return short


def clipped(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters, with an ellipsis if it was cut."""
    if len(text) <= limit:
        return text
    return text[: limit - 1] + "…" if limit > 0 else ""


def listed(lines: Sequence[str], limit: int, separator: str = "\n", more: int = 0) -> str:
    """Return the lines that fit into a limit, and how many do not; `more` are left out already."""
    for count in range(len(lines), -1, -1):
        hidden = len(lines) - count + more
        text = separator.join([*lines[:count], *([f"… and {hidden} more"] if hidden else [])])
        if len(text) <= limit:
            return text
    return ""


def message(content: str = "", embeds: Sequence[Embed] = (), mentions: Sequence[str] = ()) -> dict[str, Any]:
    """Return a message in Discord's form. Only the users of `mentions` are notified, whoever is named in the text.

    Parts over a limit are left out: embeds after the tenth, those for whose text there is no room, users after 100.
    """
    cards: list[dict[str, Any]] = []
    left = _TOTAL
    for embed in embeds:
        card = embed.document(left)
        if (size := _texts(card)) and len(cards) < _EMBEDS:
            cards.append(card)
            left -= size
    users = [*dict.fromkeys(mentions)][:_MENTIONED]
    body: dict[str, Any] = {"allowed_mentions": {"parse": []} | ({"users": users} if users else {})}
    return body | ({"content": clipped(content, 2000)} if content else {}) | ({"embeds": cards} if cards else {})


class Discord:
    """Calls Discord. No call is repeated unless Discord asks for it."""

    def __init__(self, settings: DiscordSettings, fetch: Fetch, clock: Clock) -> None:
        self._url = settings.discord_api_url
        self._clock = clock
        self._upstream = Upstream("Discord", fetch, clock)
        self._editing = Upstream("Discord", fetch, clock, _EDITING)

    async def read(self, path: str, token: Secret) -> Any:
        """Return the API's answer for a path, as the bot of the token."""
        headers = (AGENT, ("authorization", f"Bot {token.get_secret_value()}"))
        return await self._upstream.json(Call("GET", self._url + path, headers))

    async def follow_up(self, application_id: str, token: str, body: Mapping[str, Any]) -> None:
        """Replace an interaction's deferred answer by a message; retry if that may help."""
        url = f"{self._url}/webhooks/{application_id}/{token}/messages/@original"
        fetched = await self.send("PATCH", url, body, is_safe=True)
        for pause in UNSEEN:
            if fetched.status not in {404, 500}:
                break
            await self._clock.sleep(pause)
            fetched = await self.send("PATCH", url, body, is_safe=True)
        _check(fetched)

    async def add(self, application_id: str, token: str, body: Mapping[str, Any]) -> None:
        """Send one more message in answer to an interaction."""
        _check(await self.send("POST", f"{self._url}/webhooks/{application_id}/{token}", body))

    async def send(self, method: str, url: str, body: Mapping[str, Any], *, is_safe: bool = False) -> Fetched:
        """Send a body and return the answer; wait for a short rate limit, else raise `DiscordBusy`.

        A call that is safe to repeat is retried within seconds if Discord fails.
        """
        call = Call(method, url, _JSON, to_json(body), is_safe=is_safe)
        upstream = self._editing if is_safe else self._upstream
        for attempt in range(1, ATTEMPTS + 1):
            fetched = await upstream.send(call)
            if fetched.status != 429:
                return fetched
            wait = _requested_wait(fetched, self._clock.now())
            if wait > LONGEST_WAIT or attempt == ATTEMPTS:
                raise DiscordBusy(wait)
            await self._clock.sleep(wait)
        raise AssertionError("the last attempt returns or raises")


class Webhooks:
    """Posts to the channels with webhooks in KV."""

    def __init__(self, discord: Discord, kv: KeyValue, clock: Clock) -> None:
        self._discord = discord
        self._kv = kv
        self._clock = clock

    async def post(self, kind: str, body: Mapping[str, Any]) -> str:
        """Post a message and return its id, empty if Discord does not report it.

        Errors: `WebhookMissing`, `DiscordBusy`, `DiscordRefused`, `UpstreamFailed`, and `UpstreamTimeout`. After the
        last, or without any answer (no `upstream_status`), it is unknown whether the message was posted.
        """
        url = (await self._kv.get(WEBHOOK + kind) or b"").decode(errors="replace").strip()
        match = _WEBHOOK_URL.fullmatch(url)
        if not match:  # a wrong URL would be told by the fault of whoever cannot read it
            raise WebhookMissing(kind)
        await self._wait(kind)
        try:
            fetched = await self._discord.send("POST", f"{versioned(match[1])}{match[2]}?wait=true", body)
        except DiscordBusy as busy:
            await self._pause(kind, busy.wait)
            raise
        if fetched.header("x-ratelimit-remaining") == "0":
            await self._pause(kind, _bounded(_number(fetched.header("x-ratelimit-reset-after"))))
        if fetched.status == 404:
            raise WebhookMissing(kind)
        _check(fetched)
        return _id_of(fetched)

    async def _wait(self, kind: str) -> None:
        wait = _bounded(_number(await self._kv.get(PAUSE + kind)) - self._clock.now().timestamp())
        if wait > LONGEST_WAIT:
            raise DiscordBusy(wait)
        if wait > 0:
            await self._clock.sleep(wait)

    async def _pause(self, kind: str, wait: float) -> None:
        """Store the end of a rate limit, for later posts from any process."""
        until = self._clock.now().timestamp() + wait
        with suppress(PortError):  # KV takes one write of a name a second; the post itself succeeded
            await self._kv.put(PAUSE + kind, f"{until:.3f}", ttl=max(60, int(wait) + 1))


def _check(fetched: Fetched) -> None:
    if 200 <= fetched.status < 300:
        return
    kind = DiscordRefused if 400 <= fetched.status < 500 else UpstreamFailed
    raise kind(
        f"Discord answered {fetched.status}{_error_text(fetched)}", upstream="Discord", upstream_status=fetched.status
    )


def _id_of(fetched: Fetched) -> str:
    try:
        return str(from_json(fetched.body)["id"])
    except (ValueError, LookupError, TypeError):
        return ""


def _error_text(fetched: Fetched) -> str:
    try:
        error = from_json(fetched.body)
        return f": {error['code']} {error['message']}"[:200]
    except (ValueError, LookupError, TypeError):
        return ""


def _requested_wait(fetched: Fetched, now: datetime) -> float:
    """Return the wait that a 429 asks for, in seconds; its body is more exact than its header."""
    try:
        return _bounded(float(from_json(fetched.body)["retry_after"]))
    except (ValueError, LookupError, TypeError, OverflowError):
        return _bounded(retry_after(fetched, now) or 1.0)


def _number(text: str | bytes | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _bounded(wait: float) -> float:
    """Return a wait of a day at most, 0 if it is no number."""
    return min(max(0.0, wait), 86_400.0)


def _texts(card: Mapping[str, Any]) -> int:
    pairs = [text for field in card.get("fields", ()) for text in field.values()]
    texts = [card.get("title", ""), card.get("description", ""), card.get("footer", {}).get("text", ""), *pairs]
    return sum(map(len, texts))
