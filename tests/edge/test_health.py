"""`GET /health`: every field is probed by itself, and none can hold up or hide the others."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.edge.bindings import SECRET, Breaks, Hangs, Refuses, Works

from edge.errors import NotConfigured
from edge.ports import Database, KeyValue, Queue
from edge.resources.health import health_routes
from edge.resources.service_health import service_routes
from edge.routes import Routes
from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.migrations import TABLE
from edge.settings import Secret, Settings
from edge.testing import Client

type Serve = Callable[..., Client]


class Shop(Settings):
    api_key: Secret
    workers: int = 1
    db: Database
    cache: KeyValue | None
    jobs: Queue | None


def health(serve: Serve, env: dict[str, Any]) -> tuple[int, Any]:
    answer = asyncio.run(serve(health_routes(0.01), settings=Shop, env=env).get("/health"))
    assert SECRET not in answer.text
    return answer.status, answer.json()


def test_every_setting_and_binding_is_named(serve: Serve) -> None:
    status, value = health(serve, {"API_KEY": SECRET, "DB": Works(), "JOBS": Works()})
    assert (status, value["status"], value["environment"]) == (200, "ok", "development")
    assert value["timestamp"] == "2026-11-21T12:00:00Z"
    assert {name: (probe["status"], probe["kind"]) for name, probe in value["probes"].items()} == {
        "ENVIRONMENT": ("ok", "variable"),
        "LOG_LEVEL": ("ok", "variable"),
        "CORS_ALLOWED_ORIGINS": ("ok", "variable"),
        "API_KEY": ("ok", "secret"),
        "WORKERS": ("ok", "variable"),
        "DB": ("ok", "d1"),
        "CACHE": ("not_configured", "kv"),
        "JOBS": ("ok", "queue"),
    }
    assert [name for name, probe in value["probes"].items() if probe["latency_ms"] is not None] == ["DB", "JOBS"]


@pytest.mark.parametrize(
    ("env", "name", "status", "message"),
    [
        ({"API_KEY": None}, "API_KEY", "not_configured", "API_KEY is not set"),
        ({"DB": None}, "DB", "not_configured", "DB is not set"),
        ({"WORKERS": SECRET}, "WORKERS", "error", "WORKERS is not valid: Input should be a valid integer"),
        ({"DB": Hangs()}, "DB", "error", "no answer in 0.01 s"),
        ({"DB": Refuses()}, "DB", "error", "PortError: the disk is full"),
        ({"DB": Breaks()}, "DB", "error", "RuntimeError"),
        ({"CACHE": Breaks()}, "CACHE", "error", "RuntimeError"),
        ({"CACHE": object()}, "CACHE", "error", "AttributeError"),
    ],
)
def test_one_failing_service_degrades_the_health_and_is_named(
    serve: Serve, env: dict[str, Any], name: str, status: str, message: str
) -> None:
    code, value = health(serve, {"API_KEY": SECRET, "DB": Works(), "CACHE": Works(), "JOBS": Works()} | env)
    probe = value["probes"].pop(name)
    assert (code, value["status"], probe["status"]) == (200, "degraded", status)
    assert probe["message"].startswith(message)
    assert all(other["status"] == "ok" for other in value["probes"].values())


def test_hanging_bindings_are_waited_for_at_the_same_time(serve: Serve) -> None:
    env = {"API_KEY": SECRET, "DB": Hangs(), "CACHE": Hangs(), "JOBS": Hangs()}
    _, value = health(serve, env)
    assert sum(probe["status"] == "error" for probe in value["probes"].values()) == 3


def test_a_fault_knows_whether_the_setting_is_missing_or_invalid() -> None:
    assert (NotConfigured("A").missing, NotConfigured("A", "is odd").missing) == (True, False)


MIGRATIONS = ("0001_init.sql", "0002_more.sql", "0003_last.sql")


@pytest.mark.parametrize("resource", [health_routes, service_routes])
@pytest.mark.parametrize(
    ("applied", "message"),
    [
        (None, "3 of 3 not applied, the first is 0001_init.sql"),
        ([], "3 of 3 not applied, the first is 0001_init.sql"),
        (["0001_init.sql", "0003_last.sql"], "1 of 3 not applied, the first is 0002_more.sql"),
        ([*MIGRATIONS], None),
        ([*MIGRATIONS, "0004_of_a_newer_version.sql"], None),
    ],
)
def test_database_without_migrations_is_degraded(
    serve: Serve, tmp_path: Path, resource: Callable[..., Routes], applied: list[str] | None, message: str | None
) -> None:
    async def case() -> Any:
        db = LocalDatabase(tmp_path / "DB.sqlite")
        try:
            if applied is not None:
                await db.run(TABLE)
                for name in applied:
                    await db.run("INSERT INTO d1_migrations (name) VALUES (?)", name)
            client = serve(resource(1.0, MIGRATIONS), settings=Shop, env={"API_KEY": SECRET, "DB": db})
            return (await client.get("/health")).json()
        finally:
            db.close()

    value = asyncio.run(case())
    assert value["status"] == ("degraded" if message else "ok")
    probe = value["checks"]["d1"] if "checks" in value else value["probes"]["DB"]
    assert probe["status"] == ("error" if message else "ok")
    assert (message or "") in (probe["message"] or "")
