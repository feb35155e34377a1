"""Webhooks over HTTP: those of channels, and those that an interaction's token opens."""

import asyncio
import json
from typing import Any

from aiohttp import web

from sims.discord import seeds
from sims.discord.answers import answer_faults
from sims.discord.drafts import COMPONENTS_V2, EPHEMERAL, SENT, SUPPRESS_EMBEDS, WEBHOOK, draft, empty
from sims.discord.exchange import Exchange
from sims.discord.forms import Fault, model, snowflake
from sims.discord.replies import Refusal, body_of, flag, refusal, refuse
from sims.discord.sender import DEADLINE
from sims.discord.world import Hook, World, fill

LIFE = 15 * 60
ON_ITS_WAY = 0.01
"""Seconds in which an answer that was sent before a follow-up is read after it: they come by two connections."""
ORIGINAL = "@original"
EDITED = SUPPRESS_EMBEDS | COMPONENTS_V2


class Webhooks:
    """The routes below `/webhooks` and `/interactions`."""

    def __init__(self, world: World, deadline: float = DEADLINE) -> None:
        self.world = world
        self.deadline = deadline

    def routes(self, base: str) -> list[web.RouteDef]:
        """Return the routes."""
        hook, message = f"{base}/webhooks/{{hook}}/{{token}}", f"{base}/webhooks/{{hook}}/{{token}}/messages/{{known}}"
        return [
            web.get(hook, self._get_webhook),
            web.post(hook, self._post),
            web.get(message, self._get),
            web.patch(message, self._edit),
            web.delete(message, self._delete),
            web.post(f"{base}/interactions/{{known}}/{{token}}/callback", self._callback),
        ]

    def _place(self, request: web.Request) -> Hook | Exchange:
        application, token = request.match_info["hook"], request.match_info["token"]
        if faults := [*snowflake(application)]:
            raise Refusal(400, {"webhook_id": [faults[0].message]})
        if hook := self.world.hooks.get(application):
            if hook.token != token:
                raise refusal(50027)
            return hook
        exchange = self.world.exchanges.get(token) if application == seeds.APPLICATION else None
        if exchange is None:
            raise refusal(10015)
        if self.world.now() - exchange.began > LIFE:
            raise refusal(50027)
        return exchange

    async def _open(self, request: web.Request) -> Hook | Exchange:
        place = self._place(request)
        if isinstance(place, Exchange) and place.accepted is None and not place.over:
            await asyncio.sleep(ON_ITS_WAY)
        if isinstance(place, Exchange) and not place.open:
            waiting = not place.over and request.match_info.get("known") == ORIGINAL
            raise refusal(10008 if waiting else 10015)
        return place

    async def _get_webhook(self, request: web.Request) -> web.Response:
        place = self._place(request)
        if isinstance(place, Exchange):
            raise refusal(10015)
        return web.json_response(place.document())

    async def _post(self, request: web.Request) -> web.Response:
        place = await self._open(request)
        body = await body_of(request)
        if isinstance(place, Exchange):
            with Refused(place, "follow-up"):
                _checked(body, draft(body, allowed=SENT | EPHEMERAL))
            return web.json_response(self.world.follow(place, body))
        wait = flag(request, "wait")
        _threads(request, body)
        if isinstance(body, dict) and not flag(request, "with_components"):
            body = {name: value for name, value in body.items() if name != "components"}
        _checked(body, draft(body, more=WEBHOOK))
        message = self.world.post(place, body)
        return web.json_response(message) if wait else web.Response(status=204)

    async def _message(self, request: web.Request) -> tuple[Hook | Exchange, dict[str, Any]]:
        place = await self._open(request)
        message_id = request.match_info["known"]
        message = place.find(message_id)
        if message is None:
            raise refusal(10008)
        return place, message

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response((await self._message(request))[1])

    async def _edit(self, request: web.Request) -> web.Response:
        place, message = await self._message(request)
        body = await body_of(request)
        with Refused(place, f"edit of {request.match_info['known']}"):
            refuse(draft(body, allowed=EDITED | EPHEMERAL))
            if empty(fill(json.loads(json.dumps(message)), body)):
                raise refusal(50006)
        self.world.edit(message, body)
        if isinstance(place, Exchange):
            place.change()
        return web.json_response(message)

    async def _delete(self, request: web.Request) -> web.Response:
        place, message = await self._message(request)
        self.world.erase(message)
        place.remove(request.match_info["known"])
        if isinstance(place, Exchange):
            place.change()
        return web.Response(status=204)

    async def _callback(self, request: web.Request) -> web.Response:
        exchange = self.world.exchanges.get(request.match_info["token"])
        if exchange is None or exchange.id != request.match_info["known"]:
            raise refusal(10062)
        if exchange.accepted is not None:
            raise refusal(40060)
        if exchange.over or self.world.now() - exchange.began > self.deadline:
            raise refusal(10062)
        answer = await body_of(request)
        with Refused(exchange, "callback"):
            refuse(answer_faults(exchange.payload, answer))
        exchange.answer = answer
        self.world.accept(exchange, answer)
        if not flag(request, "with_response"):
            return web.Response(status=204)
        about = {"id": exchange.id, "type": exchange.payload["type"]}
        resource = {"type": answer["type"]} | ({"message": exchange.original} if exchange.original else {})
        return web.json_response({"interaction": about, "resource": resource})


class Refused:
    """Records in an exchange why its answer was refused."""

    def __init__(self, place: Hook | Exchange, what: str) -> None:
        self.place = place
        self.what = what

    def __enter__(self) -> None:
        """Nothing to do before."""

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> None:
        if isinstance(fault, Refusal) and isinstance(self.place, Exchange):
            self.place.faults.append(f"{self.what}: {fault}")


def _checked(body: Any, faults: list[Fault]) -> None:
    refuse(faults)
    if empty(body):
        raise refusal(50006)


def _threads(request: web.Request, body: Any) -> None:
    if thread := request.query.get("thread_id"):
        refuse([fault.below("thread_id") for fault in snowflake(thread)])
        raise refusal(10003, 400)
    refuse(model({})(body))
    if body.get("thread_name"):
        raise refusal(220003)
