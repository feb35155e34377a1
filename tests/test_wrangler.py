"""wrangler.toml matches each app's declarations, in each of its environments; the uploads are small and ours."""

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from apps import DEFAULT, load, packages
from build_assets import target
from edge.app import App
from edge.ports import Bucket, Database, KeyValue, Limit, Mailer, Queue, Quotas, RateLimiter, Throttle
from edge.ports.events import Events
from edge.ports.executor import Executor
from edge.ports.model import Model
from edge.ports.telemetry import Telemetry
from edge.ports.workflows import Workflow
from pyedge import config
from pyedge.client import NODE_MODULES, ROOT, node
from pyedge.sources import closure
from upload import LIMIT, TITLES, Upload, dry_run, main, packed

pytestmark = pytest.mark.slow

FILE = ROOT / "wrangler.toml"
CORE = (None, "staging", "production")
STAGED = ("klear_karma", "devcapsules")
"""Siblings with an environment for each stage; the first, of the app's own name, is development."""
RUNTIMES_OWN = {"ASSETS"}
"""Bindings that the Workers runtime uses itself."""


class Deployed(NamedTuple):
    """A Worker as one environment deploys it."""

    package: str
    environment: str | None
    app: App
    config: config.Config

    @property
    def suffix(self) -> str:
        """The end of the names of an environment's resources: a sibling's own name is its first environment."""
        stage = self.stage
        return f"-{stage}" if stage and (self.package == DEFAULT or stage != "development") else ""

    @property
    def stage(self) -> str:
        """The stage that an environment is, of an app that has several; empty for a sibling with one."""
        name = self.package.replace("_", "-")
        if self.package == DEFAULT:
            return self.environment or ""
        if self.package not in STAGED:
            return ""
        return str(self.environment).removeprefix(name).removeprefix("-") or "development"


def deployed(package: str, environment: str | None) -> Deployed:
    return Deployed(package, environment, load(package), config.read(FILE, environment))


PAIRS = [(DEFAULT, package) for package in CORE] + [
    (package, package.replace("_", "-")) for package in packages() if package != DEFAULT
]
PAIRS += [
    (package, f"{package.replace('_', '-')}-{stage}") for package in STAGED for stage in ("staging", "production")
]
EACH = [deployed(*pair) for pair in PAIRS]
each = pytest.mark.parametrize("worker", EACH, ids=lambda worker: worker.environment or "development")
core = pytest.mark.parametrize("worker", EACH[: len(CORE)], ids=lambda worker: worker.environment or "development")


def bindings(wrangler: config.Config) -> Iterator[tuple[str, Any]]:
    """Yield each binding with the port that the settings give it; None if it is no port yet."""
    for key, port in (("d1_databases", Database), ("kv_namespaces", KeyValue), ("r2_buckets", Bucket)):
        yield from ((binding["binding"], port) for binding in wrangler.get(key, []))
    yield from ((binding["binding"], Queue) for binding in wrangler.get("queues", {}).get("producers", []))
    ports = {"EventLog": Events, "QuotaCounter": Quotas, "CallThrottle": Throttle}
    objects = wrangler.get("durable_objects", {}).get("bindings", [])
    yield from ((entry["name"], ports[entry["class_name"]]) for entry in objects)
    yield from ((binding["name"], RateLimiter) for binding in wrangler.get("ratelimits", []))
    yield from ((binding["name"], Mailer) for binding in wrangler.get("send_email", []))
    yield from ((binding["binding"], Telemetry) for binding in wrangler.get("analytics_engine_datasets", []))
    yield from ((binding["binding"], Model) for binding in [wrangler.get("ai")] if binding)
    yield from ((binding["name"], Mailer) for binding in wrangler.get("send_email", []))
    yield from ((binding["binding"], Workflow) for binding in wrangler.get("workflows", []))
    yield from ((binding["binding"], Executor) for binding in wrangler.get("worker_loaders", []))
    yield (wrangler["assets"]["binding"], None)


@each
def test_the_name_says_the_environment(worker: Deployed) -> None:
    assert worker.config["name"] == worker.app.name + worker.suffix
    several = worker.package == DEFAULT or worker.package in STAGED
    assert worker.config["vars"]["ENVIRONMENT"] == ((worker.stage or "development") if several else "production")


@each
def test_crons_are_the_jobs(worker: Deployed) -> None:
    crons = dict.fromkeys(cron for cron, _ in worker.app.jobs)  # several jobs may have one
    assert worker.config.get("triggers", {}).get("crons", []) == [*crons]


@each
def test_producers_are_the_queues(worker: Deployed) -> None:
    producers = {
        binding["binding"]: binding["queue"] for binding in worker.config.get("queues", {}).get("producers", [])
    }
    assert producers == {binding: queue + worker.suffix for binding, queue in worker.app.queues.items()}


@each
def test_consumers_have_the_numbers_of_the_app(worker: Deployed) -> None:
    declared = [
        {
            "queue": consumer.queue + worker.suffix,
            "max_batch_size": consumer.batch_size,
            "max_batch_timeout": consumer.batch_timeout,
            "max_retries": consumer.max_retries,
            "retry_delay": consumer.retry_delay,
            "max_concurrency": consumer.max_concurrency,
        }
        | ({"dead_letter_queue": consumer.dead_letter + worker.suffix} if consumer.dead_letter else {})
        for consumer in worker.app.consumers.values()
    ]
    assert worker.config.get("queues", {}).get("consumers", []) == declared


@each
def test_rate_limits_have_the_numbers_of_the_app(worker: Deployed) -> None:
    simple = {binding["name"]: binding["simple"] for binding in worker.config.get("ratelimits", [])}
    assert {name: Limit(limit["limit"], limit["period"]) for name, limit in simple.items()} == worker.app.limits


@each
def test_bindings_are_fields_of_the_settings(worker: Deployed) -> None:
    fields = {field.name: field.port for field in worker.app.settings.fields if field.port}
    if not worker.suffix:  # workerd on one's own machine ends no loop: development runs programs remotely
        fields = {name: port for name, port in fields.items() if port is not Executor}
    bound = dict(bindings(worker.config))
    assert {name: port for name, port in bound.items() if name not in RUNTIMES_OWN} == fields


@each
def test_variables_and_secrets_are_fields_of_the_settings(worker: Deployed) -> None:
    kinds = {field.name: field.kind for field in worker.app.settings.fields}
    assert {kinds.get(name) for name in worker.config["vars"]} == {"variable"}
    required = [field.name for field in worker.app.settings.fields if field.kind == "secret" and field.required]
    assert sorted(worker.config["secrets"]["required"]) == sorted(required)


@each
def test_variables_are_valid_and_none_that_is_required_is_missing(worker: Deployed) -> None:
    settings = worker.app.settings(worker.config["vars"])
    kinds = {field.attribute: field.kind for field in settings.fields}
    assert not [name for name in settings.faults if kinds[name] == "variable"]


@each
def test_the_database_has_the_apps_migrations(worker: Deployed) -> None:
    [database] = worker.config["d1_databases"]
    assert database["database_name"].endswith(f"-db{worker.suffix}")
    assert ROOT / database["migrations_dir"] == (ROOT / "migrations" / worker.app.migrations)


@core
def test_dataset_read_is_the_dataset_written(worker: Deployed) -> None:
    [dataset] = worker.config["analytics_engine_datasets"]
    assert dataset["dataset"] == worker.config["vars"]["ANALYTICS_DATASET"]


@each
def test_assets_are_the_built_ones(worker: Deployed) -> None:
    assert ROOT / worker.config["assets"]["directory"] == target(worker.package)


@each
def test_migrations_create_exactly_the_durable_objects(worker: Deployed) -> None:
    classes = {name for migration in worker.config.get("migrations", []) for name in migration["new_sqlite_classes"]}
    objects = worker.config.get("durable_objects", {}).get("bindings", [])
    assert classes == {entry["class_name"] for entry in objects}


def test_no_two_environments_share_a_resource() -> None:
    names = [
        [
            config["name"],
            *(binding["database_name"] for binding in config.get("d1_databases", [])),
            *(binding["queue"] for binding in config.get("queues", {}).get("consumers", [])),
            *(binding["dataset"] for binding in config.get("analytics_engine_datasets", [])),
            *(binding["namespace_id"] for binding in config.get("ratelimits", [])),
        ]
        for config in (worker.config for worker in EACH)
    ]
    assert len({name for some in names for name in some}) == sum(map(len, names))


def test_every_environment_is_a_workers_and_tested() -> None:
    environments = tomllib.loads(FILE.read_text())["env"]
    assert {*environments} == {worker.environment for worker in EACH if worker.environment}


@each
@pytest.mark.slow
def test_the_compatibility_date_is_python_314_and_known_to_the_locked_workerd(worker: Deployed) -> None:
    version = (NODE_MODULES / "workerd" / "package.json").read_text().split('"version": "1.')[1][:8]
    locked = f"{version[:4]}-{version[4:6]}-{version[6:]}"
    assert "2026-09-08" <= worker.config["compatibility_date"] <= locked
    calls_others = "PLATFORM_API_URL" in worker.config["vars"]  # another Worker, perhaps of the same zone
    flags = ["python_workers", *(["global_fetch_strictly_public"] if calls_others else [])]
    assert worker.config["compatibility_flags"] == flags


OFTEN = (DEFAULT, "discord_bot")
"""The largest and the smallest app, which `make test` packs for an upload; `make soak` packs all."""
UPLOADED = [worker for worker in EACH if worker.environment]
uploaded = pytest.mark.parametrize("worker", UPLOADED, ids=lambda worker: worker.environment)


def entry(worker: Deployed) -> Path:
    return ROOT / "src" / ("main.py" if worker.package == DEFAULT else f"{worker.package}/worker.py")


@uploaded
def test_the_sources_of_a_worker_are_its_own_and_the_kernels(worker: Deployed) -> None:
    others = {*packages()} - {worker.package}
    left_out = (
        "edge/runtimes/local",
        "edge/testing.py",
        "edge/openapi/document.py",
        *(f"{other}/" for other in others),
    )
    assert not [name for name in closure(entry(worker)) if name.startswith(left_out)]


@each
def test_environment_excludes_modules_that_no_worker_loads(worker: Deployed) -> None:
    assert worker.config["python_modules"] == tomllib.loads(FILE.read_text())["python_modules"]


BLOCKED = """
import importlib, sys
from dataclasses import dataclass

class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if f"{name}.".startswith(tuple(f"{one}." for one in sys.argv[2:])):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent)
importlib.import_module(sys.argv[1])

from pydantic import TypeAdapter

@dataclass
class Point:
    x: int

print(TypeAdapter(Point).validate_json('{"x": "1"}'), TypeAdapter(Point).json_schema()["required"])
"""
"""Imports a module, and validates a dataclass, with the named modules absent."""


def without(module: str, excluded: list[str]) -> str:
    names = [pattern.removesuffix("/**").removesuffix(".py").replace("/", ".") for pattern in excluded]
    command = [sys.executable, "-c", BLOCKED, module, *(name for name in names if "*" not in name)]
    done = subprocess.run(command, cwd=ROOT / "src", capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("package", packages())
def test_no_app_needs_an_excluded_module(package: str) -> None:
    excluded = config.read(FILE)["python_modules"]["exclude"]
    assert len(excluded) > 10
    assert without(f"{package}.app", excluded) == "Point(x=1) ['x']\n"
    assert "ModuleNotFoundError: pydantic.main" in without(f"{package}.app", ["pydantic/main.py"])


SMALL = [
    pytest.param(worker, id=worker.environment, marks=() if worker.package in OFTEN else pytest.mark.soak)
    for worker in UPLOADED[1:]
    if worker.package == DEFAULT or worker.stage in {"", "production"}
]  # as production
small = pytest.mark.parametrize("worker", SMALL)
needs_wrangler = pytest.mark.skipif(
    not NODE_MODULES.joinpath("wrangler").is_dir(), reason="wrangler is run by `make test`"
)


@cache
def uploaded_by(environment: str) -> Upload:
    return dry_run(environment)


@small
@pytest.mark.slow
@needs_wrangler
def test_upload_holds_its_imports_and_locked_packages_and_is_small(worker: Deployed) -> None:
    upload = uploaded_by(str(worker.environment))
    assert upload.own == {name: path.read_bytes() for name, path in closure(entry(worker)).items()}
    packages_ = {name.split("/")[1] for name in upload.modules.keys() - upload.own.keys()}
    assert {"pydantic", "pydantic_core", "workers", "tzdata", "_workers_sdk_patch_loader.pth"} <= packages_
    assert not packages_ & {"apispec", "yaml", "fastapi", "uvicorn", "aiohttp", "cryptography"}
    assert not [name for name in upload.modules if ".dist-info/" in name or name.endswith((".pyi", ".pyc"))]
    assert len(upload.binary) == 1
    assert upload.modules == upload.own | upload.packages | upload.binary
    assert packed(upload.own) < packed(upload.packages) < packed(upload.binary) < upload.size <= LIMIT


LIST = """
import {{ libraryFiles }} from "{}";
let text = "";
for await (const part of process.stdin) text += part;
console.log(JSON.stringify(libraryFiles(JSON.parse(text)).map(([path]) => path)));
"""


@small
@pytest.mark.slow
@needs_wrangler
def test_pyedge_runs_with_the_packages_that_are_uploaded(worker: Deployed) -> None:
    order = config.order(FILE, worker.environment, {}, variables={}, trees={})
    command = [node(), "--input-type=module", "-e", LIST.format(ROOT / "tools" / "pyedge" / "node" / "files.mjs")]
    done = subprocess.run(command, input=json.dumps(order), capture_output=True, text=True, check=True)
    carried = {path.removeprefix("metadata/") for path in json.loads(done.stdout) if path.startswith("metadata/")}
    upload = uploaded_by(str(worker.environment))
    assert carried == upload.modules.keys() - upload.own.keys()


@pytest.mark.slow
@needs_wrangler
def test_upload_beyond_the_limit_fails(capsys: pytest.CaptureFixture[str]) -> None:
    size = uploaded_by("discord-bot").size
    for limit, status in ((size, 0), (size - 1, 1)):
        assert main(["discord-bot"], limit, uploaded_by) == status
        output = capsys.readouterr()
        head, row = output.out.splitlines()
        assert head.split()[-1] == TITLES[-1]
        assert row.startswith("discord-bot ")
        assert f"{size / 1024:,.1f}" in row.split()
        assert ("the upload of discord-bot is larger than" in output.err) == bool(status)


@pytest.mark.slow
@needs_wrangler
def test_wrangler_deploys_no_top_level() -> None:
    with pytest.raises(SystemExit, match="without an environment would take the development configuration: run `make"):
        dry_run("")


@each
def test_database_has_a_local_copy_of_its_own_and_versions_no_address(worker: Deployed) -> None:
    [database] = worker.config["d1_databases"]
    assert database["preview_database_id"] == database["database_name"]
    assert (worker.config["workers_dev"], worker.config["preview_urls"]) == (True, False)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is needed by `make test`")
def test_npm_install_leaves_the_lock(tmp_path: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    command = ["npm", "install", "--package-lock-only", "--offline", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "package-lock.json").read_text() == (ROOT / "package-lock.json").read_text()


def test_pyodide_is_the_one_that_the_date_selects() -> None:
    assert {worker.config["compatibility_date"] for worker in EACH} == {"2026-11-17"}
    pinned = json.loads((ROOT / "package.json").read_text())
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert pinned["devDependencies"]["pyodide"] == locked["node_modules/pyodide"]["version"] == "314.0.6"
    root = locked[""]
    assert {key: root[key] for key in ("devDependencies", "optionalDependencies", "engines")} == {
        key: pinned[key] for key in ("devDependencies", "optionalDependencies", "engines")
    }
