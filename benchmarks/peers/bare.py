"""The small API as a dict and regexes with json.dumps: no features, the least that ASGI can cost."""

import json
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from pydantic import ValidationError

from benchmarks.api import AREAS, BY_ID, DRIVES, NewDrive

type Answer = tuple[int, Any]
type Handler = Callable[[str, bytes], Answer]

HEADERS = [(b"content-type", b"application/json"), (b"access-control-allow-origin", b"*")]


def get_health(_param: str, _body: bytes) -> Answer:
    """Tell that the service works."""
    return 200, {"status": "ok"}


def list_drives(_param: str, _body: bytes) -> Answer:
    """List the drives."""
    return 200, DRIVES


def add_drive(_param: str, body: bytes) -> Answer:
    """Add a drive."""
    try:
        drive = NewDrive.model_validate_json(body)
    except ValidationError as fault:
        return 422, {"errors": fault.errors(include_url=False, include_input=False)}
    return 201, {"id": 51, **drive.model_dump()}


def get_drive(param: str, _body: bytes) -> Answer:
    """Get one drive."""
    drive = BY_ID.get(int(param))
    return (200, drive) if drive else (404, {"error": "not found"})


def get_file(param: str, _body: bytes) -> Answer:
    """Tell which file was asked for."""
    return 200, {"path": param}


def get_item(param: str, _body: bytes) -> Answer:
    """Tell which item was asked for."""
    return 200, {"item": param}


LITERALS: dict[tuple[str, str], Handler] = {("GET", f"/{name}"): get_health for name in [*AREAS, "health"]}
LITERALS |= {("GET", "/drives"): list_drives, ("POST", "/drives"): add_drive}


def _items(names: Iterable[str]) -> list[tuple[re.Pattern[str], Handler]]:
    return [(re.compile(f"/{name}/([^/]+)"), get_item) for name in names]


PATTERNS: list[tuple[re.Pattern[str], Handler]] = [
    *_items(AREAS[:15]),
    (re.compile(r"/drives/(\d+)"), get_drive),
    (re.compile(r"/files/(.+)"), get_file),
    *_items(AREAS[15:]),
]


def answer(method: str, path: str, body: bytes) -> Answer:
    """Find the handler and call it."""
    handler = LITERALS.get((method, path))
    if handler:
        return handler("", body)
    for pattern, handler_ in PATTERNS if method == "GET" else ():
        match = pattern.fullmatch(path)
        if match:
            return handler_(match[1], body)
    return 404, {"error": "not found"}


async def app(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """Take one ASGI connection."""
    body = (await receive())["body"] if scope["method"] == "POST" else b""
    status, value = answer(scope["method"], scope["path"], body)
    await send({"type": "http.response.start", "status": status, "headers": HEADERS})
    await send({"type": "http.response.body", "body": json.dumps(value).encode()})
