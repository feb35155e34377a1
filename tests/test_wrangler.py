"""wrangler.toml says what the app declares, in each environment, and what it uploads is small and ours."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from build_assets import target
from core_tessie.app import app
from edge.live import Events
from edge.model import Model
from edge.ports import Bucket, Database, KeyValue, Limit, Queue, Quotas, RateLimiter
from edge.telemetry import Telemetry
from edge.workflows import Workflow
from pyedge import config
from pyedge.client import NODE_MODULES, ROOT
from pyedge.sources import closure
from upload import LIMIT, Upload, dry_run, packed

FILE = ROOT / "wrangler.toml"
ENVIRONMENTS = (None, "staging", "production")
RUNTIMES_OWN = {"ASSETS"}
"""Bindings that the Workers runtime uses itself."""


@pytest.fixture(params=ENVIRONMENTS, ids=lambda name: name or "development")
def environment(request: pytest.FixtureRequest) -> str | None:
    name: str | None = request.param
    return name


@pytest.fixture
def wrangler(environment: str | None) -> config.Config:
    return config.read(FILE, environment)


def bindings(wrangler: config.Config) -> Iterator[tuple[str, Any]]:
    """Yield each binding with the port that the settings give it; None for what is no port yet."""
    for key, port in (("d1_databases", Database), ("kv_namespaces", KeyValue), ("r2_buckets", Bucket)):
        yield from ((one["binding"], port) for one in wrangler.get(key, []))
    yield from ((one["binding"], Queue) for one in wrangler.get("queues", {}).get("producers", []))
    ports = {"EventLog": Events, "QuotaCounter": Quotas}
    objects = wrangler.get("durable_objects", {}).get("bindings", [])
    yield from ((one["name"], ports[one["class_name"]]) for one in objects)
    yield from ((one["name"], RateLimiter) for one in wrangler.get("ratelimits", []))
    yield from ((one["binding"], Telemetry) for one in wrangler.get("analytics_engine_datasets", []))
    yield (wrangler["ai"]["binding"], Model)
    yield from ((one["binding"], Workflow) for one in wrangler.get("workflows", []))
    yield (wrangler["assets"]["binding"], None)


def suffix(environment: str | None) -> str:
    return f"-{environment}" if environment else ""


def test_the_name_says_the_environment(wrangler: config.Config, environment: str | None) -> None:
    assert wrangler["name"] == app.name + suffix(environment)
    assert wrangler["vars"]["ENVIRONMENT"] == (environment or "development")


def test_crons_are_the_jobs(wrangler: config.Config) -> None:
    assert wrangler["triggers"]["crons"] == [cron for cron, _ in app.jobs]


def test_producers_are_the_queues(wrangler: config.Config, environment: str | None) -> None:
    producers = {one["binding"]: one["queue"] for one in wrangler["queues"]["producers"]}
    assert producers == {binding: queue + suffix(environment) for binding, queue in app.queues.items()}


def test_consumers_have_the_numbers_of_the_app(wrangler: config.Config, environment: str | None) -> None:
    declared = [
        {
            "queue": one.queue + suffix(environment),
            "max_batch_size": one.batch_size,
            "max_batch_timeout": one.batch_timeout,
            "max_retries": one.max_retries,
            "retry_delay": one.retry_delay,
            "max_concurrency": one.max_concurrency,
        }
        | ({"dead_letter_queue": one.dead_letter + suffix(environment)} if one.dead_letter else {})
        for one in app.consumers.values()
    ]
    assert wrangler["queues"]["consumers"] == declared


def test_rate_limits_have_the_numbers_of_the_app(wrangler: config.Config) -> None:
    simple = {one["name"]: one["simple"] for one in wrangler["ratelimits"]}
    assert {name: Limit(one["limit"], one["period"]) for name, one in simple.items()} == app.limits


def test_bindings_are_fields_of_the_settings(wrangler: config.Config) -> None:
    asked = {field.name: field.port for field in app.settings.fields if field.port}
    given = dict(bindings(wrangler))
    assert {name: port for name, port in given.items() if name not in RUNTIMES_OWN} == asked


def test_variables_and_secrets_are_fields_of_the_settings(wrangler: config.Config) -> None:
    kinds = {field.name: field.kind for field in app.settings.fields}
    assert {kinds.get(name) for name in wrangler["vars"]} == {"variable"}
    required = [field.name for field in app.settings.fields if field.kind == "secret" and field.required]
    assert sorted(wrangler["secrets"]["required"]) == sorted(required)


def test_variables_are_valid(wrangler: config.Config) -> None:
    settings = app.settings(wrangler["vars"])
    assert not [name for name in wrangler["vars"] if name.lower() in settings.faults]


def test_the_database_has_the_apps_migrations(wrangler: config.Config, environment: str | None) -> None:
    [database] = wrangler["d1_databases"]
    assert database["database_name"] == f"tessie-db{suffix(environment)}"
    assert ROOT / database["migrations_dir"] == (ROOT / "migrations" / app.migrations)


def test_what_is_read_is_the_dataset_that_is_written(wrangler: config.Config) -> None:
    [dataset] = wrangler["analytics_engine_datasets"]
    assert dataset["dataset"] == wrangler["vars"]["ANALYTICS_DATASET"]


def test_assets_are_what_is_built(wrangler: config.Config) -> None:
    assert ROOT / wrangler["assets"]["directory"] == target("core_tessie")


def test_no_two_environments_share_a_resource() -> None:
    names = [
        [
            found["name"],
            *(one["database_name"] for one in found["d1_databases"]),
            *(one["queue"] for one in found["queues"]["consumers"]),
            *(one["dataset"] for one in found["analytics_engine_datasets"]),
            *(one["namespace_id"] for one in found["ratelimits"]),
        ]
        for found in (config.read(FILE, name) for name in ENVIRONMENTS)
    ]
    assert len({name for some in names for name in some}) == sum(map(len, names))


def test_every_environment_of_this_worker_is_tested() -> None:
    environments = tomllib.loads(FILE.read_text())["env"]
    ours = {name for name, one in environments.items() if one["name"].startswith(f"{app.name}-")}
    assert {None, *ours} == set(ENVIRONMENTS)


@pytest.mark.slow
def test_the_compatibility_date_is_python_314_and_known_to_the_locked_workerd(wrangler: config.Config) -> None:
    version = (NODE_MODULES / "workerd" / "package.json").read_text().split('"version": "1.')[1][:8]
    locked = f"{version[:4]}-{version[4:6]}-{version[6:]}"
    assert "2026-09-08" <= wrangler["compatibility_date"] <= locked
    assert wrangler["compatibility_flags"] == ["python_workers"]


def test_the_sources_of_the_worker_are_ours_alone() -> None:
    others = {path.parent.name for path in ROOT.glob("src/*/app.py")} - {"edge", "core_tessie"}
    left_out = ("edge/runtimes/local", "edge/testing.py", "edge/openapi.py", *others)
    assert not [name for name in closure(ROOT / "src" / "main.py") if name.startswith(left_out)]


@pytest.fixture(scope="module")
def upload() -> Upload:
    if not NODE_MODULES.joinpath("wrangler").is_dir():
        pytest.skip("node_modules is not there: wrangler is run by `make test`")
    return dry_run("production")


@pytest.mark.slow
def test_our_own_code_is_small(upload: Upload) -> None:
    assert 0 < packed(upload.own) <= LIMIT


@pytest.mark.slow
def test_the_upload_is_what_the_entry_imports_and_what_is_locked(upload: Upload) -> None:
    assert list(upload.own) == [*closure(ROOT / "src" / "main.py")]
    packages = {name.split("/")[1] for name in upload.modules.keys() - upload.own.keys()}
    assert {"pydantic", "pydantic_core", "workers"} <= packages
    assert not packages & {"apispec", "yaml", "fastapi", "uvicorn", "aiohttp"}


@pytest.mark.slow
def test_wrangler_takes_the_top_level_too(upload: Upload) -> None:
    assert dry_run("").own.keys() >= upload.own.keys()
