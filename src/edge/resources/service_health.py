"""`GET /health` by service: one probe for all bindings of a kind, for the variables, and for the secrets."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypedDict

from edge.access import PUBLIC
from edge.context import Ports
from edge.ports import Clock
from edge.resources.health import PROBE_TIMEOUT, Probe, probe
from edge.routes import Routes
from edge.settings import Field

ALWAYS = ("kv", "d1", "ai", "env_vars", "secrets", "optional_secrets")
"""The kinds of checks that every app lists, empty ones too."""

type Status = Literal["ok", "error", "not_configured"]


class Service(TypedDict):
    """The state of a service; `latency_ms` is that of the slowest of its bindings. No message holds a value."""

    status: Status
    latency_ms: float
    message: str


class ServiceHealth(TypedDict):
    """`degraded` if a configured service fails, or a required setting is missing."""

    status: Literal["ok", "degraded"]
    environment: str
    timestamp: datetime
    checks: dict[str, Service]


def service_routes(probe_timeout: float = PROBE_TIMEOUT, migrations: Sequence[str] = ()) -> Routes:
    """Return the resource; each binding may take `probe_timeout` seconds to answer, a database has `migrations`."""
    group = Routes("/health", tag="health", access=PUBLIC)

    @group.get()
    async def get_health(ports: Ports, clock: Clock) -> ServiceHealth:
        """Get the state of the service and of everything that it needs.

        `kv`, `d1`, `ai` and the like are the bindings of that kind, `env_vars` the variables. `secrets` (the required
        ones) and `optional_secrets` report how many are set.
        """
        fields = ports.settings.fields
        results = await asyncio.gather(*(probe(field, ports, probe_timeout, migrations) for field in fields))
        services = _services(dict(zip(fields, results, strict=True)))
        is_degraded = any(
            result["status"] == "error" or (result["required"] and result["status"] != "ok") for result in results
        )
        return ServiceHealth(
            status="degraded" if is_degraded else "ok",
            environment=_environment(ports),
            timestamp=clock.now(),
            checks=services,
        )

    return group


def _environment(ports: Ports) -> str:
    return "unknown" if "environment" in ports.settings.faults else ports.settings.environment


def _services(results: Mapping[Field, Probe]) -> dict[str, Service]:
    grouped: dict[str, dict[Field, Probe]] = {name: {} for name in ALWAYS}
    for field, result in results.items():
        grouped.setdefault(_service_of(field), {})[field] = result
    return {name: _service(name, members) for name, members in sorted(grouped.items())}


def _service_of(field: Field) -> str:
    if field.kind == "variable":
        return "env_vars"
    if field.kind == "secret":
        return "secrets" if field.required else "optional_secrets"
    return field.kind.replace(" ", "_")


def _service(name: str, members: Mapping[Field, Probe]) -> Service:
    """Return one probe for many: the worst status, and a message that names the faulty ones."""
    if not members:
        return Service(status="not_configured", latency_ms=0.0, message="this app has none")
    latency = max((member["latency_ms"] or 0.0 for member in members.values()), default=0.0)
    faulty = {
        field.name: member for field, member in members.items() if member["status"] != "ok" and _matters(field, member)
    }
    message = "; ".join(f"{field}: {member['message'] or member['status']}" for field, member in faulty.items())
    message = message or "; ".join(
        member["message"] for member in members.values() if member["status"] == "ok" and member["message"]
    )
    set_ = sum(member["status"] == "ok" for member in members.values())
    if name.endswith("secrets"):
        message = f"{set_} of {len(members)} set" + (f"; {message}" if message else "")
    return Service(
        status=_worst(members.values(), name), latency_ms=latency, message=message or f"{set_} of {len(members)} ok"
    )


def _matters(field: Field, result: Probe) -> bool:
    """Tell whether a fault is worth naming: that of an optional variable or a secret is not."""
    return result["status"] == "error" or field.required or field.port is not None


def _worst(members: Iterable[Probe], name: str) -> Status:
    is_lenient = name == "env_vars"
    statuses = [
        member["status"]
        for member in members
        if member["required"] or member["status"] != "not_configured" or not is_lenient
    ]
    if "error" in statuses:
        return "error"
    if name == "optional_secrets":
        return "ok" if "ok" in statuses else "not_configured"
    return "not_configured" if "not_configured" in statuses else "ok"
