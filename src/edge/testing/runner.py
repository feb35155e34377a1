"""Runs a test's case on a fresh app: in process on the local runtime, or over HTTP against real workerd."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from edge.app import App
from edge.http import HeaderList
from edge.runtimes.local.migrations import migrate
from edge.runtimes.local.runtime import LocalRuntime, database_path
from edge.testing.client import Client, check_secrets
from edge.testing.host import Host
from pyedge.client import ROOT

type Case[C, T] = Callable[[C], Awaitable[T]]
"""A test's work with a client, or with the object that an app's tests make of one."""


class Runner[C]:
    """Runs cases with a client of a fresh app; with a `host` in workerd, which always runs the queues.

    `env` are the app's settings, `headers` those that the client sends. Secrets in an answer, in a file of the state or
    in the Worker's log fail the case. A subclass can hand its cases more than a client: see `opened`.
    """

    def __init__(
        self, app: App, state: Path, env: Mapping[str, str], headers: HeaderList, host: Host | None = None
    ) -> None:
        self.app = app
        self.state = state
        self.env = dict(env)
        self.headers = headers
        self.host = host

    @property
    def runtime(self) -> str:
        """The runtime's name: local or workers."""
        return "local" if self.host is None else "workers"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that no answer and no line of the Worker's log may hold: the secret settings, unless overridden."""
        return self.secret_settings

    @property
    def secret_settings(self) -> tuple[str, ...]:
        """The values of the settings that are secret, which no file of the state may hold."""
        return tuple(
            self.env[field.name]
            for field in self.app.settings.fields
            if field.kind == "secret" and field.name in self.env
        )

    def __call__[T](self, case: Case[C, T], *, started: bool = False) -> T:
        """Run a case to its end and return its result; `started` starts the queues of the local runtime."""
        return asyncio.run(self._run(case, started))

    @asynccontextmanager
    async def opened(self, client: Client) -> AsyncIterator[C]:
        """Yield the argument of a case: the client itself, unless a subclass makes more of it."""
        yield cast("C", client)

    async def _run[T](self, case: Case[C, T], started: bool) -> T:
        running = self._local(started) if self.host is None else self._remote(self.host)
        async with running as client, self.opened(client) as argument:
            return await case(argument)

    @asynccontextmanager
    async def _local(self, started: bool) -> AsyncIterator[Client]:
        migrations = ROOT / "migrations" / self.app.migrations
        database = database_path(self.app, self.state)
        if database is not None and not database.exists():
            database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            database.write_bytes(migrated_database(migrations))
        runtime = LocalRuntime.open(self.app, self.state, self.env, migrations=migrations)
        try:
            if started:
                await runtime.start(cron=False)
            yield Client(self.app, runtime.ports(), self.headers, secrets=self.secrets)
        finally:
            await runtime.stop()
            for path in self.state.rglob("*"):
                if path.is_file():
                    check_secrets(str(path), path.read_bytes(), self.secret_settings)

    @asynccontextmanager
    async def _remote(self, host: Host) -> AsyncIterator[Client]:
        yield await host.client(self.app, self.env, self.headers, secrets=self.secrets)
        check_secrets("the Worker's log", "\n".join(host.worker.logs).encode(), self.secrets)


@cache
def migrated_database(migrations: Path) -> bytes:
    """Return the file of an empty database; a test begins with a copy, as migrating costs more than most tests do."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.sqlite"
        migrate(path, migrations)
        return path.read_bytes()
