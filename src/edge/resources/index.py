"""`GET /`: the index of the service."""

from collections.abc import Mapping
from typing import TypedDict

from edge.access import PUBLIC
from edge.routes import Routes
from edge.settings import Settings

KERNEL = {"health": "/health", "openapi": "/openapi.json", "openapi_yaml": "/openapi.yaml", "docs": "/docs"}
"""The links of every app."""


class ApiIndex(TypedDict):
    """The index of the service: `links` are paths on this host."""

    name: str
    version: str
    environment: str
    links: dict[str, str]


def index_routes(name: str, version: str, links: Mapping[str, str]) -> Routes:
    """Return the resource for an app with further `links`, by their names, beside those of every app."""
    group = Routes(tag="index", access=PUBLIC)

    @group.get()
    async def get_index(settings: Settings) -> ApiIndex:
        """Get the index of the API."""
        return ApiIndex(name=name, version=version, environment=settings.environment, links={**KERNEL, **links})

    return group
