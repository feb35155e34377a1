"""The default app on both runtimes: in process on the local one, and over HTTP in real workerd."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.remote import Host, RemoteClient
from tests.served import Served, served_locally

from core_tessie.app import app
from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Answer, Client
from sims.model import ModelSim

ROOT = Path(__file__).parents[2]
KEY = [("authorization", "Bearer test-admin-key-for-all-tests")]
ENV = {
    "ADMIN_API_KEY": "test-admin-key-for-all-tests",
    "JWT_SECRET_KEY": "a-signing-key-for-tests-of-32-bytes",
    "RATE_LIMITER": "off",
    "LOG_LEVEL": "error",
    "TESSIE_API_KEY": "sim-token",
    "TESSIE_BASE_URL": "http://127.0.0.1:9",
    "TESSIE_CALLS_PER_SECOND": "10000",
    "TESSIE_DEADLINE_S": "8",
    "SYNC_RETRY_S": "0",
}

type Case[T] = Callable[[Client], Awaitable[T]]


SECRETS = {name: ENV[name] for name in ("ADMIN_API_KEY", "JWT_SECRET_KEY", "TESSIE_API_KEY")}
"""What no case may find in an answer, and none may leave in a file: the whole suite is a canary's."""


def check_untold(what: str, data: bytes) -> None:
    """Refuse data that holds a secret."""
    assert [name for name, secret in SECRETS.items() if secret.encode() in data] == [], what


class Watched(Client):
    """A client that reads each answer for secrets."""

    async def request(self, method: str, target: str, **given: Any) -> Answer:
        answer = await super().request(method, target, **given)
        check_untold(f"{method} {target}", answer.body + repr(answer.headers).encode())
        return answer


class WatchedRemote(RemoteClient):
    """The same over HTTP."""

    async def request(self, method: str, target: str, **given: Any) -> Answer:
        answer = await super().request(method, target, **given)
        check_untold(f"{method} {target}", answer.body + repr(answer.headers).encode())
        return answer


class Runner:
    """Runs a case with a client of a fresh app. `env` are its settings; `tessie_port` is where a Tessie may listen."""

    def __init__(self, state: Path, tessie_port: int, model: ModelSim | None = None) -> None:
        self.state, self.tessie_port = state, tessie_port
        self.env = ENV | {"TESSIE_BASE_URL": f"http://127.0.0.1:{tessie_port}"}
        if model is not None:
            self.env |= {"LOCAL_AI_URL": model.openai_url, "LOCAL_AI_KEY": model.key}

    def __call__[T](self, case: Case[T], *, started: bool = False) -> T:
        """Run a case to its end and return what it returns; `started` starts the queues."""
        return asyncio.run(self._run(case, started))

    async def _run[T](self, case: Case[T], started: bool) -> T:
        runtime = LocalRuntime.open(app, self.state, self.env, migrations=ROOT / "migrations")
        try:
            if started:
                await runtime.start(cron=False)
            return await case(Watched(app, runtime.ports(), KEY))
        finally:
            await runtime.stop()
            for path in self.state.rglob("*"):
                if path.is_file():
                    check_untold(str(path), path.read_bytes())


class WorkersRunner(Runner):
    """Runs a case against workerd, where the queues always run."""

    def __init__(self, state: Path, tessie_port: int, host: Host) -> None:
        super().__init__(state, tessie_port)
        self._host = host

    async def _run[T](self, case: Case[T], started: bool) -> T:  # noqa: ARG002
        return await case(await self._host.client(app, self.env, KEY, WatchedRemote))


@pytest.fixture(scope="session")
def tessie_port() -> int:
    """Return a port for the simulated Tessie: the same for all tests, so that one Worker serves them all.

    It is below those that the system gives away, and of this process alone: nobody takes it while no Tessie runs.
    """
    begin = 20_000 + 100 * (os.getpid() % 100)
    return next(port for port in range(begin, begin + 100) if is_free(port))


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a port."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def model_sim() -> Iterator[ModelSim]:
    """Return the model's server, one for all tests."""
    with ModelSim() as sim:
        yield sim


@pytest.fixture(scope="session")
def workers_host(model_sim: ModelSim) -> Iterator[Host]:
    """Return what runs the Worker; it starts with the first test that asks."""
    host = Host(ROOT / "wrangler.toml", ai=model_sim.url)
    yield host
    host.stop()
    check_untold("the log", "\n".join(host.logs).encode())


@pytest.fixture(params=["local", pytest.param("workers", marks=pytest.mark.slow)])
def run(request: pytest.FixtureRequest, tmp_path: Path, tessie_port: int, model_sim: ModelSim) -> Runner:
    """Return a runner on each runtime; a test that is for the local one alone says why."""
    state = tmp_path / "state"
    model_sim.reset()
    if request.param == "local":
        return Runner(state, tessie_port, model_sim)
    host: Any = request.getfixturevalue("workers_host")
    return WorkersRunner(state, tessie_port, host)


@pytest.fixture(scope="session")
def local_server(tmp_path_factory: pytest.TempPathFactory, tessie_port: int, model_sim: ModelSim) -> Iterator[Served]:
    """Return the local server, one for all tests; it starts with the first that asks."""
    folder = tmp_path_factory.mktemp("served")
    with served_locally(folder, Runner(folder, tessie_port, model_sim).env) as served:
        yield served


@pytest.fixture(params=["local", "workers"])
def served(request: pytest.FixtureRequest, tmp_path: Path, tessie_port: int, model_sim: ModelSim) -> Served:
    """Return the app behind a real address on each runtime, its tables empty."""
    model_sim.reset()
    if request.param == "local":
        local: Served = request.getfixturevalue("local_server")
        local.wipe()
        return local
    host: Host = request.getfixturevalue("workers_host")
    asyncio.run(host.client(app, WorkersRunner(tmp_path, tessie_port, host).env, KEY))
    return Served(host.worker.url.rstrip("/"), "workers")
