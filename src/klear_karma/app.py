"""The composition root: everything that this Worker consists of."""

from edge import App, Clock, Limit
from edge.auth.limits import Limits, admit, rate_limit_headers
from edge.injection import event, singleton
from edge.live.publisher import Publisher
from edge.live.routes import Live
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.middleware.security_headers import security_headers
from edge.resources.index import index_routes
from edge.resources.jobs import job_routes
from edge.resources.service_health import service_routes
from klear_karma import NAME, VERSION, retention
from klear_karma.accounts import accounts
from klear_karma.availability.timetables import Timetables
from klear_karma.booking import jobs as booking_jobs
from klear_karma.booking import routes as booking
from klear_karma.booking.news import AppointmentNews
from klear_karma.booking.store import Bookings
from klear_karma.live_events import AUDIENCES
from klear_karma.notifications import routes as notifications
from klear_karma.practitioners.store import PractitionerStore
from klear_karma.schema import SCHEMA
from klear_karma.settings import KarmaSettings
from klear_karma.tables import TABLES

LINKS = {"search": "/api/practitioners/search", "appointments": "/api/appointments"}

live = Live()


def make_limits(settings: KarmaSettings, clock: Clock) -> Limits:
    """Return the limits of users and strangers; nobody has a daily quota here."""
    return Limits(settings.rate_limiter, None, clock)


app = App(
    NAME,
    version=VERSION,
    settings=KarmaSettings,
    authenticate=live.authenticate,
    admit=admit,
    middleware=[request_id, access_log, cors, security_headers, rate_limit_headers],
    audiences=AUDIENCES,
    providers=[
        singleton(make_limits),
        event(Publisher),
        event(Timetables),
        event(PractitionerStore),
        event(Bookings),
        event(AppointmentNews),
    ],
    tables=TABLES,
    limits={"RATE_LIMITER": Limit(300, 60)},
    migrations="klear_karma",
    resources=[
        index_routes(NAME, VERSION, LINKS),
        service_routes(migrations=SCHEMA.migrations),
        accounts,
        booking.routes,
        booking_jobs.routes,
        notifications.routes,
        live,
        retention.routes,
        job_routes(),
    ],
)
