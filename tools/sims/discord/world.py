"""The stand-in's memory, and its clock."""

import base64
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sims.discord import seeds
from sims.discord.answers import DEFERRED, DEFERRED_UPDATE, MESSAGE, UPDATE
from sims.discord.components import walked
from sims.discord.drafts import EPHEMERAL, LOADING
from sims.discord.exchange import Exchange
from sims.discord.rates import Failure, Rates

KEPT = ("content", "embeds", "components", "poll", "tts")
NOTHING: Mapping[str, Any] = {"content": "", "embeds": [], "components": [], "poll": None, "tts": False}


@dataclass(slots=True)
class Hook:
    """A webhook of a channel: the bodies that it was sent, and the messages that came of them."""

    id: str
    token: str
    kind: str
    channel: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def find(self, message_id: str) -> dict[str, Any] | None:
        """Return a message that it has posted."""
        return self.messages.get(message_id)

    def remove(self, message_id: str) -> None:
        """Delete a message."""
        self.messages.pop(message_id, None)

    def document(self) -> dict[str, Any]:
        """Return the webhook as Discord describes it to a caller that has its token."""
        about = {"id": self.id, "type": 1, "token": self.token, "name": self.kind, "avatar": None}
        return about | {"channel_id": self.channel, "guild_id": seeds.GUILD, "application_id": None}


@dataclass(slots=True)
class Seen:
    """One received request.

    Names of headers are in lower case; `body` is the decoded JSON, or else the text; `status` is that of the response.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    status: int | None = None


class World:
    """The guild, its webhooks, messages, commands and interactions."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(seeds.SEED)
        self.public_key = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
        self.reset()

    def reset(self) -> None:
        """Begin again, with the seeds alone."""
        self._random = Random(7)
        self._number = 1000
        self.ahead = 0.0
        self.requests: list[Seen] = []
        self.failures: deque[Failure] = deque()
        self.rates = Rates()
        start = datetime.now(UTC)
        self.events = [*seeds.events(start)]
        self.channels = {channel: [] for channel in (seeds.ANNOUNCEMENTS, seeds.GENERAL, seeds.DIRECT, seeds.STAGE)}
        self.channels[seeds.ANNOUNCEMENTS] += seeds.announcements(start)
        self.hooks = {hook.id: hook for hook in map(self._hook, range(len(seeds.KINDS)))}
        self.commands: dict[str | None, dict[tuple[int, str], dict[str, Any]]] = {None: {}, seeds.GUILD: {}}
        self.exchanges: dict[str, Exchange] = {}
        self.modals: dict[str, dict[str, Any]] = {}

    channels: dict[str, list[dict[str, Any]]]

    def _hook(self, number: int) -> Hook:
        kind = seeds.KINDS[number]
        token = base64.urlsafe_b64encode(self._random.randbytes(51)).decode()
        own = f"12000000000000000{number:02}"
        channel = seeds.ANNOUNCEMENTS if kind == "announcement" else f"11800000000000002{number:02}"
        self.channels.setdefault(channel, [])
        return Hook(own, token, kind, channel)

    def now(self) -> float:
        """Return the time, in Unix seconds."""
        return time.time() + self.ahead

    def moment(self) -> datetime:
        """Return the time."""
        return datetime.fromtimestamp(self.now(), UTC)

    def snowflake(self) -> str:
        """Return a new id."""
        self._number += 1
        return seeds.snowflake(self.moment(), self._number)

    def token(self, interaction: str) -> str:
        """Return a new token for an interaction."""
        drawn = f"interaction:{interaction}:".encode() + self._random.randbytes(96)
        return base64.urlsafe_b64encode(drawn).decode().rstrip("=")

    # -- messages -----------------------------------------------------------------------------------
    def post(self, hook: Hook, body: dict[str, Any]) -> dict[str, Any]:
        """Take a webhook's message."""
        hook.bodies.append(body)
        author = {"id": hook.id, "username": body.get("username") or hook.kind, "avatar": None, "bot": True}
        message = seeds.message(self.snowflake(), hook.channel, author | {"discriminator": "0000"}, self.moment())
        message |= {"webhook_id": hook.id}
        hook.messages[message["id"]] = message
        self.channels[hook.channel].append(message)
        return fill(message, body)

    def reply(self, exchange: Exchange, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a message that answers an interaction."""
        payload = exchange.payload
        channel = payload.get("channel_id") or seeds.GENERAL
        message = seeds.message(self.snowflake(), channel, seeds.BOT, self.moment())
        who = (payload.get("member") or {}).get("user") or payload.get("user")
        about = {"id": exchange.id, "type": payload["type"], "user": who, "authorizing_integration_owners": {}}
        message |= {
            "type": 20 if payload["type"] == 2 else 19,
            "webhook_id": seeds.APPLICATION,
            "application_id": seeds.APPLICATION,
            "interaction_metadata": about,
        }
        if not (body.get("flags") or 0) & EPHEMERAL:
            self.channels.setdefault(channel, []).append(message)
        return fill(message, body)

    def follow(self, exchange: Exchange, body: dict[str, Any]) -> dict[str, Any]:
        """Take a follow-up; the first one after a deferred answer takes the place of that."""
        if exchange.loading and exchange.original is not None:
            message = self.edit(exchange.original, body)
        else:
            message = self.reply(exchange, body)
            exchange.follow_ups[message["id"]] = message
        exchange.change()
        return message

    def edit(self, message: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        """Change a message; its visibility stays."""
        stays = message["flags"] & EPHEMERAL
        fill(message, body)
        message["flags"] = message["flags"] & ~(LOADING | EPHEMERAL) | stays
        message["edited_timestamp"] = seeds.stamp(self.moment())
        return message

    def erase(self, message: dict[str, Any]) -> None:
        """Delete a message from its channel."""
        channel = self.channels.get(message["channel_id"], [])
        channel[:] = [item for item in channel if item["id"] != message["id"]]

    # -- interactions -------------------------------------------------------------------------------
    def accept(self, exchange: Exchange, answer: Mapping[str, Any]) -> None:
        """Carry out an answer without faults."""
        data, kind = answer.get("data") or {}, answer["type"]
        exchange.accepted = kind
        source = exchange.payload.get("message")
        if kind == MESSAGE:
            exchange.original = self.reply(exchange, data)
        elif kind == DEFERRED:
            exchange.original = self.reply(exchange, {"flags": (data.get("flags") or 0) & EPHEMERAL | LOADING})
        elif kind in {DEFERRED_UPDATE, UPDATE} and source:
            exchange.original = self._standing(source)
            if kind == UPDATE:
                self.edit(exchange.original, data)
        elif kind == 9:
            self.modals[data["custom_id"]] = {"data": data, "message": source}

    def _standing(self, source: dict[str, Any]) -> dict[str, Any]:
        """Return the stored message for a copy of it."""
        return next((item for item in self._every() if item["id"] == source["id"]), dict(source))

    def showing(self, custom_id: str) -> dict[str, Any] | None:
        """Return the newest message that has this component."""
        messages = [
            message
            for message in self._every()
            if any(part.get("custom_id") == custom_id for _, part in walked(message["components"]))
        ]
        return max(messages, key=lambda message: int(message["id"]), default=None)

    def _every(self) -> Iterator[dict[str, Any]]:
        for channel in self.channels.values():
            yield from channel
        for exchange in self.exchanges.values():
            yield from (message for message in (exchange.original, *exchange.follow_ups.values()) if message)


def fill(message: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Set the members of a message that are in the body; null empties one."""
    for name in KEPT:
        if name in body:
            message[name] = body[name] if body[name] is not None else NOTHING[name]
    message["embeds"] = [{"type": "rich"} | embed for embed in message["embeds"]]
    if body.get("flags") is not None:
        message["flags"] = body["flags"]
    return message
