"""Small real implementations of the ports, and an app of any resources with a client on it."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from edge.access import ADMIN, Actor
from edge.app import App
from edge.auth.keys import presented_key
from edge.context import Ports
from edge.errors import Unauthorized
from edge.http import Response
from edge.ports import Assets, Background, Clock, Log
from edge.request import Request
from edge.routes import Routes
from edge.settings import Settings
from edge.testing import Client

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = "the-admin-key"


class Lines:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def __call__(self, level: str, message: str, **fields: object) -> None:
        self.lines.append({"level": level, "message": message, **fields})

    def writes(self, _level: str) -> bool:
        return True


class Files:
    """Static files from a mapping of path to text."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    async def get(self, path: str, if_none_match: str | None = None) -> Response | None:
        text = self._files.get(path)
        if text is None:
            return None
        return Response(status=304) if if_none_match == '"1"' else Response.text(text)


class StoppedClock:
    """A clock that stands at noon."""

    def now(self) -> datetime:
        return NOON

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0))


class Later:
    """Background work that is kept until a test runs it."""

    def __init__(self) -> None:
        self.work: list[Coroutine[Any, Any, object]] = []

    def add(self, work: Coroutine[Any, Any, object]) -> None:
        self.work.append(work)


async def one_known_key(request: Request) -> Actor:
    if presented_key(request) != KEY:
        raise Unauthorized("the key is not known")
    return Actor("admin", ADMIN)


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
def serve(log: Lines) -> Callable[..., Client]:
    """Return a maker of clients: resources, and by name the environment, static files and an app's other parts."""

    def make(
        *resources: Routes,
        settings: type[Settings] = Settings,
        env: Mapping[str, Any] | None = None,
        files: Mapping[str, str] | None = None,
        **parts: Any,
    ) -> Client:
        parts = {"authenticate": one_known_key, **parts}
        app = App("test", version="1", settings=settings, resources=resources, **parts)
        runtime = {Log: log, Assets: Files(files or {}), Clock: StoppedClock(), Background: Later()}
        return Client(app, Ports(settings(env or {}), runtime))

    return make
