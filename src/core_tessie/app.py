"""The composition root of the default Worker."""

from core_tessie import NAME, retention
from core_tessie.actions import routes as actions
from core_tessie.actions.work import ActionWork
from core_tessie.agent import chat as agent_chat
from core_tessie.agent import conversations, openai_dialect
from core_tessie.agent.chat import Agent
from core_tessie.agent.openai_exchange import Dialect
from core_tessie.agent.turn_counter import TurnCounter
from core_tessie.console import commands, index, usage
from core_tessie.console.usage_points import Usage
from core_tessie.d1 import routes as d1
from core_tessie.energy import routes as energy_report
from core_tessie.energy.links import Links
from core_tessie.energy.summary import ReportNews
from core_tessie.journal import Journal, journal
from core_tessie.live_events import AUDIENCES
from core_tessie.reach import vehicle
from core_tessie.schema import SCHEMA
from core_tessie.settings import TessieSettings
from core_tessie.sync import backfill_workflow
from core_tessie.sync import routes as sync
from core_tessie.sync.account import check_key
from core_tessie.sync.backfill import Backfill
from core_tessie.sync.news import SyncNews
from core_tessie.sync.work import QUEUE, SyncWork
from core_tessie.tables import TABLES
from core_tessie.tariffs import routes as tariffs
from core_tessie.tariffs.estimates import Estimates
from core_tessie.tessie import mirror as tessieapi
from core_tessie.tessie.client import Tessie
from core_tessie.tessie.corrections import Corrections
from edge import Actor, App, Clock, Limit, Request
from edge.auth import routes as auth
from edge.auth.callers import Callers
from edge.auth.limits import Limits, admit, rate_limit_headers
from edge.injection import event, singleton
from edge.live.publisher import Publisher
from edge.live.routes import Live
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.middleware.security_headers import security_headers
from edge.ports import SystemDatabase
from edge.resources import health
from edge.version import VERSION

live = Live(may_publish=vehicle("own.subject"))


async def authenticate(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
    request: Request, callers: Callers, limits: Limits, db: SystemDatabase | None, clock: Clock, links: Links
) -> Actor:
    """Identify the caller by the link of a report's page, by a ticket, or by key or token; count the call."""
    linked = await links.read(request, callers, limits)
    return linked or await live.authenticate(request, callers, limits, db, clock)


app = App(
    NAME,
    version=VERSION,
    settings=TessieSettings,
    authenticate=authenticate,
    admit=admit,
    audiences=AUDIENCES,
    middleware=[request_id, access_log, journal, cors, security_headers, rate_limit_headers],
    providers=[
        singleton(Limits),
        singleton(Usage),
        singleton(Callers),
        event(Backfill),
        event(ActionWork),
        event(Journal),
        event(Tessie),
        event(Corrections),
        event(tessieapi.Mirror),
        event(SyncWork),
        event(Estimates),
        event(Publisher),
        event(SyncNews),
        event(ReportNews),
        singleton(Links),
        event(TurnCounter),
        event(Agent),
        event(Dialect),
    ],
    tables=TABLES,
    queues={"CORE_TESSIE_QUEUE": QUEUE},
    limits={"RATE_LIMITER": Limit(600, 60)},
    resources=[
        index.routes,
        health.health_routes(migrations=SCHEMA.migrations, checks={"tessie_api_key": check_key}),
        auth.routes,
        d1.routes,
        tessieapi.routes,
        commands.routes,
        energy_report.routes,
        tariffs.routes,
        tariffs.estimate_routes,
        sync.routes,
        usage.routes,
        live,
        agent_chat.routes,
        conversations.routes,
        actions.routes,
        backfill_workflow.routes,
        openai_dialect.routes,
        retention.routes,
    ],
)
