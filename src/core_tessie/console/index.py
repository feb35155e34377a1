"""`GET /`: the owner's console for a browser, the index of the API for everything else."""

from core_tessie import NAME
from core_tessie.settings import TessieSettings
from edge import PUBLIC, Operation, Request, Response, Routes
from edge.negotiation import NotAcceptable, best
from edge.ports import Assets
from edge.resources.index import KERNEL, ApiIndex
from edge.version import VERSION

routes = Routes(tag="index", access=PUBLIC)

JSON, HTML = "application/json", "text/html"
LINKS = {
    **KERNEL,
    "d1": "/d1",
    "tessieapi": "/tessieapi/vehicles",
    "colbycommands": "/colbycommands",
    "events": "/events",
    "ws": "/ws",
}


@routes.get("", NotAcceptable, operation=Operation({200: {JSON: ApiIndex, HTML: str}}))
async def get_index(request: Request, assets: Assets, settings: TessieSettings) -> Response:
    """Get the console page, or the index of the API.

    Browsers get the page, as their Accept header prefers text/html; all others get the index.
    """
    media_type = best(request.headers.get("accept"), (JSON, HTML))
    if media_type is None:
        raise NotAcceptable((JSON, HTML))
    page = await assets.get("/", request.headers.get("if-none-match")) if media_type == HTML else None
    response = page or Response.json(
        ApiIndex(name=NAME, version=VERSION, environment=settings.environment, links=LINKS)
    )
    response.headers = [pair for pair in response.headers if not pair[0].startswith("access-control-")]
    response.headers.append(("vary", "accept"))
    return response
