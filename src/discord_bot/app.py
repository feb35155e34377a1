"""The composition root of the bot."""

from discord_bot import NAME, ask, events, notifications, retention, schedule, status, subscriptions
from discord_bot.audit import Audit
from discord_bot.content import Site
from discord_bot.dispatch import interaction_routes
from discord_bot.notices import Notices
from discord_bot.notifications import Desk
from discord_bot.schedule import Posts
from discord_bot.schema import SCHEMA
from discord_bot.settings import BotSettings
from discord_bot.tables import TABLES
from edge import READER, Actor, App, Clock, Limit, Request
from edge.auth.keys import require_key
from edge.auth.limits import Limits, rate_limit_headers
from edge.auth.one_key import admit_known
from edge.auth.signatures import Ed25519Signature
from edge.clients.cache import Cache
from edge.clients.discord import Discord, Webhooks
from edge.clients.leases import Leases
from edge.injection import event, singleton
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.middleware.security_headers import security_headers
from edge.ports.crypto import Crypto
from edge.resources.index import index_routes
from edge.resources.jobs import job_routes
from edge.resources.service_health import service_routes
from edge.version import VERSION

LINKS = {"interactions": "/interactions", "notifications": "/notifications", "jobs": "/jobs"}

interactions = interaction_routes([events.commands, ask.commands, subscriptions.commands, status.commands])


async def authenticate(request: Request, settings: BotSettings, crypto: Crypto, clock: Clock) -> Actor:
    """Know Discord by its signature, read before the body is awaited, and everybody else by the key."""
    if request.route != interactions.prefix:
        return require_key(request, settings.api_key)
    stamp, signature = (request.headers.get(f"x-signature-{name}") for name in ("timestamp", "ed25519"))
    signed = Ed25519Signature.read(stamp, signature, clock.now())
    await signed.check(await request.body(), settings.discord_public_key.get_secret_value(), crypto)
    return Actor("discord", READER)


async def admit(request: Request, limits: Limits, settings: BotSettings) -> None:
    """Bound calls of public routes: by the key, or by the address of a caller without it."""
    await admit_known(request, settings, limits, limits)


def make_limits(settings: BotSettings, clock: Clock) -> Limits:
    """Return the limits of strangers."""
    return Limits(settings.rate_limiter, None, clock)


app = App(
    NAME,
    version=VERSION,
    settings=BotSettings,
    authenticate=authenticate,
    admit=admit,
    middleware=[request_id, access_log, cors, security_headers, rate_limit_headers],
    providers=[
        singleton(make_limits),
        singleton(Leases),
        singleton(Discord),
        singleton(Webhooks),
        singleton(Audit),
        event(ask.Answers),
        singleton(Notices),
        event(Cache),
        event(Site),
        event(Desk),
        event(Posts),
    ],
    tables=TABLES,
    resources=[
        index_routes(NAME, VERSION, LINKS),
        service_routes(migrations=SCHEMA.migrations),
        interactions,
        notifications.routes,
        schedule.routes,
        retention.routes,
        job_routes(),
    ],
    limits={"RATE_LIMITER": Limit(120, 60)},
    migrations="discord_bot",
)
