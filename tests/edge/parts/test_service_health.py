"""`GET /health` by service: every configured service is probed, the faulty ones are named, and no value is shown."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.edge.bindings import SECRET, Breaks, Hangs, Refuses, Works

from edge.app import App
from edge.ports import Bucket, Database, KeyValue, Queue
from edge.ports.model import Model
from edge.resources.service_health import service_routes
from edge.runtimes.local.runtime import LocalRuntime
from edge.settings import Secret, Settings
from edge.testing import Client
from sims.model import ModelSim

type Serve = Callable[..., Client]

OTHER = "sk-other-secret"
GOOD = {"API_KEY": SECRET, "WEBHOOK_SECRET": OTHER}


class Shop(Settings):
    environment: Literal["development", "staging"] = "development"
    api_key: Secret
    webhook_secret: Secret | None
    bot_token: Secret | None
    workers: int = 1
    region: str | None = None
    shop_url: str = "http://127.0.0.1"
    kv: KeyValue
    db: Database
    ai: Model | None


def working() -> dict[str, Any]:
    return {**GOOD, "KV": Works(), "DB": Works(), "AI": Works()}


def health(serve: Serve, env: dict[str, Any], settings: type[Settings] = Shop) -> Any:
    answer = asyncio.run(serve(service_routes(0.02), settings=settings, env=env).get("/health"))
    assert answer.status == 200
    assert SECRET not in answer.text
    assert OTHER not in answer.text
    value = answer.json()
    assert set(value) == {"status", "environment", "timestamp", "checks"}
    assert value["timestamp"] == "2026-11-21T12:00:00Z"
    for probe in value["checks"].values():
        assert set(probe) == {"status", "latency_ms", "message"}
        assert probe["status"] in {"ok", "error", "not_configured"}
        assert isinstance(probe["latency_ms"], float)
        assert probe["message"]
    return value


def test_there_is_a_probe_for_each_service_and_no_other(serve: Serve) -> None:
    value = health(serve, working())
    assert (value["status"], value["environment"]) == ("ok", "development")
    assert {name: (probe["status"], probe["message"]) for name, probe in value["checks"].items()} == {
        "ai": ("ok", "1 of 1 ok"),
        "d1": ("ok", "1 of 1 ok"),
        "env_vars": ("ok", "5 of 6 ok"),
        "kv": ("ok", "1 of 1 ok"),
        "optional_secrets": ("ok", "1 of 2 set"),
        "secrets": ("ok", "1 of 1 set"),
    }


def test_services_without_a_setting_are_not_configured(serve: Serve) -> None:
    probes = health(serve, {}, Settings)["checks"]
    assert {name for name, probe in probes.items() if probe["status"] == "ok"} == {"env_vars"}
    for name in ("kv", "d1", "ai", "secrets", "optional_secrets"):
        assert probes.pop(name) == {"status": "not_configured", "latency_ms": 0.0, "message": "this app has none"}
    assert [*probes] == ["env_vars"]


class Grown(Shop):
    """An app's settings after one line was added for each service."""

    second_key: Secret
    third_key: Secret | None
    shelves: int
    sessions: KeyValue
    photos: Bucket
    orders: Queue


NEW = {"SECOND_KEY": SECRET, "SHELVES": "3", "SESSIONS": Works(), "PHOTOS": Works(), "ORDERS": Works()}


def test_a_new_field_is_probed_without_a_line_of_code(serve: Serve) -> None:
    before = health(serve, working())
    after = health(serve, {**working(), **NEW}, Grown)
    assert after["status"] == "ok"
    changed = {name: probe["message"] for name, probe in after["checks"].items()}
    for name, probe in before["checks"].items():
        changed[name] = changed[name] if changed[name] != probe["message"] else ""
    assert {name: message for name, message in changed.items() if message} == {
        "secrets": "2 of 2 set",
        "optional_secrets": "1 of 3 set",
        "env_vars": "6 of 7 ok",
        "kv": "2 of 2 ok",
        "r2": "1 of 1 ok",
        "queue": "1 of 1 ok",
    }


@pytest.mark.parametrize(
    ("name", "probe", "status", "message"),
    [
        ("SECOND_KEY", "secrets", "not_configured", "1 of 2 set; SECOND_KEY: SECOND_KEY is not set"),
        ("SHELVES", "env_vars", "not_configured", "SHELVES: SHELVES is not set"),
        ("SESSIONS", "kv", "not_configured", "SESSIONS: SESSIONS is not set"),
        ("PHOTOS", "r2", "not_configured", "PHOTOS: PHOTOS is not set"),
        ("ORDERS", "queue", "not_configured", "ORDERS: ORDERS is not set"),
    ],
)
def test_a_new_field_that_is_not_set_is_named(serve: Serve, name: str, probe: str, status: str, message: str) -> None:
    env = {**working(), **NEW}
    del env[name]
    value = health(serve, env, Grown)
    assert value["status"] == "degraded"
    named = value["checks"].pop(probe)
    assert (named["status"], named["message"]) == (status, message)
    assert all(other["status"] == "ok" for other in value["checks"].values())


@pytest.mark.parametrize(
    ("env", "name", "status", "message", "overall"),
    [
        ({"API_KEY": None}, "secrets", "not_configured", "0 of 1 set; API_KEY: API_KEY is not set", "degraded"),
        ({"API_KEY": ""}, "secrets", "not_configured", "0 of 1 set; API_KEY: API_KEY is not set", "degraded"),
        ({"WEBHOOK_SECRET": None}, "optional_secrets", "not_configured", "0 of 2 set", "ok"),
        ({"WORKERS": SECRET}, "env_vars", "error", "WORKERS: WORKERS is not valid: Input should be a v", "degraded"),
        ({"DB": None}, "d1", "not_configured", "DB: DB is not set", "degraded"),
        ({"AI": None}, "ai", "not_configured", "AI: not_configured", "ok"),
        ({"KV": Refuses()}, "kv", "error", "KV: PortError: the disk is full", "degraded"),
        ({"AI": Refuses()}, "ai", "error", "AI: PortError: the disk is full", "degraded"),
        ({"DB": Breaks()}, "d1", "error", "DB: RuntimeError", "degraded"),
        ({"DB": object()}, "d1", "error", "DB: AttributeError", "degraded"),
        ({"KV": Hangs()}, "kv", "error", "KV: no answer in 0.02 s", "degraded"),
    ],
)
def test_one_failing_service_is_named(  # noqa: PLR0913, PLR0917 - a row of the table
    serve: Serve, env: dict[str, Any], name: str, status: str, message: str, overall: str
) -> None:
    value = health(serve, working() | env)
    probe = value["checks"].pop(name)
    assert (probe["status"], value["status"]) == (status, overall)
    assert probe["message"].startswith(message)
    assert all(other["status"] == "ok" for other in value["checks"].values())


def test_of_two_bindings_of_a_kind_the_faulty_is_named(serve: Serve) -> None:
    probe = health(serve, {**working(), **NEW, "SESSIONS": Refuses()}, Grown)["checks"]["kv"]
    assert (probe["status"], probe["message"]) == ("error", "SESSIONS: PortError: the disk is full")
    probe = health(serve, {**working(), **NEW, "SESSIONS": Refuses(), "KV": None}, Grown)["checks"]["kv"]
    assert (probe["status"], probe["message"]) == (
        "error",
        "KV: KV is not set; SESSIONS: PortError: the disk is full",
    )


def test_the_latency_is_that_of_the_slowest(serve: Serve) -> None:
    probes = health(serve, {**working(), **NEW, "SESSIONS": Hangs(), "PHOTOS": Hangs()}, Grown)["checks"]
    assert 15 <= probes["kv"]["latency_ms"] < 5000
    assert probes["queue"]["latency_ms"] < 15
    assert probes["secrets"]["latency_ms"] == probes["env_vars"]["latency_ms"] == 0


@pytest.mark.parametrize("environment", [SECRET, "production ", "Staging"])
def test_an_invalid_environment_degrades_the_health(serve: Serve, environment: str) -> None:
    value = health(serve, {**working(), "ENVIRONMENT": environment})
    assert (value["status"], value["environment"]) == ("degraded", "unknown")
    probe = value["checks"]["env_vars"]
    assert probe["status"] == "error"
    assert probe["message"].startswith("ENVIRONMENT: ENVIRONMENT is not valid")
    assert health(serve, {**working(), "ENVIRONMENT": "staging"})["environment"] == "staging"


class Real(Settings):
    api_key: Secret
    spare_key: Secret | None
    db: Database
    kv: KeyValue
    photos: Bucket
    orders: Queue
    ai: Model | None


def test_the_runtimes_own_bindings_are_probed(tmp_path: Path) -> None:
    async def nobody(_request: object) -> Any:
        raise AssertionError("health is public")

    parts = [service_routes(2.0)]
    app = App("real", version="1", settings=Real, resources=parts, authenticate=nobody, queues={"ORDERS": "o"})

    async def probes(sim: ModelSim) -> Any:
        env = {"API_KEY": SECRET, "SPARE_KEY": SECRET, "LOCAL_AI_URL": sim.openai_url, "LOCAL_AI_KEY": sim.key}
        runtime = LocalRuntime.open(app, tmp_path / "state", env)
        try:
            return (await Client(app, runtime.ports()).get("/health")).json()["checks"]
        finally:
            await runtime.stop(1)

    with ModelSim() as sim:
        well = asyncio.run(probes(sim))
    gone = asyncio.run(probes(sim))
    assert {name: probe["status"] for name, probe in well.items()} == dict.fromkeys(
        ("ai", "d1", "env_vars", "kv", "optional_secrets", "queue", "r2", "secrets"), "ok"
    )
    assert all(well[name]["latency_ms"] > 0 for name in ("ai", "d1", "kv", "queue", "r2"))
    assert {name for name, probe in gone.items() if probe["status"] != "ok"} == {"ai"}
