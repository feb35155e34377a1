"""The composition root: all resources, providers and middleware of this Worker."""

from edge import Actor, App, Clock, Limit, Request, SystemDatabase
from edge.auth.audit import record
from edge.auth.callers import Callers
from edge.auth.limits import Limits, admit, rate_limit_headers
from edge.injection import event, singleton
from edge.live.publisher import Publisher
from edge.live.routes import Live
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.middleware.security_headers import security_headers
from edge.resources.jobs import job_routes
from edge.resources.service_health import service_routes
from edge.resources.site_index import site_index_routes
from edge.version import VERSION
from klear_karma import NAME, retention, wiring
from klear_karma.accounts import accounts
from klear_karma.analytics.points import count_use
from klear_karma.availability.conflicts import Conflicts
from klear_karma.availability.timetables import Timetables
from klear_karma.calendars import routes as calendars
from klear_karma.calendars.feeds import Feeds
from klear_karma.live_events import AUDIENCES
from klear_karma.pages import routes as pages
from klear_karma.practitioners import free_slots, hours, offers, profile, time_off, verification
from klear_karma.practitioners.store import PractitionerStore
from klear_karma.schema import SCHEMA
from klear_karma.search import routes as search
from klear_karma.search.available import FreeSlotFilter
from klear_karma.settings import KarmaSettings
from klear_karma.tables import TABLES
from klear_karma.uploads import assets
from klear_karma.uploads import routes as uploads
from klear_karma.uploads.files import PictureFiles

LINKS = {"search": "/api/practitioners/search", "appointments": "/api/appointments"}

AUDITED = frozenset(
    {
        "POST /api/admin/appointments/{appointment_id}/outcome",
        "POST /api/admin/reports/{report_id}/decision",
        "PUT /api/admin/practitioners/{practitioner_id}/verification",
    }
)
"""Routes whose handlers write to the audit log in the batch of their change; all others are recorded before it."""

live = Live()

PROFILES = [
    event(PractitionerStore),
    event(Timetables),
    event(Conflicts),
    event(FreeSlotFilter),
    event(search.SearchCache),
    event(search.Searcher),
    event(Feeds),
    event(PictureFiles),
]


def make_limits(settings: KarmaSettings, clock: Clock) -> Limits:
    """Return the rate limits of users and of anonymous clients; this app has no daily quotas."""
    return Limits(settings.rate_limiter, None, clock)


async def authenticate(
    request: Request, callers: Callers, limits: Limits, db: SystemDatabase | None, clock: Clock
) -> Actor:
    """Identify the caller, and record a change by an administrator in the audit log."""
    actor = await live.authenticate(request, callers, limits, db, clock)
    return await record(request, actor, db, clock, AUDITED)


app = App(
    NAME,
    version=VERSION,
    settings=KarmaSettings,
    authenticate=authenticate,
    admit=admit,
    middleware=[request_id, access_log, cors, security_headers, rate_limit_headers, count_use],
    providers=[singleton(make_limits), event(Publisher), *PROFILES, *wiring.PROVIDERS],
    audiences=AUDIENCES,
    tables=TABLES,
    limits={"RATE_LIMITER": Limit(300, 60), "FEED_LIMITER": Limit(30, 60)},
    migrations="klear_karma",
    resources=[
        site_index_routes(NAME, VERSION, LINKS),
        service_routes(migrations=SCHEMA.migrations),
        accounts,
        *wiring.RESOURCES,
        live,
        search.routes,
        profile.routes,
        offers.routes,
        hours.routes,
        time_off.routes,
        verification.routes,
        free_slots.routes,
        calendars.routes,
        calendars.public,
        uploads.routes,
        assets.routes,
        pages.routes,
        retention.routes,
        job_routes(),
    ],
)
