"""`GET /health`: the process answers, and every setting and binding is probed separately."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from time import perf_counter
from typing import Literal, Protocol, TypedDict, cast

from edge.access import PUBLIC
from edge.context import Ports
from edge.errors import NotConfigured
from edge.injection import Injector
from edge.ports import Clock, Database, DatabaseError, PortError
from edge.routes import Composition, Routes
from edge.settings import Field

PROBE_TIMEOUT = 5.0
"""Seconds that one binding may take to answer."""

Status = Literal["ok", "error", "not_configured"]  # no `type`: the document would make a component of it


class Probe(TypedDict):
    """The state of one setting: `latency_ms` only if a service was called; no message holds a value."""

    status: Status
    kind: str
    required: bool
    latency_ms: float | None
    message: str | None


class Health(TypedDict):
    """`degraded` when a required setting is missing or any configured one fails."""

    status: Literal["ok", "degraded"]
    environment: str
    timestamp: datetime
    probes: dict[str, Probe]


class Probed(Protocol):
    """The probe that every binding has."""

    async def probe(self) -> str | None:
        """Raise unless the service answers; a text says in which way it does."""


NO_CHECKS: Mapping[str, "Check"] = {}
type Check = Callable[..., Awaitable[str | None]]
"""A function of ports that returns the fault of a setting's value, or None; `PortError` if it cannot tell."""


type Planned = Callable[[Ports], Awaitable[str | None]]


class MigrationsMissing(PortError):
    """The database lacks migrations that the code needs."""


class HealthRoutes(Routes):
    """The resource's group; its `checks` are planned once the app is composed."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        super().__init__("/health", tag="health", access=PUBLIC)
        self._declared = checks
        self.checks: Mapping[str, Planned] = {}

    def compose(self, app: Composition) -> None:
        """Plan the checks."""
        self.checks = {name: _planned(check, app.injector) for name, check in self._declared.items()}


def _planned(check: Check, injector: Injector) -> Planned:
    takes = injector.arguments(check, 0)
    return lambda ports: check(*[take(ports) for take in takes])


def health_routes(
    probe_timeout: float = PROBE_TIMEOUT, migrations: Sequence[str] = (), checks: Mapping[str, Check] = NO_CHECKS
) -> Routes:
    """Return the resource; each binding may take `probe_timeout` seconds to answer.

    A database is healthy once it has all `migrations`; further ones are those of a newer version. `checks` test the
    values of settings, by attribute.
    """
    group = HealthRoutes(checks)

    @group.get()
    async def get_health(ports: Ports, clock: Clock) -> Health:
        """Get the state of the service and of each of its settings and bindings."""
        return await _health(ports, clock, probe_timeout, migrations, group.checks)

    return group


routes = health_routes()


async def _health(
    ports: Ports, clock: Clock, timeout: float, migrations: Sequence[str], checks: Mapping[str, Planned]
) -> Health:
    fields = ports.settings.fields
    results = await asyncio.gather(*(probe(field, ports, timeout, migrations, checks) for field in fields))
    probes = dict(zip((field.name for field in fields), results, strict=True))
    degraded = any(p["status"] == "error" or (p["required"] and p["status"] != "ok") for p in results)
    return Health(
        status="degraded" if degraded else "ok",
        environment=ports.settings.environment,
        timestamp=clock.now(),
        probes=probes,
    )


async def probe(
    field: Field,
    ports: Ports,
    timeout: float,
    migrations: Sequence[str] = (),
    checks: Mapping[str, Planned] = NO_CHECKS,
) -> Probe:
    """Return the state of one setting or binding; a binding has `timeout` seconds, a database its migrations."""
    fault = ports.settings.faults.get(field.attribute)
    if fault is not None:
        status: Status = "not_configured" if fault.missing else "error"
        return _probe(field, status, message=fault.detail)
    value = getattr(ports.settings, field.attribute)
    if value is None:
        return _probe(field, "not_configured")
    if field.port is None:
        wrong = await _check(checks.get(field.attribute), ports, timeout)
        return _probe(field, "error" if wrong else "ok", message=wrong)
    needed = migrations if field.port is Database else ()
    return await _ask(field, cast("Probed", value), timeout, needed)


async def _check(check: Planned | None, ports: Ports, timeout: float) -> str | None:
    """Return the fault that a check finds; if it cannot tell in time, another probe reports that."""
    if check is None:
        return None
    try:
        async with asyncio.timeout(timeout):
            return await check(ports)
    except (TimeoutError, PortError, NotConfigured):
        return None


async def _ask(field: Field, binding: Probed, timeout: float, migrations: Sequence[str]) -> Probe:
    started = perf_counter()
    message = note = None
    try:
        async with asyncio.timeout(timeout):
            note = await binding.probe()
            if migrations:
                await _check_migrations(cast("Database", binding), migrations)
    except TimeoutError:
        message = f"no answer in {timeout:g} s"
    except PortError as fault:
        message = f"{type(fault).__name__}: {fault}"[:200]
    except Exception as fault:  # its text is not ours, and may hold a value
        message = type(fault).__name__
    latency = round((perf_counter() - started) * 1000, 3)
    status: Status = "error" if message else "ok"
    return _probe(field, status, latency, message or note)


def _probe(field: Field, status: Status, latency_ms: float | None = None, message: str | None = None) -> Probe:
    return Probe(status=status, kind=field.kind, required=field.required, latency_ms=latency_ms, message=message)


async def _check_migrations(db: Database, needed: Sequence[str]) -> None:
    """Raise `MigrationsMissing` if the database's own list of migrations lacks some."""
    try:
        applied = {row["name"] for row in await db.all("SELECT name FROM d1_migrations")}
    except DatabaseError as fault:
        if "no such table" not in str(fault):
            raise
        applied = set()
    if missing := [name for name in needed if name not in applied]:
        raise MigrationsMissing(f"{len(missing)} of {len(needed)} not applied, the first is {missing[0]}; apply them")
