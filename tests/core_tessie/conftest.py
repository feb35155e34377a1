"""The default app in process: real SQLite, the real local runtime, and a simulated Tessie over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from core_tessie.app import app
from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Client

ROOT = Path(__file__).parents[2]
ENV = {
    "ADMIN_API_KEY": "test-admin-key",
    "LOG_LEVEL": "error",
    "TESSIE_API_KEY": "sim-token",
    "TESSIE_BASE_URL": "http://127.0.0.1:9",
    "TESSIE_CALLS_PER_SECOND": "10000",
    "SYNC_RETRY_S": "0",
}

type Case[T] = Callable[[Client], Awaitable[T]]


class Runner:
    """Runs a case with a client of a fresh app; `env` are further settings, `started` starts the queues."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.env = dict(ENV)

    def __call__[T](self, case: Case[T], *, started: bool = False) -> T:
        """Run a case to its end and return what it returns."""
        return asyncio.run(self._run(case, started))

    async def _run[T](self, case: Case[T], started: bool) -> T:
        runtime = LocalRuntime.open(app, self.state, self.env, migrations=ROOT / "migrations")
        try:
            if started:
                await runtime.start(cron=False)
            return await case(Client(app, runtime.ports(), [("authorization", f"Bearer {ENV['ADMIN_API_KEY']}")]))
        finally:
            await runtime.stop()


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """Return a runner on a state folder of its own, with a migrated database."""
    return Runner(tmp_path / "state")
