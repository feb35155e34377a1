"""The local runtime: one state folder, an adapter for each binding, and background loops."""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from edge.app import App
from edge.context import Ports
from edge.errors import NotConfigured
from edge.ports import (
    Assets,
    Background,
    Bucket,
    Clock,
    Database,
    Fetch,
    KeyValue,
    Log,
    Mailer,
    PortError,
    Queue,
    Quotas,
    RateLimiter,
    Throttle,
)
from edge.ports.crypto import Crypto
from edge.ports.events import Events
from edge.ports.executor import Executor
from edge.ports.model import Model, ModelServers
from edge.ports.telemetry import Telemetry
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
from edge.runtimes.local.mailer import LocalMailer
from edge.runtimes.local.migrations import migrate
from edge.runtimes.local.model import LocalModel, LocalModelServers
from edge.runtimes.local.proxies import TrustedProxies
from edge.runtimes.local.queue import LocalQueue, QueueStore
from edge.runtimes.local.quotas import LocalQuotas
from edge.runtimes.local.rate_limiter import LocalRateLimiter
from edge.runtimes.local.telemetry import LocalTelemetry
from edge.runtimes.local.throttle import LocalThrottle
from edge.settings import Field

if TYPE_CHECKING:
    from edge.runtimes.local.sandbox.sandbox import LocalSandbox

GRACE = 10.0
"""Seconds that work in flight has to end when the runtime stops."""
_MADE = ("d1", "kv", "r2")
_FOLDERS = (*_MADE, "analytics", "events", "mail", "quotas")
_FILES = ("*.sqlite", "*.sqlite-*", "cron.*", "*_key", "*_secret")


class Closable(Protocol):
    """An adapter that holds a file open."""

    def close(self) -> None:
        """Close it."""


class StartError(PortError):
    """The runtime cannot be opened; the message is one line for the person who starts it."""


class LocalRuntime:
    """An app with its ports on one machine. Made by `open`; ends with `stop`, started or not."""

    def __init__(self, app: App, state: Path, env: Mapping[str, str], assets: Path | None, opened: ExitStack) -> None:
        self.app = app
        self.state = state
        self._opened = opened
        self.proxies = _proxies(env)
        self.queues = self._keep(QueueStore(state / "queues.sqlite"))
        self.events: list[LocalEvents] = []
        self._sandboxes: list[LocalSandbox] = []
        self._env = env
        self._models = list[LocalModel]()
        bindings = {field.name: self._bind(field) for field in app.settings.fields if field.port}
        self.settings = app.settings({**env, **bindings})
        self.log = LocalLog("info" if "log_level" in self.settings.faults else self.settings.log_level)
        self.clock = LocalClock()
        self.fetch = LocalFetch()
        self.background = LocalBackground(self.log)
        self.model_servers = LocalModelServers()
        self._runtime: dict[Any, object] = {
            Assets: LocalAssets(assets),
            Background: self.background,
            Clock: self.clock,
            Crypto: LocalCrypto(),
            Fetch: self.fetch,
            Log: self.log,
            ModelServers: self.model_servers,
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
        """Open the state folder, created if missing, and bring the app's first database up to date."""
        check_keys(app, env)
        try:
            make_state(state)
            if migrations is not None and (database := database_path(app, state)) is not None:
                migrate(database, migrations)
            with ExitStack() as opened:
                runtime = cls(app, state, env, assets, opened)
                runtime._opened = opened.pop_all()
            return runtime
        except StartError:
            raise
        except (OSError, sqlite3.Error, PortError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else fault
            raise StartError(f"the state folder {state} cannot be used: {reason}") from None

    def ports(self) -> Ports:
        """Return the ports.

        The whole process shares them, so that the app's own objects, such as call budgets, are shared.
        """
        return self._ports

    async def start(self, *, cron: bool = True) -> None:
        """Start consuming queues and firing cron jobs, unless disabled."""
        self.consumers.start()
        for sandbox in self._sandboxes:
            self.background.add(sandbox.begin())
        if cron:
            self.cron.start(self.clock, self.background)

    async def stop(self, grace: float = GRACE) -> None:
        """Let work in flight end, leave queued messages on disk, and close all files."""
        for log in self.events:
            await log.end()
        await self.cron.stop()
        await self.consumers.stop(grace)
        await self.background.drain(grace)
        await self.fetch.close()
        for model in self._models:
            await model.close()
        await self.model_servers.close()
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

    def _sandbox(self) -> "LocalSandbox":
        from edge.runtimes.local.sandbox.sandbox import LocalSandbox  # noqa: PLC0415 - 13 ms for apps that run programs

        self._sandboxes.append(self._keep(LocalSandbox(lambda: self.log)))
        return self._sandboxes[-1]

    def _keep_events(self, name: str) -> LocalEvents:
        log = LocalEvents(self.state / "events" / f"{name}.sqlite", self.app, self.ports)
        self.events.append(self._keep(log))
        return log

    def _bind(self, field: Field) -> object:
        name = field.name
        state = self.state
        makers: dict[Any, Callable[[], object]] = {
            Database: lambda: self._keep(LocalDatabase(state / "d1" / f"{name}.sqlite")),
            KeyValue: lambda: self._keep(LocalKeyValue(state / "kv" / f"{name}.sqlite")),
            Bucket: lambda: self._keep(LocalBucket(state / "r2" / name)),
            Events: lambda: self._keep_events(name),
            Queue: lambda: LocalQueue(self.queues, self.app.queues[name]),
            Quotas: lambda: self._keep(LocalQuotas(state / "quotas" / f"{name}.sqlite")),
            Throttle: lambda: self._keep(LocalThrottle(state / "throttles" / f"{name}.sqlite")),
            RateLimiter: lambda: LocalRateLimiter(self.app.limits[name]),
            Executor: self._sandbox,
            Model: self._model,
            Mailer: lambda: LocalMailer(state / "mail" / name, lambda: self.log),
            Telemetry: lambda: self._keep(LocalTelemetry(state / "analytics" / f"{name}.sqlite", lambda: self.log)),
        }
        if field.port is Queue and name not in self.app.queues:
            raise StartError(f"the app's queues= gives no queue for the binding {name}")
        if field.port is RateLimiter and name not in self.app.limits:
            raise StartError(f"the app's limits= gives no limit for the binding {name}")
        is_off = self._env.get(name) == "off" and not field.required
        return makers[field.port]() if field.port in makers and not is_off else None


def check_keys(app: App, env: Mapping[str, str]) -> None:
    """Raise `StartError` for an access key that is too short, or for a malformed hash: the key could be guessed."""
    for field in app.settings.fields:
        if field.is_access_key and env.get(field.name):
            try:
                field.read(env)
            except NotConfigured as fault:
                raise StartError(fault.detail) from None


def make_state(state: Path) -> None:
    """Create the state folder and its parts, and make them and their contents private to their owner."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if state.stat().st_mode & stat.S_ISVTX:
        raise PermissionError("it is shared by all users; make a folder in it")
    for part in _MADE:
        (state / part).mkdir(mode=0o700, exist_ok=True)
    for path in (state.resolve(), *_contents(state)):
        with suppress(FileNotFoundError):  # another process on the same folder has removed it
            _make_private(path)
    if not os.access(state, os.W_OK):
        raise PermissionError("it cannot be written to")


def _contents(state: Path) -> Iterator[Path]:
    """Yield the paths that adapters and tools have made in a state folder; other files there stay unchanged."""
    for pattern in _FILES:
        yield from state.glob(pattern)
    for part in _FOLDERS:
        yield state / part
        yield from (state / part).rglob("*")


def _make_private(path: Path) -> None:
    if path.is_symlink():
        return
    with suppress(PermissionError):  # checked below
        path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise PermissionError(f"{path} is open to others (mode {mode:03o}), which cannot be changed")


def _proxies(env: Mapping[str, str]) -> TrustedProxies | None:
    """Return the proxies of TRUSTED_PROXIES. It is no setting of an app, as there are none at Cloudflare."""
    named = env.get("TRUSTED_PROXIES")
    try:
        return TrustedProxies.parse(named) if named else None
    except ValueError as fault:
        raise StartError(f"TRUSTED_PROXIES: {fault}") from None


def database_path(app: App, state: Path) -> Path | None:
    """Return the file of the app's first database binding, or None."""
    return next(
        (state / "d1" / f"{field.name}.sqlite" for field in app.settings.fields if field.port is Database), None
    )
