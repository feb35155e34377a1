"""`/_sim`: the stand-in's own routes, for people with curl and for other processes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from aiohttp import web

from sims.discord import payloads, seeds, sender
from sims.discord.payloads import Who
from sims.discord.rates import Failure
from sims.discord.replies import Refusal, body_of
from sims.discord.sender import Signing
from sims.discord.world import Seen, World

PATIENCE = 20.0
"""Seconds to wait for the message that a deferred answer promised."""


class Controlled(Protocol):
    """The parts of a stand-in that its control changes and shows."""

    world: World
    interactions_url: str | None
    deadline: float

    @property
    def requests(self) -> Sequence[Seen]:
        """Return the requests that came."""

    @property
    def messages(self) -> Mapping[str, list[dict[str, Any]]]:
        """Return the messages of each webhook."""

    def about(self) -> dict[str, Any]:
        """Return all that a client has to know."""

    def reset(self) -> None:
        """Forget everything."""


class Control:
    """The routes of a running stand-in."""

    def __init__(self, sim: Controlled) -> None:
        self.sim = sim

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/_sim/about", self._about),
            web.post("/_sim/interactions", self._interact),
            web.get("/_sim/messages", self._messages),
            web.get("/_sim/requests", self._requests),
            web.post("/_sim/fail", self._fail),
            web.post("/_sim/reset", self._reset),
        ]

    async def _about(self, _request: web.Request) -> web.Response:
        return web.json_response(self.sim.about())

    async def _messages(self, _request: web.Request) -> web.Response:
        """Answer with the messages of each webhook by kind, and those of each interaction by its id."""
        messages = {kind: self.sim.messages[kind] for kind in seeds.KINDS}
        talks = {exchange.id: exchange.messages for exchange in self.sim.world.exchanges.values()}
        return web.json_response({"webhooks": messages, "interactions": talks})

    async def _requests(self, _request: web.Request) -> web.Response:
        return web.json_response([asdict(seen) for seen in self.sim.requests])

    async def _fail(self, request: web.Request) -> web.Response:
        try:
            self.sim.world.failures.append(Failure(**await body_of(request)))
        except TypeError as wrong:
            raise Refusal(400, {"message": str(wrong)}) from None
        return web.Response(status=204)

    async def _reset(self, _request: web.Request) -> web.Response:
        self.sim.reset()
        return web.Response(status=204)

    async def _interact(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        if not isinstance(body, dict):
            raise Refusal(400, {"message": "an object is needed"})
        url = body.get("url") or self.sim.interactions_url
        if not url:
            raise Refusal(400, {"message": "url is needed, as there is no --interactions-url"})
        try:
            payload = self._payload(body)
        except KeyError as missing:
            raise Refusal(400, {"message": f"{missing.args[0]} is missing or unknown"}) from None
        exchange = await sender.exchange(self.sim.world, url, payload, Signing(), self.sim.deadline)
        await sender.settle(exchange, PATIENCE)
        return web.json_response(exchange.document())

    def _payload(self, body: dict[str, Any]) -> dict[str, Any]:
        world = self.sim.world
        options = body.get("options") or {}
        who = Who(body.get("user"), body.get("guild", True), body.get("locale", seeds.LOCALE))
        match body["type"]:
            case "ping":
                return payloads.ping(world)
            case "command":
                return payloads.command(world, body["name"], options, who)
            case "autocomplete":
                return payloads.command(world, body["name"], options, who, body["focused"])
            case "press":
                return payloads.component(world, body["custom_id"], None, body.get("message"), who)
            case "choose":
                return payloads.component(world, body["custom_id"], body["values"], body.get("message"), who)
            case "submit":
                return payloads.submit(world, body["custom_id"], body["fields"], who)
            case other:
                raise KeyError(f"type {other}")
