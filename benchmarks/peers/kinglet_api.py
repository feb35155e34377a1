"""The small API in Kinglet, with its CORS middleware, behind its own entry and a stand-in for the Workers SDK."""

import json
import sys
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from benchmarks.api import AREAS, BY_ID, DRIVES, NewDrive


class WorkersResponse:
    """As much of `workers.Response` as Kinglet uses: without it each request would pay for failing imports."""

    def __init__(self, body: Any, status: int = 200, headers: Any = None) -> None:
        self.body = body
        self.status = status
        self.headers = headers

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Any = None) -> "WorkersResponse":
        """Return a value as JSON."""
        return cls(json.dumps(value).encode(), status, headers)


workers = ModuleType("workers")
workers.Response = WorkersResponse  # type: ignore[attr-defined]
sys.modules.setdefault("workers", workers)

kinglet: Any = import_module("kinglet")  # it has no types, and looks for the SDK when it is imported


async def get_health(_request: Any) -> Any:
    """Tell that the service works."""
    return {"status": "ok"}


async def list_drives(_request: Any) -> Any:
    """List the drives."""
    return kinglet.Response(DRIVES)


async def add_drive(request: Any) -> Any:
    """Add a drive."""
    try:
        drive = NewDrive.model_validate_json(await request.text())
    except ValidationError as fault:
        return kinglet.Response({"errors": fault.errors(include_url=False, include_input=False)}, 422)
    return kinglet.Response({"id": 51, **drive.model_dump()}, 201)


async def get_drive(request: Any) -> Any:
    """Get one drive."""
    drive_id = request.path_param_int("drive_id")
    drive = BY_ID.get(drive_id)
    if drive is None:
        raise kinglet.HTTPError(404, f"there is no drive {drive_id}")
    return drive


async def get_file(request: Any) -> Any:
    """Tell which file was asked for."""
    return {"path": request.path_param("rest")}


async def get_item(request: Any) -> Any:
    """Tell which item was asked for."""
    return {"item": request.path_param("item")}


def _add_areas(names: Iterable[str]) -> None:
    for name in names:
        app.get(f"/{name}", public=True)(get_health)
        app.get(f"/{name}/{{item}}", public=True)(get_item)


app = kinglet.Kinglet()
app.add_middleware(kinglet.CorsMiddleware())
_add_areas(AREAS[:15])
app.get("/health", public=True)(get_health)
app.get("/drives", public=True)(list_drives)
app.post("/drives", public=True)(add_drive)
app.get("/drives/{drive_id:int}", public=True)(get_drive)
app.get("/files/{rest:path}", public=True)(get_file)
_add_areas(AREAS[15:])
