"""`GET /`: the owner's console for a browser, the index of the API for everything else."""

from pydantic import BaseModel

from core_tessie import NAME, VERSION
from core_tessie.settings import TessieSettings
from edge.access import PUBLIC
from edge.endpoint import Operation
from edge.http import Request, Response
from edge.parts.negotiation import NotAcceptable, best
from edge.ports import Assets
from edge.routes import Routes

routes = Routes(tag="index", access=PUBLIC)

JSON, HTML = "application/json", "text/html"
LINKS = {
    "health": "/health",
    "openapi": "/openapi.json",
    "openapi_yaml": "/openapi.yaml",
    "docs": "/docs",
    "d1": "/d1",
    "tessieapi": "/tessieapi/vehicles",
    "colbycommands": "/colbycommands",
    "events": "/events",
    "ws": "/ws",
}


class ApiIndex(BaseModel):
    """What is served here: `links` are paths on this host."""

    name: str
    version: str
    environment: str
    links: dict[str, str]


@routes.get("", NotAcceptable, operation=Operation({200: {JSON: ApiIndex, HTML: str}}))
async def get_index(request: Request, assets: Assets, settings: TessieSettings) -> Response:
    """Get the console page, or the index of the API.

    The page for a caller whose Accept header prefers text/html, as browsers do; the index for all others.
    """
    wanted = best(request.headers.get("accept"), (JSON, HTML))
    if wanted is None:
        raise NotAcceptable((JSON, HTML))
    page = await assets.get("/", request.headers.get("if-none-match")) if wanted == HTML else None
    response = page or Response.json(
        ApiIndex(name=NAME, version=VERSION, environment=settings.environment, links=LINKS)
    )
    response.headers.append(("vary", "accept"))
    return response
