"""The composition root: everything that the platform consists of."""

from edge import READER, Actor, App, Clock, Limit, NotConfigured, RateLimiter, Request
from edge.auth.keys import require_key
from edge.auth.limits import Limits, rate_limit_headers
from edge.auth.one_key import admit_known
from edge.auth.signatures import HmacSignature
from edge.clients.cache import Cache
from edge.clients.discord import Discord, Webhooks
from edge.clients.leases import Leases
from edge.injection import event, singleton
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.middleware.security_headers import security_headers
from edge.resources.index import index_routes
from edge.resources.jobs import job_routes
from edge.resources.service_health import service_routes
from edge.version import VERSION
from platform_api import (
    NAME,
    chat,
    content,
    content_index,
    discord_view,
    forms,
    overview,
    retention,
    submissions,
)
from platform_api.chat import Reader
from platform_api.content import PURGE, Site
from platform_api.content_index import ContentIndex
from platform_api.discord_view import Community
from platform_api.form_guards import Guards, check_sender
from platform_api.forms import Desk
from platform_api.overview import Overview
from platform_api.sanity import Sanity
from platform_api.schema import SCHEMA
from platform_api.settings import PlatformSettings
from platform_api.submissions import Submissions
from platform_api.tables import TABLES

LINKS = {
    "events": "/api/v1/content/events",
    "posts": "/api/v1/content/posts",
    "stats": "/api/v1/platform/stats",
    "status": "/api/v1/platform/status",
    "discord": "/api/v1/discord/events",
}


async def authenticate(request: Request, settings: PlatformSettings, clock: Clock) -> Actor:
    """Know Sanity by its signature, read before the body is awaited, where it calls; all others by the one key."""
    if request.route != PURGE:
        return require_key(request, settings.api_key)
    if settings.sanity_webhook_secret is None:
        raise NotConfigured("SANITY_WEBHOOK_SECRET")
    signature = HmacSignature.read(request.headers.get("sanity-webhook-signature"), clock.now())
    signature.check(await request.body(), settings.sanity_webhook_secret)
    return Actor("sanity", READER)


async def admit(request: Request, limits: Limits, settings: PlatformSettings, clock: Clock) -> None:
    """Bound calls of public routes, by the key or the address, and refuse forms of unknown senders before reading."""
    await admit_known(request, settings, limits, Limits(settings.key_limiter, None, clock))
    if request.route.startswith(forms.routes.prefix):
        check_sender(request, settings)


def make_limits(settings: PlatformSettings, clock: Clock) -> Limits:
    """Return the limits of strangers; forms have one of their own."""
    limiter: RateLimiter | None = settings.rate_limiter
    return Limits(limiter, None, clock)


app = App(
    NAME,
    version=VERSION,
    settings=PlatformSettings,
    authenticate=authenticate,
    admit=admit,
    middleware=[request_id, access_log, cors, security_headers, rate_limit_headers],
    providers=[
        singleton(make_limits),
        singleton(Leases),
        singleton(Sanity),
        singleton(ContentIndex),
        singleton(Discord),
        singleton(Webhooks),
        singleton(Guards),
        singleton(Submissions),
        singleton(Reader),
        event(Cache),
        event(Site),
        event(Community),
        event(Overview),
        event(Desk),
    ],
    tables=TABLES,
    limits={
        "RATE_LIMITER": Limit(120, 60),
        "KEY_LIMITER": Limit(1200, 60),
        "FORM_LIMITER": Limit(5, 60),
        "FORMS_LIMITER": Limit(60, 60),
        "CHAT_LIMITER": Limit(10, 60),
    },
    migrations="platform_api",
    resources=[
        index_routes(NAME, VERSION, LINKS),
        service_routes(migrations=SCHEMA.migrations),
        content.routes,
        content_index.routes,
        chat.routes,
        forms.routes,
        submissions.routes,
        overview.routes,
        discord_view.routes,
        retention.routes,
        job_routes(),
    ],
)
