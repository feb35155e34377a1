"""The stand-in's HTTP server, in a thread of its own."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sims.discord import payloads, seeds, sender
from sims.discord.bots import Bots
from sims.discord.control import Control
from sims.discord.exchange import Exchange
from sims.discord.payloads import Options, Who
from sims.discord.rates import Bucket, Failure, RateVerdict, Scope, in_milliseconds, limited
from sims.discord.replies import Refusal, plain
from sims.discord.sender import DEADLINE, Mangle, Signing
from sims.discord.webhooks import Webhooks
from sims.discord.world import Seen, World
from sims.server import StandIn

WEBHOOK_BUCKET = Bucket(5, 2.0)
BOT_BUCKET = Bucket(50, 1.0)
type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class DiscordSim(StandIn):
    """Discord of one guild and one application, as far as it is documented.

    `limit` is the bucket of each webhook; `deadline` is how many seconds a bot has to answer an interaction.
    """

    options: ClassVar = {"handler_cancellation": True}
    application_id, guild_id, user_id = seeds.APPLICATION, seeds.GUILD, seeds.USER
    channel_id, general_id = seeds.ANNOUNCEMENTS, seeds.GENERAL
    """The channels of the announcements, and of the guild's interactions."""

    def __init__(
        self,
        port: int = 0,
        *,
        limit: Bucket = WEBHOOK_BUCKET,
        deadline: float = DEADLINE,
        interactions_url: str | None = None,
    ) -> None:
        super().__init__(port)
        self.limit = limit
        self.deadline = deadline
        self.interactions_url = interactions_url
        self.world = World()
        self.bot_token = seeds.bot_token()
        self.public_key = self.world.public_key

    # -- addresses ----------------------------------------------------------------------------------
    @property
    def api_url(self) -> str:
        """The base address of the API."""
        return f"{self.url}/api/v10"

    def webhook_url(self, kind: str) -> str:
        """Return the address of the webhook of a kind."""
        hook = self.world.hooks[self._hook(kind)]
        return f"{self.url}/api/webhooks/{hook.id}/{hook.token}"

    def about(self) -> dict[str, Any]:
        """Return all that a client has to know."""
        ids = {name: getattr(self, name) for name in ("url", "api_url", "public_key", "application_id", "bot_token")}
        ids |= {"guild_id": self.guild_id, "channel_id": self.channel_id}
        return ids | {"webhooks": {kind: self.webhook_url(kind) for kind in seeds.KINDS}}

    # -- received requests ----------------------------------------------------------------------------------
    @property
    def requests(self) -> list[Seen]:
        """The requests that came, those of `/_sim` left out."""
        return self.world.requests

    @property
    def messages(self) -> dict[str, list[dict[str, Any]]]:
        """The messages of each webhook, by its kind and by its id."""
        own = {hook.id: [*hook.messages.values()] for hook in self.world.hooks.values()}
        return own | {hook.kind: own[hook.id] for hook in self.world.hooks.values()}

    def posted(self, kind: str) -> list[dict[str, Any]]:
        """Return the bodies that a webhook, by kind or id, has taken."""
        return [*self.world.hooks[self._hook(kind)].bodies]

    def _hook(self, kind: str) -> str:
        return next(hook.id for hook in self.world.hooks.values() if kind in {hook.kind, hook.id})

    # -- orders -------------------------------------------------------------------------------------
    def fail(  # noqa: PLR0913 - each is one thing that can go wrong
        self,
        status: int | None = None,
        count: int = 1,
        *,
        retry_after: float = 1.0,
        delay: float = 0.0,
        reset: bool = False,
        scope: Scope = "user",
        where: str = "",
    ) -> None:
        """Let the next requests fail, or (without a status) only come late; see `Failure`."""
        self.world.failures.append(Failure(status, count, retry_after, delay, reset, scope, where))

    def reset(self) -> None:
        """Forget everything that came, was ordered or registered."""
        self.world.reset()

    def pass_time(self, seconds: float) -> None:
        """Let time pass at once: tokens age, buckets fill."""
        self.world.ahead += seconds

    def sign(self, timestamp: str, body: bytes) -> str:
        """Return the signature of a request, as hexadecimal digits."""
        return sender.signature(self.world.key, timestamp, body)

    # -- interactions -------------------------------------------------------------------------------
    def send(
        self,
        url: str,
        payload: object,
        *,
        timestamp: str | None = None,
        key: Ed25519PrivateKey | None = None,
        mangle: Mangle | None = None,
    ) -> Exchange:
        """Send a payload, or bytes as they are; `mangle` changes headers and body after they were signed."""
        signing = Signing(timestamp, key, mangle)
        return self.run(sender.exchange(self.world, url, payload, signing, self.deadline))

    def ping(self, url: str) -> Exchange:
        """Ask whether the bot is there."""
        return self.send(url, payloads.ping(self.world))

    def verify(self, url: str) -> list[str]:
        """Return Discord's objections to this address. It requires a PONG, and 401 for a wrong signature."""
        ping = payloads.ping(self.world)
        wrong = {
            "a wrong signature": self.send(url, ping, key=Ed25519PrivateKey.from_private_bytes(bytes(32))),
            "no signature": self.send(url, ping, mangle=lambda _headers, body: ({}, body)),
            "a changed body": self.send(url, ping, mangle=lambda headers, body: (headers, body + b" ")),
        }
        faults = [
            f"{name}: status {exchange.status}, not 401" for name, exchange in wrong.items() if exchange.status != 401
        ]
        return self.ping(url).faults + faults

    def command(  # noqa: PLR0913 - who does it and where, as a user has it
        self,
        url: str,
        name: str,
        options: Options | None = None,
        *,
        user: Mapping[str, Any] | None = None,
        guild: bool = True,
        locale: str = seeds.LOCALE,
    ) -> Exchange:
        """Give a slash command."""
        return self.send(url, payloads.command(self.world, name, options or {}, Who(user, guild, locale)))

    def autocomplete(  # noqa: PLR0913 - as for `command`
        self,
        url: str,
        name: str,
        options: Options | None = None,
        *,
        focused: str,
        user: Mapping[str, Any] | None = None,
        guild: bool = True,
        locale: str = seeds.LOCALE,
    ) -> Exchange:
        """Type into an option of a slash command."""
        who = Who(user, guild, locale)
        return self.send(url, payloads.command(self.world, name, options or {}, who, focused))

    def press(  # noqa: PLR0913 - as for `command`
        self,
        url: str,
        custom_id: str,
        message: Mapping[str, Any] | None = None,
        *,
        user: Mapping[str, Any] | None = None,
        guild: bool = True,
        locale: str = seeds.LOCALE,
    ) -> Exchange:
        """Press a button: of this message, else of the newest that shows it, else of one made up."""
        who = Who(user, guild, locale)
        return self.send(url, payloads.component(self.world, custom_id, None, message, who))

    def choose(  # noqa: PLR0913 - as for `command`
        self,
        url: str,
        custom_id: str,
        values: Sequence[str],
        message: Mapping[str, Any] | None = None,
        *,
        user: Mapping[str, Any] | None = None,
        guild: bool = True,
        locale: str = seeds.LOCALE,
    ) -> Exchange:
        """Choose in a select."""
        who = Who(user, guild, locale)
        return self.send(url, payloads.component(self.world, custom_id, values, message, who))

    def submit(  # noqa: PLR0913 - as for `command`
        self,
        url: str,
        custom_id: str,
        fields: Mapping[str, Any],
        *,
        user: Mapping[str, Any] | None = None,
        guild: bool = True,
        locale: str = seeds.LOCALE,
    ) -> Exchange:
        """Fill in a modal and send it."""
        return self.send(url, payloads.submit(self.world, custom_id, fields, Who(user, guild, locale)))

    # -- life ---------------------------------------------------------------------------------------
    def application(self) -> web.Application:
        """Return Discord's API, and the control."""
        app = web.Application(middlewares=[self._serve], client_max_size=26_214_400)
        hooks = Webhooks(self.world, self.deadline)
        bots = Bots(self.world)
        app.add_routes([*hooks.routes("/api"), *hooks.routes("/api/v10"), *bots.routes("/api/v10")])
        app.add_routes(Control(self).routes())
        return app

    # -- each request -------------------------------------------------------------------------------
    @web.middleware
    async def _serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_sim/"):
            return await _answered(request, handler)
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Seen(request.method, request.path, dict(request.query), headers, await _read(request))
        self.world.requests.append(seen)
        slot = self._rate_verdict(request)
        response = await self._failed(request)
        if response is None:
            response = limited(slot.wait) if slot.wait else await _answered(request, handler)
        if isinstance(response, web.Response) and response.status == 429 and not request.path.startswith("/api/v10/"):
            response = in_milliseconds(response)
        if response.status < 500:
            response.headers.update({**slot.headers, **response.headers})
        seen.status = response.status
        return response

    async def _failed(self, request: web.Request) -> web.StreamResponse | None:
        failure = next((failure for failure in self.world.failures if failure.where in request.path), None)
        if failure is None:
            return None
        failure.count -= 1
        if failure.count <= 0:
            self.world.failures.remove(failure)
        await asyncio.sleep(failure.delay)
        if failure.reset and request.transport is not None:
            request.transport.abort()
            return web.Response(status=499)
        return failure.response()

    def _rate_verdict(self, request: web.Request) -> RateVerdict:
        hook = request.match_info.get("hook")
        token = request.match_info.get("token", "")
        key = f"{hook}/{token}" if hook else f"{request.method} {request.match_info.route.resource}"
        return self.world.rates.take(key, self.limit if hook else BOT_BUCKET, self.world.now())


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refused:
        return web.json_response(refused.body, status=refused.status)
    except web.HTTPException as refused:
        return web.json_response(plain(refused.status).body, status=refused.status)


async def _read(request: web.Request) -> Any:
    data = await request.read()
    try:
        return json.loads(data) if data else None
    except ValueError:
        return data.decode(errors="replace")
