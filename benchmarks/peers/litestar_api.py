"""The small API in Litestar, with its CORS and Pydantic's model of a body."""

from collections.abc import Iterable
from typing import Any

from litestar import Litestar, get, post
from litestar.config.cors import CORSConfig
from litestar.exceptions import NotFoundException, ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.plugins.pydantic import PydanticInitPlugin
from litestar.response import Response

from benchmarks.api import AREAS, BY_ID, DRIVES, Drive, NewDrive


@get("/health")
async def get_health() -> dict[str, str]:
    """Tell that the service works."""
    return {"status": "ok"}


@get("/drives")
async def list_drives() -> list[Drive]:
    """List the drives."""
    return DRIVES


@post("/drives")
async def add_drive(data: NewDrive) -> dict[str, Any]:
    """Add a drive."""
    return {"id": 51, **data.model_dump()}


@get("/drives/{drive_id:int}")
async def get_drive(drive_id: int) -> Drive:
    """Get one drive."""
    drive = BY_ID.get(drive_id)
    if drive is None:
        raise NotFoundException(f"there is no drive {drive_id}")
    return drive


@get("/files/{rest:path}")
async def get_file(rest: str) -> dict[str, str]:
    """Return the path of the file."""
    return {"path": rest.removeprefix("/")}


def invalid(_request: Any, fault: ValidationException) -> Response[Any]:
    """Answer 422 to an invalid body, as the others do."""
    return Response({"errors": fault.extra}, status_code=422)


def _areas(names: Iterable[str]) -> list[HTTPRouteHandler]:
    handlers: list[HTTPRouteHandler] = []
    for name in names:

        @get(f"/{name}")
        async def get_area() -> dict[str, str]:
            return {"status": "ok"}

        @get(f"/{name}/{{item:str}}")
        async def get_item(item: str) -> dict[str, str]:
            return {"item": item}

        handlers += [get_area, get_item]
    return handlers


app = Litestar(
    [*_areas(AREAS[:15]), get_health, list_drives, add_drive, get_drive, get_file, *_areas(AREAS[15:])],
    cors_config=CORSConfig(allow_origins=["*"]),
    exception_handlers={ValidationException: invalid},
    openapi_config=None,
    plugins=[PydanticInitPlugin()],
    logging_config=None,
)
