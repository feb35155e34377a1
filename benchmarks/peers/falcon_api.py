"""The small API in Falcon (falcon.asgi), with its CORS middleware."""

from collections.abc import Iterable
from typing import Any

import falcon
import falcon.asgi
from pydantic import ValidationError

from benchmarks.api import AREAS, BY_ID, DRIVES, NewDrive


class Health:
    async def on_get(self, _req: Any, resp: Any) -> None:
        resp.media = {"status": "ok"}


class Drives:
    async def on_get(self, _req: Any, resp: Any) -> None:
        resp.media = DRIVES

    async def on_post(self, req: Any, resp: Any) -> None:
        try:
            drive = NewDrive.model_validate_json(await req.stream.read())
        except ValidationError as fault:
            resp.status = 422
            self.refuse(fault, req, resp)
            return
        resp.status = 201
        resp.media = {"id": 51, **drive.model_dump()}

    def refuse(self, fault: ValidationError, _req: Any, resp: Any) -> None:
        resp.media = {"errors": fault.errors(include_url=False, include_input=False)}


class DriveById:
    async def on_get(self, _req: Any, resp: Any, drive_id: int) -> None:
        drive = BY_ID.get(drive_id)
        if drive is None:
            raise falcon.HTTPNotFound(description=f"there is no drive {drive_id}")
        resp.media = drive


class File:
    async def on_get(self, _req: Any, resp: Any, rest: str) -> None:
        resp.media = {"path": rest}


class Item:
    async def on_get(self, _req: Any, resp: Any, item: str) -> None:
        resp.media = {"item": item}


def _add_areas(app: Any, names: Iterable[str]) -> None:
    for name in names:
        app.add_route(f"/{name}", Health())
        app.add_route(f"/{name}/{{item}}", Item())


def build(drives: Drives) -> Any:
    """Return the application."""
    app = falcon.asgi.App(middleware=[falcon.CORSMiddleware()])
    _add_areas(app, AREAS[:15])
    app.add_route("/health", Health())
    app.add_route("/drives", drives)
    app.add_route("/drives/{drive_id:int}", DriveById())
    app.add_route("/files/{rest:path}", File())
    _add_areas(app, AREAS[15:])
    return app


app = build(Drives())
