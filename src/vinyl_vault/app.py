"""The composition root: all resources, providers and middleware of this Worker."""

from edge import Actor, App, Clock, Limit, Ports, Request, SystemDatabase
from edge.auth.accounts.letters import Pages
from edge.auth.accounts.routes import Accounts
from edge.auth.audit import audit_routes, record
from edge.auth.callers import Callers
from edge.auth.callers import authenticate as identify
from edge.auth.limits import Limits, admit, rate_limit_headers
from edge.data import ScopedDatabase
from edge.injection import event, singleton
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.middleware.security_headers import security_headers
from edge.resources.jobs import job_routes
from edge.resources.service_health import service_routes
from edge.resources.site_index import site_index_routes
from edge.version import VERSION
from vinyl_vault import NAME, retention
from vinyl_vault.chat import routes as chat
from vinyl_vault.collection import own_covers, shares, stats, values
from vinyl_vault.collection import routes as collection
from vinyl_vault.discogs import wiring as discogs
from vinyl_vault.members import member_of
from vinyl_vault.schema import SCHEMA
from vinyl_vault.settings import VaultSettings
from vinyl_vault.sync import routes as sync
from vinyl_vault.sync.store import Bounds, SyncStore
from vinyl_vault.tables import TABLES
from vinyl_vault.transfer import wiring as transfer
from vinyl_vault.transfer.uploads import remove_files

LINKS = {"collection": "/api/collection", "stats": "/api/stats"}


def make_limits(settings: VaultSettings, clock: Clock) -> Limits:
    """Return the rate limits of users and of anonymous clients; this app has no daily quotas."""
    return Limits(settings.rate_limiter, None, clock)


def make_store(db: ScopedDatabase, ports: Ports, clock: Clock, settings: VaultSettings) -> SyncStore:
    """Return the store of the caller's records; raises `MembersOnly` unless the caller is a user."""
    return SyncStore(db, member_of(ports.caller).name, clock, Bounds(settings.most_records, settings.most_conflicts))


async def authenticate(
    request: Request, callers: Callers, limits: Limits, db: SystemDatabase | None, clock: Clock
) -> Actor:
    """Identify the caller, and record a change by an administrator in the audit log."""
    return await record(request, await identify(request, callers, limits), db, clock)


app = App(
    NAME,
    version=VERSION,
    settings=VaultSettings,
    authenticate=authenticate,
    admit=admit,
    middleware=[request_id, access_log, cors, security_headers, rate_limit_headers],
    providers=[
        singleton(make_limits),
        event(make_store),
        event(shares.SharedCollections),
        *discogs.PROVIDERS,
        *transfer.PROVIDERS,
        event(chat.Chat),
    ],
    tables=TABLES,
    limits={"RATE_LIMITER": Limit(300, 60), **discogs.LIMITS},
    migrations="vinyl_vault",
    resources=[
        site_index_routes(NAME, VERSION, LINKS),
        service_routes(migrations=SCHEMA.migrations),
        Accounts(erased=remove_files, pages=Pages(register="/confirm", reset="/reset", email="/confirm-email")),
        *discogs.RESOURCES,
        sync.routes,
        sync.conflicts,
        *transfer.RESOURCES,
        chat.routes,
        shares.routes,
        shares.public,
        collection.routes,
        own_covers.routes,
        stats.routes,
        values.routes,
        retention.routes,
        audit_routes("/api/admin/audit"),
        job_routes(),
    ],
)
