"""The composition root: all resources, providers and middleware of this Worker."""

from devcapsules import NAME, attempts, retention
from devcapsules.access import routes as access
from devcapsules.access.callers import Gate, admit, authenticate
from devcapsules.access.keys import WidgetKeys
from devcapsules.access.models import CapsuleAccount, MyPlan
from devcapsules.access.plans import PlanLimits
from devcapsules.analytics import routes as analytics
from devcapsules.capsules import learning, transfer
from devcapsules.capsules import routes as capsules
from devcapsules.capsules.catalogue import Catalogue
from devcapsules.capsules.publication import Publisher
from devcapsules.community import progress, reports, teams
from devcapsules.embed import routes as embed
from devcapsules.erasure import erase
from devcapsules.execution import routes as execution
from devcapsules.execution.executors import Executors
from devcapsules.execution.ledger import Ledger
from devcapsules.generation import consumer
from devcapsules.generation import routes as generation
from devcapsules.generation.jobs import Jobs
from devcapsules.generation.models import make_writer
from devcapsules.judging import Judging
from devcapsules.schema import SCHEMA
from devcapsules.settings import CapsuleSettings
from devcapsules.tables import TABLES
from edge import App, Clock, Limit
from edge.auth.accounts.routes import Accounts
from edge.auth.audit import audit_routes
from edge.auth.limits import Limits, rate_limit_headers
from edge.injection import event, singleton
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.middleware.security_headers import security_headers
from edge.resources.jobs import job_routes
from edge.resources.service_health import service_routes
from edge.resources.site_index import site_index_routes
from edge.version import VERSION

LINKS = {"capsules": "/api/v1/capsules"}


def make_limits(settings: CapsuleSettings, clock: Clock) -> Limits:
    """Return the rate limits by address; the limits of plans are counted separately and exactly."""
    return Limits(settings.rate_limiter, None, clock)


app = App(
    NAME,
    version=VERSION,
    settings=CapsuleSettings,
    authenticate=authenticate,
    admit=admit,
    middleware=[cors, request_id, access_log, security_headers, rate_limit_headers],
    providers=[
        singleton(make_limits),
        singleton(Executors),
        event(Ledger),
        event(WidgetKeys),
        event(PlanLimits),
        event(Gate),
        event(Catalogue),
        event(learning.Learning),
        event(attempts.Attempts),
        event(embed.Embedding),
        event(analytics.EventStore),
        event(Jobs),
        event(make_writer),
        event(Judging),
        event(Publisher),
        event(consumer.Worker),
        event(generation.Sender),
        event(generation.Intake),
        event(teams.Teams),
        event(reports.ReportQueue),
    ],
    tables=TABLES,
    queues={"GENERATION_QUEUE": "generation-jobs"},
    limits={"RATE_LIMITER": Limit(300, 60), "WIDGET_LIMITER": Limit(60, 60)},
    migrations="devcapsules",
    resources=[
        site_index_routes(NAME, VERSION, LINKS),
        service_routes(migrations=SCHEMA.migrations),
        Accounts("/api/v1/auth", registration=CapsuleAccount, myself=MyPlan, erase=erase),
        access.keys,
        access.usage,
        access.plans,
        capsules.public,
        transfer.routes,
        capsules.routes,
        learning.routes,
        attempts.routes,
        embed.pages,
        embed.tokens,
        generation.routes,
        generation.letters,
        consumer.routes,
        analytics.events,
        analytics.routes,
        analytics.public,
        execution.routes,
        progress.routes,
        teams.routes,
        reports.routes,
        reports.queue,
        audit_routes("/api/v1/audit"),
        retention.routes,
        job_routes(),
    ],
)
