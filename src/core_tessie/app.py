"""The composition root of the default Worker."""

from core_tessie import NAME, VERSION, commands, d1, energy_report, index, sync, tessieapi
from core_tessie.journal import Journal, journal
from core_tessie.settings import TessieSettings
from core_tessie.sync_work import QUEUE, SyncWork
from core_tessie.tessie import Tessie
from edge import health
from edge.access import Actor, require_key
from edge.app import App
from edge.http import Request
from edge.live import Publisher
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id


async def authenticate(request: Request, settings: TessieSettings) -> Actor:
    """Believe the one key that opens everything, until there are keys for each caller."""
    return require_key(request, settings.admin_api_key)


app = App(
    NAME,
    version=VERSION,
    settings=TessieSettings,
    authenticate=authenticate,
    middleware=[request_id, access_log, journal, cors],
    providers=[Journal, Tessie, SyncWork, Publisher],
    queues={"CORE_TESSIE_QUEUE": QUEUE},
    resources=[
        index.routes,
        health.routes,
        d1.routes,
        tessieapi.routes,
        commands.routes,
        energy_report.routes,
        sync.routes,
    ],
)
