"""The small API in BlackSheep, with its CORS; bodies are validated by Pydantic."""

from collections.abc import Callable, Iterable

from blacksheep import Application, Request, Response, Router, json
from pydantic import ValidationError

from benchmarks.api import AREAS, BY_ID, DRIVES, NewDrive


async def get_health() -> Response:
    """Tell that the service works."""
    return json({"status": "ok"})


async def list_drives() -> Response:
    """List the drives."""
    return json(DRIVES)


def refuse(fault: ValidationError, _request: Request) -> Response:
    """Tell what is wrong with a body."""
    return json({"errors": fault.errors(include_url=False, include_input=False)}, 422)


async def get_drive(drive_id: int) -> Response:
    """Get one drive."""
    drive = BY_ID.get(drive_id)
    return json(drive) if drive is not None else json({"error": f"there is no drive {drive_id}"}, 404)


async def get_file(rest: str) -> Response:
    """Return the path of the file."""
    return json({"path": rest})


async def get_item(item: str) -> Response:
    """Return the item."""
    return json({"item": item})


def _add_areas(app: Application, names: Iterable[str]) -> None:
    for name in names:
        app.router.add_get(f"/{name}", get_health)
        app.router.add_get(f"/{name}/{{item}}", get_item)


def build(refuse: Callable[[ValidationError, Request], Response]) -> Application:
    """Return the application."""

    async def add_drive(request: Request) -> Response:
        try:
            drive = NewDrive.model_validate_json(await request.read() or b"")
        except ValidationError as fault:
            return refuse(fault, request)
        return json({"id": 51, **drive.model_dump()}, 201)

    app = Application(router=Router(), show_error_details=False)
    app.use_cors(allow_methods="*", allow_origins="*", allow_headers="*")
    _add_areas(app, AREAS[:15])
    app.router.add_get("/health", get_health)
    app.router.add_get("/drives", list_drives)
    app.router.add_post("/drives", add_drive)
    app.router.add_get("/drives/{drive_id}", get_drive)
    app.router.add_get("/files/{path:rest}", get_file)
    _add_areas(app, AREAS[15:])
    return app


app = build(refuse)
