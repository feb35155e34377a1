"""`GET /`: what is served here."""

from pydantic import BaseModel

from edge.access import PUBLIC
from edge.routes import Routes
from platform_api import NAME, VERSION

routes = Routes(tag="index", access=PUBLIC)

LINKS = {
    "health": "/health",
    "openapi": "/openapi.json",
    "openapi_yaml": "/openapi.yaml",
    "docs": "/docs",
    "events": "/api/v1/content/events",
    "posts": "/api/v1/content/posts",
    "stats": "/api/v1/platform/stats",
    "status": "/api/v1/platform/status",
    "discord": "/api/v1/discord/events",
}


class ApiIndex(BaseModel):
    """What is served here: `links` are paths on this host."""

    name: str
    version: str
    links: dict[str, str]


@routes.get()
async def get_index() -> ApiIndex:
    """Get the index of the API."""
    return ApiIndex(name=NAME, version=VERSION, links=LINKS)
