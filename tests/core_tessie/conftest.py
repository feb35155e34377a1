"""The default app on both runtimes: in process on the local one, and over HTTP in real workerd."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.remote import Host

from core_tessie.app import app
from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Client

ROOT = Path(__file__).parents[2]
KEY = [("authorization", "Bearer test-admin-key")]
ENV = {
    "ADMIN_API_KEY": "test-admin-key",
    "LOG_LEVEL": "error",
    "TESSIE_API_KEY": "sim-token",
    "TESSIE_BASE_URL": "http://127.0.0.1:9",
    "TESSIE_CALLS_PER_SECOND": "10000",
    "TESSIE_DEADLINE_S": "8",
    "SYNC_RETRY_S": "0",
}

type Case[T] = Callable[[Client], Awaitable[T]]


class Runner:
    """Runs a case with a client of a fresh app. `env` are its settings; `tessie_port` is where a Tessie may listen."""

    def __init__(self, state: Path, tessie_port: int) -> None:
        self.state, self.tessie_port = state, tessie_port
        self.env = ENV | {"TESSIE_BASE_URL": f"http://127.0.0.1:{tessie_port}"}

    def __call__[T](self, case: Case[T], *, started: bool = False) -> T:
        """Run a case to its end and return what it returns; `started` starts the queues."""
        return asyncio.run(self._run(case, started))

    async def _run[T](self, case: Case[T], started: bool) -> T:
        runtime = LocalRuntime.open(app, self.state, self.env, migrations=ROOT / "migrations")
        try:
            if started:
                await runtime.start(cron=False)
            return await case(Client(app, runtime.ports(), KEY))
        finally:
            await runtime.stop()


class WorkersRunner(Runner):
    """Runs a case against workerd, where the queues always run."""

    def __init__(self, state: Path, tessie_port: int, host: Host) -> None:
        super().__init__(state, tessie_port)
        self._host = host

    async def _run[T](self, case: Case[T], started: bool) -> T:  # noqa: ARG002
        return await case(await self._host.client(app, self.env, KEY))


@pytest.fixture(scope="session")
def tessie_port() -> int:
    """Return a port for the simulated Tessie: the same for all tests, so that one Worker serves them all."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture(scope="session")
def workers_host() -> Iterator[Host]:
    """Return what runs the Worker; it starts with the first test that asks."""
    host = Host(ROOT / "wrangler.toml")
    yield host
    host.stop()


@pytest.fixture(params=["local", pytest.param("workers", marks=pytest.mark.slow)])
def run(request: pytest.FixtureRequest, tmp_path: Path, tessie_port: int) -> Runner:
    """Return a runner on each runtime; a test that is for the local one alone says why."""
    state = tmp_path / "state"
    if request.param == "local":
        return Runner(state, tessie_port)
    host: Any = request.getfixturevalue("workers_host")
    return WorkersRunner(state, tessie_port, host)


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Leave out, in workerd, what a test says cannot be had there."""
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        callspec = getattr(item, "callspec", None)
        in_workerd = callspec is not None and callspec.params.get("run") == "workers"
        (left if in_workerd and item.get_closest_marker("local_only") else kept).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)
