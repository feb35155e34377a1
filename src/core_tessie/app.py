"""The composition root of the default Worker."""

from core_tessie import (
    NAME,
    VERSION,
    actions,
    agent_chat,
    backfill_workflow,
    commands,
    conversations,
    d1,
    energy_report,
    index,
    live,
    openai_dialect,
    sync,
    tessieapi,
    tickets,
    usage,
)
from core_tessie.action_work import ActionWork
from core_tessie.agent_chat import Agent
from core_tessie.backfill import Backfill
from core_tessie.journal import Journal, journal
from core_tessie.openai_dialect import openai_errors
from core_tessie.openai_exchange import Dialect
from core_tessie.report_summary import ReportNews
from core_tessie.settings import TessieSettings
from core_tessie.sync_news import SyncNews
from core_tessie.sync_work import QUEUE, SyncWork
from core_tessie.tessie import Tessie
from core_tessie.usage_points import Usage
from edge import health
from edge.access import Actor, require_key
from edge.app import App
from edge.http import Request
from edge.live import Publisher
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.ports import Clock, Database, Limit


async def authenticate(request: Request, settings: TessieSettings, db: Database | None, clock: Clock) -> Actor:
    """Believe the one key that opens everything, until each caller has its own; or a ticket, where one is taken."""
    ticket = tickets.presented(request)
    if ticket is not None and db is not None:
        return await tickets.redeem(ticket, db, clock)
    return require_key(request, settings.admin_api_key)


app = App(
    NAME,
    version=VERSION,
    settings=TessieSettings,
    authenticate=authenticate,
    middleware=[request_id, access_log, journal, cors, openai_errors],
    providers=[Backfill, ActionWork, Journal, Tessie, SyncWork, Publisher, Usage, SyncNews, ReportNews, Agent, Dialect],
    queues={"CORE_TESSIE_QUEUE": QUEUE},
    limits={"RATE_LIMITER": Limit(300, 60)},
    resources=[
        index.routes,
        health.routes,
        d1.routes,
        tessieapi.routes,
        commands.routes,
        energy_report.routes,
        sync.routes,
        usage.routes,
        live.routes,
        tickets.routes,
        agent_chat.routes,
        conversations.routes,
        actions.routes,
        backfill_workflow.routes,
        openai_dialect.routes,
    ],
)
