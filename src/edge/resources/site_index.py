"""`GET /` of a Worker with a site: its page for browsers, the index of the API for everything else."""

from collections.abc import Mapping

from edge.access import PUBLIC
from edge.endpoint import Operation
from edge.http import Response
from edge.negotiation import NotAcceptable, best
from edge.ports import Assets
from edge.request import Request
from edge.resources.index import KERNEL, ApiIndex
from edge.routes import Routes
from edge.settings import Settings

JSON, HTML = "application/json", "text/html"


def site_index_routes(name: str, version: str, links: Mapping[str, str]) -> Routes:
    """Return the resource for an app with an `index.html` among its static files; `links` are its own, by their names.

    On Workers `/` must be in `run_worker_first`, as a static file is served without the Worker otherwise.
    """
    group = Routes(tag="index", access=PUBLIC)

    @group.get("", NotAcceptable, operation=Operation({200: {JSON: ApiIndex, HTML: str}}))
    async def get_index(request: Request, assets: Assets, settings: Settings) -> Response:
        """Get the site's page, or the index of the API.

        The page goes to a caller whose Accept header prefers text/html, as browsers do; the index to all others.
        """
        media_type = best(request.headers.get("accept"), (JSON, HTML))
        if media_type is None:
            raise NotAcceptable((JSON, HTML))
        page = await assets.get("/", request.headers.get("if-none-match")) if media_type == HTML else None
        index = ApiIndex(name=name, version=version, environment=settings.environment, links={**KERNEL, **links})
        response = page or Response.json(index)
        response.headers = [pair for pair in response.headers if not pair[0].startswith("access-control-")]
        response.headers.append(("vary", "accept"))
        return response

    return group
