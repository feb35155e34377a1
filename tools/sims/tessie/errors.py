"""Error bodies: Tessie's single `error`, and the Fleet API's envelope under `/api/1`."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from sims.tessie.records import Json


def error(path: str, status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error answer to a request for `path`."""
    body: Json = {"error": text}
    if path.startswith("/api/1/") and status != 401:
        body = {"response": None, "error": text, "error_description": ""}
    return JSONResponse(body, status, headers)
