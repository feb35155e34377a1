"""The small API in Starlette, with its CORS middleware."""

from collections.abc import Iterable

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.api import AREAS, BY_ID, DRIVES, NewDrive


async def get_health(_request: Request) -> JSONResponse:
    """Tell that the service works."""
    return JSONResponse({"status": "ok"})


async def list_drives(_request: Request) -> JSONResponse:
    """List the drives."""
    return JSONResponse(DRIVES)


async def add_drive(request: Request) -> JSONResponse:
    """Add a drive."""
    try:
        drive = NewDrive.model_validate_json(await request.body())
    except ValidationError as fault:
        return JSONResponse({"errors": fault.errors(include_url=False, include_input=False)}, 422)
    return JSONResponse({"id": 51, **drive.model_dump()}, 201)


async def get_drive(request: Request) -> JSONResponse:
    """Get one drive."""
    drive_id = request.path_params["drive_id"]
    drive = BY_ID.get(drive_id)
    if drive is None:
        raise HTTPException(404, f"there is no drive {drive_id}")
    return JSONResponse(drive)


async def get_file(request: Request) -> JSONResponse:
    """Tell which file was asked for."""
    return JSONResponse({"path": request.path_params["rest"]})


async def get_item(request: Request) -> JSONResponse:
    """Tell which item was asked for."""
    return JSONResponse({"item": request.path_params["item"]})


def _areas(names: Iterable[str]) -> list[Route]:
    pairs = [(Route(f"/{name}", get_health), Route(f"/{name}/{{item}}", get_item)) for name in names]
    return [route for pair in pairs for route in pair]


app = Starlette(
    routes=[
        *_areas(AREAS[:15]),
        Route("/health", get_health),
        Route("/drives", list_drives),
        Route("/drives", add_drive, methods=["POST"]),
        Route("/drives/{drive_id:int}", get_drive),
        Route("/files/{rest:path}", get_file),
        *_areas(AREAS[15:]),
    ],
    middleware=[Middleware(CORSMiddleware, allow_origins=["*"])],
)
