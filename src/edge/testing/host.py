"""Workers in workerd for tests: equal configurations share one, and few run at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.app import App
from edge.http import HeaderList
from edge.ports import Limit
from edge.testing.remote import RemoteClient
from pyedge import Worker, config

MOST_RUNNING = 3
"""Workers that stay running in one test process; the least recently used one ends first."""

type Key = tuple[Path, str | None, str]


class Workers:
    """The running Workers of a test process, by their configuration without its settings, which vary."""

    def __init__(self) -> None:
        self._running: dict[Key, Worker] = {}

    def take(
        self, path: Path, environment: str | None, varied: Mapping[str, str | None], options: Mapping[str, Any]
    ) -> Worker:
        """Return a running Worker with these settings; `options` are those of `pyedge.Worker`."""
        key = (path, environment, repr(sorted(options.items())))
        worker = self._running.pop(key, None)
        if worker is None:
            while len(self._running) >= MOST_RUNNING:
                self._running.pop(next(iter(self._running))).stop()
            worker = Worker(path, environment, varied=varied, **options).start()
        elif worker.varied != varied:
            worker.vary(varied)
        self._running[key] = worker
        return worker

    def end(self, workers: Sequence[Worker]) -> None:
        """Stop those of the workers that run."""
        for key, worker in [*self._running.items()]:
            if worker in workers:
                del self._running[key]
                worker.stop()

    def stop(self) -> None:
        """Stop all of them."""
        self.end([*self._running.values()])


class Host:
    """One app's Worker for many tests, emptied before each; other settings are loaded by a new import, not a new start.

    `options` are those of `pyedge.Worker`, such as the addresses of stand-ins (`ai`, `analytics`); `limits` replaces
    the rate limits of the configuration, in a period of 10 or 60 s.
    """

    def __init__(
        self,
        workers: Workers,
        path: Path,
        environment: str | None = None,
        *,
        limits: Mapping[str, Limit] | None = None,
        **options: Any,
    ) -> None:
        self._workers = workers
        self._path = path
        self._environment = environment
        self._limits = config.read(path, environment).get("ratelimits", [])
        if limits is not None:
            options["overrides"] = {"ratelimits": [_replaced(limit, limits) for limit in self._limits]}
        self._options = options
        self._used: list[Worker] = []

    @property
    def worker(self) -> Worker:
        """The Worker that was used last."""
        return self._used[-1]

    @property
    def logs(self) -> list[str]:
        """The lines of all its Workers."""
        return [line for worker in self._used for line in worker.logs]

    async def client(
        self, app: App, env: Mapping[str, str], headers: HeaderList, *, secrets: Sequence[str] = ()
    ) -> RemoteClient:
        """Return a client of a Worker with these settings and empty tables."""
        worker = await asyncio.to_thread(self.start, env)
        client = RemoteClient(app, worker, env, headers, secrets=secrets)
        await client.empty()
        return client

    def start(self, env: Mapping[str, str]) -> Worker:
        """Return a Worker with these settings: `off` hides a binding; for RATE_LIMITER, the bindings of all limits."""
        varied = {name: None if value == "off" else value for name, value in env.items()}
        if env.get("RATE_LIMITER") == "off":
            varied |= {limit["name"]: None for limit in self._limits}
        worker = self._workers.take(self._path, self._environment, varied, self._options)
        self._used = [*(other for other in self._used if other is not worker), worker]
        return worker

    def stop(self) -> None:
        """Stop its Workers."""
        self._workers.end(self._used)


def _replaced(configured: dict[str, Any], limits: Mapping[str, Limit]) -> dict[str, Any]:
    """Return a rate limit of the configuration, replaced if `limits` has it."""
    limit = limits.get(configured["name"])
    return configured if limit is None else configured | {"simple": {"limit": limit.calls, "period": limit.period}}
