"""The local runtime: one state folder, an adapter for each binding, and what runs beside the requests."""

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, Self

from edge.app import App
from edge.crypto import Crypto
from edge.errors import NotConfigured
from edge.live import Events
from edge.model import Model
from edge.ports import (
    Assets,
    Background,
    Bucket,
    Clock,
    Database,
    Fetch,
    KeyValue,
    Log,
    PortError,
    Ports,
    Queue,
    Quotas,
    RateLimiter,
    Throttle,
)
from edge.runtimes.local.assets import LocalAssets
from edge.runtimes.local.background import LocalBackground
from edge.runtimes.local.bucket import LocalBucket
from edge.runtimes.local.clock import Cron, LocalClock
from edge.runtimes.local.consumers import Consumers
from edge.runtimes.local.crypto import LocalCrypto
from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.events import LocalEvents
from edge.runtimes.local.fetch import LocalFetch
from edge.runtimes.local.key_value import LocalKeyValue
from edge.runtimes.local.log import LocalLog
from edge.runtimes.local.migrations import migrate
from edge.runtimes.local.model import LocalModel
from edge.runtimes.local.queue import LocalQueue, QueueStore
from edge.runtimes.local.quotas import LocalQuotas
from edge.runtimes.local.rate_limiter import LocalRateLimiter
from edge.runtimes.local.telemetry import LocalTelemetry
from edge.runtimes.local.throttle import LocalThrottle
from edge.settings import Field
from edge.telemetry import Telemetry

GRACE = 10.0
"""Seconds that work in flight has to end when the runtime stops."""


class Closable(Protocol):
    """An adapter that holds a file open."""

    def close(self) -> None:
        """Close it."""


class StartError(PortError):
    """The runtime cannot be opened; the message is one line for the person who starts it."""


class LocalRuntime:
    """An app with its ports on one machine. Made by `open`; ends with `stop`, started or not."""

    def __init__(self, app: App, state: Path, env: Mapping[str, str], assets: Path | None, opened: ExitStack) -> None:
        self.app, self.state, self._opened = app, state, opened
        self.queues = self._keep(QueueStore(state / "queues.sqlite"))
        self.events: list[LocalEvents] = []
        self._env, self._models = env, list[LocalModel]()
        bindings = {field.name: self._bind(field) for field in app.settings.fields if field.port}
        self.settings = app.settings({**env, **bindings})
        self.log = LocalLog("info" if "log_level" in self.settings.faults else self.settings.log_level)
        self.clock, self.fetch, self.background = LocalClock(), LocalFetch(), LocalBackground(self.log)
        self._runtime: dict[Any, object] = {
            Assets: LocalAssets(assets),
            Background: self.background,
            Clock: self.clock,
            Crypto: LocalCrypto(),
            Fetch: self.fetch,
            Log: self.log,
        }
        self._ports = Ports(self.settings, self._runtime)
        crons = (cron for cron, _ in app.jobs)
        self.cron = Cron(crons, lambda tick: app.scheduled(tick, self.ports()), state / "cron.json")
        self.consumers = Consumers(app, self.queues, self.ports, self.log)

    @classmethod
    def open(
        cls,
        app: App,
        state: Path,
        env: Mapping[str, str],
        *,
        assets: Path | None = None,
        migrations: Path | None = None,
    ) -> Self:
        """Open the state folder, made where it is missing, and bring the app's first database up to date."""
        check_keys(app, env)
        try:
            make_state(state)
            if migrations is not None and (database := database_path(app, state)) is not None:
                migrate(database, migrations)
            with ExitStack() as opened:
                runtime = cls(app, state, env, assets, opened)
                runtime._opened = opened.pop_all()
            return runtime
        except (OSError, sqlite3.Error, PortError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else fault
            raise StartError(f"the state folder {state} cannot be used: {reason}") from None

    def ports(self) -> Ports:
        """Return the ports: one for the whole process, so that what the app provides (a budget of calls) is shared."""
        return self._ports

    async def start(self, *, cron: bool = True) -> None:
        """Begin to consume queues, and to fire cron jobs unless told not to."""
        self.consumers.start()
        if cron:
            self.cron.start(self.clock, self.background)

    async def stop(self, grace: float = GRACE) -> None:
        """Let what is in flight end, keep what is queued, and close all files."""
        for log in self.events:
            await log.end()
        await self.cron.stop()
        await self.consumers.stop(grace)
        await self.background.drain(grace)
        await self.fetch.close()
        for model in self._models:
            await model.close()
        self._opened.close()

    def _keep[A: Closable](self, adapter: A) -> A:
        self._opened.callback(adapter.close)
        return adapter

    def _model(self) -> LocalModel | None:
        """Return the model that LOCAL_AI_URL names, the base address of any server with OpenAI's `/v1`; or None."""
        if not (url := self._env.get("LOCAL_AI_URL")):
            return None
        self._models.append(LocalModel(url, self._env.get("LOCAL_AI_KEY")))
        return self._models[-1]

    def _keep_events(self, name: str) -> LocalEvents:
        log = LocalEvents(self.state / "events" / f"{name}.sqlite", self.app, self.ports)
        self.events.append(self._keep(log))
        return log

    def _bind(self, field: Field) -> object:
        name, state = field.name, self.state
        makers: dict[Any, Callable[[], object]] = {
            Database: lambda: self._keep(LocalDatabase(state / "d1" / f"{name}.sqlite")),
            KeyValue: lambda: self._keep(LocalKeyValue(state / "kv" / f"{name}.sqlite")),
            Bucket: lambda: self._keep(LocalBucket(state / "r2" / name)),
            Events: lambda: self._keep_events(name),
            Queue: lambda: LocalQueue(self.queues, self.app.queues[name]),
            Quotas: lambda: self._keep(LocalQuotas(state / "quotas" / f"{name}.sqlite")),
            Throttle: lambda: self._keep(LocalThrottle(state / "throttles" / f"{name}.sqlite")),
            RateLimiter: lambda: LocalRateLimiter(self.app.limits[name]),
            Model: self._model,
            Telemetry: lambda: self._keep(LocalTelemetry(state / "analytics" / f"{name}.sqlite", lambda: self.log)),
        }
        if field.port is Queue and name not in self.app.queues:
            raise StartError(f"the app's queues= gives no queue for the binding {name}")
        if field.port is RateLimiter and name not in self.app.limits:
            raise StartError(f"the app's limits= gives no limit for the binding {name}")
        is_off = self._env.get(name) == "off" and not field.required
        return makers[field.port]() if field.port in makers and not is_off else None


def check_keys(app: App, env: Mapping[str, str]) -> None:
    """Raise `StartError` for an access key that is too short, or is no hash where it says so: it could be guessed."""
    for field in app.settings.fields:
        if field.is_access_key and env.get(field.name):
            try:
                field.read(env)
            except NotConfigured as fault:
                raise StartError(fault.detail) from None


def make_state(state: Path) -> None:
    """Make the folder, for its owner only, and those in it."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in ("d1", "kv", "r2"):
        (state / part).mkdir(exist_ok=True)
    if not os.access(state, os.W_OK):
        raise PermissionError(0, "it cannot be written to")


def database_path(app: App, state: Path) -> Path | None:
    """Return the file of the app's first database binding, or None."""
    return next(
        (state / "d1" / f"{field.name}.sqlite" for field in app.settings.fields if field.port is Database), None
    )
