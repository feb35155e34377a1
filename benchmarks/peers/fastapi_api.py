"""The small API in FastAPI, with response models and Starlette's CORS middleware."""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel

from benchmarks.api import AREAS, BY_ID, DRIVES, NewDrive


class DriveOut(NewDrive):
    """One drive."""

    id: int


class Status(BaseModel):
    """How the service is."""

    status: str


class File(BaseModel):
    """A file's path."""

    path: str


class Item(BaseModel):
    """An item's name."""

    item: str


async def get_health() -> Any:
    """Tell that the service works."""
    return {"status": "ok"}


async def list_drives() -> Any:
    """List the drives."""
    return DRIVES


async def add_drive(drive: NewDrive) -> Any:
    """Add a drive."""
    return {"id": 51, **drive.model_dump()}


async def get_drive(drive_id: int) -> Any:
    """Get one drive."""
    drive = BY_ID.get(drive_id)
    if drive is None:
        raise HTTPException(404, f"there is no drive {drive_id}")
    return drive


async def get_file(rest: str) -> Any:
    """Tell which file was asked for."""
    return {"path": rest}


async def get_item(item: str) -> Any:
    """Tell which item was asked for."""
    return {"item": item}


def _add_areas(names: Iterable[str]) -> None:
    for name in names:
        app.add_api_route(f"/{name}", get_health, response_model=Status)
        app.add_api_route(f"/{name}/{{item}}", get_item, response_model=Item)


app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=["*"])
_add_areas(AREAS[:15])
app.add_api_route("/health", get_health, response_model=Status)
app.add_api_route("/drives", list_drives, response_model=list[DriveOut])
app.add_api_route("/drives", add_drive, response_model=DriveOut, methods=["POST"], status_code=201)
app.add_api_route("/drives/{drive_id}", get_drive, response_model=DriveOut)
app.add_api_route("/files/{rest:path}", get_file, response_model=File)
_add_areas(AREAS[15:])
