"""The default app on both runtimes: in process on the local one, and over HTTP in real workerd."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from tests.served import Served, Shared, served_locally

from core_tessie.app import app
from edge.testing import Client, runner
from edge.testing.client import check_secrets
from edge.testing.host import Host, Workers
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
    "TESSIE_BACK_OFF_S": "0",
    "SYNC_RETRY_S": "0",
}
SECRETS = [ENV["ADMIN_API_KEY"], ENV["JWT_SECRET_KEY"], ENV["TESSIE_API_KEY"]]
"""No log may hold them; the runner checks answers and files."""


class Runner(runner.Runner[Client]):
    """Runs cases of the default app; `tessie_port` is the port of its Tessie simulator."""

    def __init__(self, state: Path, tessie_port: int, model: ModelSim | None = None, host: Host | None = None) -> None:
        env = ENV | {"TESSIE_BASE_URL": f"http://127.0.0.1:{tessie_port}"}
        if model is not None and host is None:
            env |= {"LOCAL_AI_URL": model.openai_url, "LOCAL_AI_KEY": model.key}
        super().__init__(app, state, env, KEY, host)
        self.tessie_port = tessie_port


@pytest.fixture(scope="session")
def tessie_port() -> int:
    """Return a port for the simulated Tessie: the same for all tests, so that one Worker serves them all.

    It is below the system's ephemeral ports, and reserved for this process, also while no Tessie runs.
    """
    begin = 20_000 + 100 * (os.getpid() % 100)
    return next(port for port in range(begin, begin + 100) if is_free(port))


def is_free(port: int) -> bool:
    """Tell whether a port is free."""
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
def workers_host(workers: Workers, model_sim: ModelSim) -> Iterator[Host]:
    """Return the runner of the Worker, which starts with the first test that needs it."""
    host = Host(workers, ROOT / "wrangler.toml", ai=model_sim.url)
    yield host
    host.stop()
    check_secrets("the log", "\n".join(host.logs).encode(), SECRETS)


@pytest.fixture
def run(runtime: str, tmp_path: Path, tessie_port: int, model_sim: ModelSim, workers_host: Host) -> Runner:
    """Return a runner on each runtime; a test for the local one alone gives its reason."""
    model_sim.reset()
    return Runner(tmp_path / "state", tessie_port, model_sim, workers_host if runtime == "workers" else None)


SHARED: list[Shared] = []
"""The local server of a process, once a test has asked for it."""


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End the local server with the last test of this folder."""
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        for server in SHARED:
            server.end()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory, tessie_port: int, model_sim: ModelSim) -> Iterator[Shared]:
    """Return the local server, one for all tests of a folder."""

    def serving() -> AbstractContextManager[Served]:
        folder = tmp_path_factory.mktemp("served")
        return served_locally(folder, Runner(folder, tessie_port, model_sim).env)

    server = Shared(serving)
    SHARED.append(server)
    yield server
    server.end()


@pytest.fixture
def local_server(shared_server: Shared) -> Served:
    """Return the local server; it starts with the first test that needs it."""
    return shared_server.start()


@pytest.fixture(params=["local", "workers"])
def served(request: pytest.FixtureRequest, tmp_path: Path, tessie_port: int, model_sim: ModelSim) -> Served:
    """Return the app at a real address on each runtime, with empty tables."""
    model_sim.reset()
    if request.param == "local":
        local: Served = request.getfixturevalue("local_server")
        local.wipe()
        return local
    host: Host = request.getfixturevalue("workers_host")
    asyncio.run(host.client(app, Runner(tmp_path, tessie_port, host=host).env, KEY))
    return Served(host.worker.url.rstrip("/"), "workers")
