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
    retention,
    sync,
    tessieapi,
    usage,
)
from core_tessie.action_work import ActionWork
from core_tessie.agent_chat import Agent
from core_tessie.backfill import Backfill
from core_tessie.journal import Journal, journal
from core_tessie.live_events import AUDIENCES
from core_tessie.openai_dialect import openai_errors
from core_tessie.openai_exchange import Dialect
from core_tessie.report_summary import ReportNews
from core_tessie.settings import TessieSettings
from core_tessie.sync_news import SyncNews
from core_tessie.sync_work import QUEUE, SyncWork
from core_tessie.tessie import Tessie
from core_tessie.usage_points import Usage
from edge.access import Actor
from edge.app import App
from edge.http import Request
from edge.live import Publisher
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.parts import auth, health, tickets
from edge.parts.callers import Callers
from edge.parts.limits import Limits, rate_limit_headers
from edge.parts.security_headers import security_headers
from edge.ports import Clock, Database, Limit


async def authenticate(request: Request, callers: Callers, limits: Limits, db: Database | None, clock: Clock) -> Actor:
    """Know the caller, who has to be within the limits, by a ticket, where one is taken, or else by a key or token."""
    ticket = tickets.presented(request)
    if ticket is None or db is None:
        actor = await callers.identify(request)
    else:
        actor = await tickets.redeem(ticket, request, callers, db, clock)
    request.actor = actor  # also where it is over a limit: the logs say whose calls are refused
    await limits.count(request, actor)
    return actor


async def admit(request: Request, limits: Limits) -> None:
    """Bound how often strangers call what is public."""
    await limits.admit(request)


async def revalidate(actor: Actor, callers: Callers) -> Actor:
    """Look at the credential of an open socket or stream again."""
    return await callers.revalidate(actor, fresh=True)


async def count_frame(actor: Actor, limits: Limits) -> None:
    """Count a frame of a socket against the caller's limits, as a request."""
    await limits.count_frame(actor)


app = App(
    NAME,
    version=VERSION,
    settings=TessieSettings,
    authenticate=authenticate,
    admit=admit,
    revalidate=revalidate,
    count_frame=count_frame,
    audiences=AUDIENCES,
    middleware=[request_id, access_log, journal, cors, security_headers, rate_limit_headers, openai_errors],
    providers=[
        Limits,
        Callers,
        Backfill,
        ActionWork,
        Journal,
        Tessie,
        SyncWork,
        Publisher,
        Usage,
        SyncNews,
        ReportNews,
        Agent,
        Dialect,
    ],
    queues={"CORE_TESSIE_QUEUE": QUEUE},
    limits={"RATE_LIMITER": Limit(600, 60)},
    resources=[
        index.routes,
        health.routes,
        auth.routes,
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
        retention.routes,
    ],
)
