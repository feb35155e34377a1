"""The small API in this kernel: every middleware, and a key for all drives."""

from collections.abc import Iterable

from benchmarks.api import AREAS, BY_ID, DRIVES, Drive, NewDrive
from edge.access import PUBLIC, READER, Actor
from edge.app import App
from edge.auth.keys import require_key
from edge.auth.limits import rate_limit_headers
from edge.endpoint import Body
from edge.errors import NotFound
from edge.middleware.access_log import access_log
from edge.middleware.cors import cors
from edge.middleware.request_id import request_id
from edge.middleware.security_headers import security_headers
from edge.request import Request
from edge.routes import Routes
from edge.settings import AccessKey, Settings

public = Routes(tag="public", access=PUBLIC)
drives = Routes("/drives", tag="drives", access=READER)


class SmallSettings(Settings):
    """The key."""

    api_key: AccessKey


class DriveNotFound(NotFound):
    """No such drive."""

    title = "No such drive"


@public.get("/health")
async def get_health() -> dict[str, str]:
    """Tell that the service works."""
    return {"status": "ok"}


@drives.get()
async def list_drives() -> list[Drive]:
    """List the drives."""
    return DRIVES


@drives.get("/{drive_id}", DriveNotFound)
async def get_drive(drive_id: int) -> Drive:
    """Get one drive."""
    drive = BY_ID.get(drive_id)
    if drive is None:
        raise DriveNotFound(f"there is no drive {drive_id}")
    return drive


@drives.post(status=201)
async def add_drive(drive: Body[NewDrive]) -> Drive:
    """Add a drive."""
    return {
        "id": 51,
        "vin": drive.vin,
        "started_at": drive.started_at,
        "ended_at": drive.ended_at,
        "distance_mi": drive.distance_mi,
        "energy_kwh": drive.energy_kwh,
        "autopilot": drive.autopilot,
        "tag": drive.tag,
    }


@public.get("/files/{rest:path}")
async def get_file(rest: str) -> dict[str, str]:
    """Tell which file was asked for."""
    return {"path": rest}


def _areas(names: Iterable[str]) -> Routes:
    routes = Routes(tag="areas", access=PUBLIC)
    for name in names:
        routes.get(f"/{name}")(_get_area)
        routes.get(f"/{name}/{{item}}")(_get_item)
    return routes


async def _get_area() -> dict[str, str]:
    return {"status": "ok"}


async def _get_item(item: str) -> dict[str, str]:
    return {"item": item}


async def authenticate(request: Request, settings: SmallSettings) -> Actor:
    """Believe the one key."""
    return require_key(request, settings.api_key)


app = App(
    "small",
    version="1",
    settings=SmallSettings,
    authenticate=authenticate,
    middleware=[request_id, access_log, cors, security_headers, rate_limit_headers],
    resources=[_areas(AREAS[:15]), public, drives, _areas(AREAS[15:])],
)
