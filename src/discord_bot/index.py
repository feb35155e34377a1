"""`GET /`: what is served here."""

from pydantic import BaseModel

from discord_bot import NAME, VERSION
from discord_bot.settings import BotSettings
from edge.access import PUBLIC
from edge.routes import Routes

routes = Routes(tag="index", access=PUBLIC)

LINKS = {
    "health": "/health",
    "openapi": "/openapi.json",
    "docs": "/docs",
    "interactions": "/interactions",
    "notifications": "/notifications",
    "jobs": "/jobs",
}


class BotIndex(BaseModel):
    """What is served here: `links` are paths on this host."""

    name: str
    version: str
    environment: str
    links: dict[str, str]


@routes.get("")
async def get_index(settings: BotSettings) -> BotIndex:
    """Get the index of the API."""
    return BotIndex(name=NAME, version=VERSION, environment=settings.environment, links=LINKS)
