"""The composition root of the default Worker."""

from core_tessie.settings import TessieSettings
from edge import health
from edge.access import one_key
from edge.app import App
from edge.http import Request
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.settings import Secret


def admin_key(request: Request) -> Secret:
    """Return the one key that opens everything until there are keys for each caller."""
    settings = request.ports.settings
    assert isinstance(settings, TessieSettings)
    return settings.admin_api_key


app = App(
    "core-tessie-api",
    version="0.1.0",
    settings=TessieSettings,
    authenticate=one_key(admin_key),
    middleware=[request_id, access_log, cors],
    queues={"CORE_TESSIE_QUEUE": "core-tessie-queue"},
    resources=[health.routes],
)
