"""`make deploy` against a stand-in account: it ends with a healthy Worker, and each fault stops it with a remedy."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps import ROOT
from deploying import packages
from deploying.build import Target, environments
from deploying.cloudflare import version_in
from deploying.refusal import Refusal
from pyedge.client import NODE_MODULES
from sims.cloudflare import StorageSim

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not NODE_MODULES.joinpath("wrangler").is_dir(), reason="wrangler is run by `make test`"),
]

NAME = "core-tessie-api-staging"
COPIED = ("src", "tools", "migrations", "openapi", "wrangler.toml", "package.json", "pyproject.toml")
LINKED = (".venv", "node_modules", "python_modules", "build/pyedge")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of its own, which a test may break."""
    place = tmp_path_factory.mktemp("deploy") / "checkout"
    place.mkdir()
    for name in COPIED:
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, place / name, ignore=ignored) if source.is_dir() else shutil.copy(source, place / name)
    (place / "build").mkdir()
    (ROOT / "build" / "pyedge").mkdir(exist_ok=True)
    for name in LINKED:
        (place / name).symlink_to(ROOT / name)
    return place


@pytest.fixture
def sim() -> Iterator[StorageSim]:
    """An account with all that staging needs."""
    with StorageSim() as running:
        provide(running, Target.of("staging"))
        yield running


def provide(sim: StorageSim, target: Target) -> None:
    """Make the resources that an environment names, and set its secrets."""
    for database in target.databases:
        sim.add_database(database)
    queues = target.config.get("queues", {})
    for queue in (*queues.get("producers", []), *queues.get("consumers", [])):
        sim.queues.all[queue["queue"]] = []
    sim.buckets.update(bucket["bucket_name"] for bucket in target.config.get("r2_buckets", []))
    for name in target.secrets:
        sim.add_secret(target.name, name, "ab" * 32 if name == "DISCORD_PUBLIC_KEY" else "")


def deploy(copy: Path, sim: StorageSim, **more: str) -> tuple[int, str]:
    env = os.environ | sim.environment | {"URL": f"{sim.url}/deployed/{NAME}", "PYTHONPATH": "src:tools"} | more
    done = subprocess.run(
        [sys.executable, "tools/deploy.py", more.get("ENV", "staging")],
        cwd=copy,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


def test_deployment_ends_with_a_healthy_worker(copy: Path, sim: StorageSim) -> None:
    status, output = deploy(copy, sim)
    assert status == 0, output
    assert "its health is ok" in output
    assert "`npx wrangler delete --env staging`" in output
    script = sim.workers[NAME]
    assert script.deployed is not None
    assert script.is_public
    assert "/openapi.json" in script.assets
    assert {"main.py", "python_modules/_workers_sdk_patch_loader.pth"} <= script.deployed.modules.keys()
    assert "edge/runtimes/workers/bridge.mjs" in script.deployed.scripts
    applied = sim.databases["tessie-db-staging"].query({"sql": "SELECT name FROM d1_migrations"})[0]["results"]
    assert [row["name"] for row in applied] == sorted(path.name for path in (ROOT / "migrations").glob("*.sql"))


def refused(copy: Path, sim: StorageSim, *message: str, **more: str) -> None:
    status, text = deploy(copy, sim, **more)
    assert status == 1, text
    for part in message:
        assert part in text, text
    assert 'tools/deploy.py", line' not in text, "what the Worker says may hold a traceback, a step may not"
    assert not [request for request in sim.asked if request.startswith("PUT /workers/scripts")], "nothing was deployed"


def test_old_document_stops_it(copy: Path, sim: StorageSim) -> None:
    document = copy / "openapi" / "openapi.json"
    before = document.read_text()
    document.write_text(before.replace('"3.1.0"', '"3.0.0"', 1))
    try:
        refused(copy, sim, "openapi is not what the code says: run `make openapi` and commit it")
    finally:
        document.write_text(before)


def test_app_that_cannot_be_imported_stops_it(copy: Path, sim: StorageSim) -> None:
    file = copy / "src" / "core_tessie" / "journal.py"
    before = file.read_text()
    file.write_text(f"import js\n{before}")
    try:
        refused(copy, sim, "No module named 'js'", "cannot import the app: mend what the last line says")
    finally:
        file.write_text(before)


def test_missing_packages_stop_a_deployment(copy: Path, sim: StorageSim) -> None:
    (copy / "python_modules").unlink()
    (copy / "python_modules").mkdir()
    try:
        refused(
            copy, sim, "python_modules/ is not what is locked", "connect to PyPI and run it again", PIP_NO_INDEX="1"
        )
    finally:
        shutil.rmtree(copy / "python_modules", ignore_errors=True)
        (copy / "python_modules").symlink_to(ROOT / "python_modules")


def test_missing_secret_stops_it(copy: Path, sim: StorageSim) -> None:
    del sim.workers[NAME].secrets["JWT_SECRET_KEY"]
    refused(copy, sim, "secrets are missing: JWT_SECRET_KEY", "npx wrangler secret put JWT_SECRET_KEY --env staging")


def test_worker_that_is_not_there_yet_needs_its_secrets_first(copy: Path, sim: StorageSim) -> None:
    sim.workers.clear()
    refused(copy, sim, "secrets are missing: TESSIE_API_KEY, ADMIN_API_KEY, JWT_SECRET_KEY")


@pytest.mark.parametrize(("name", "message"), [("", "ENV=… is no environment"), ("dev", "ENV=dev is no environment")])
def test_unknown_environment_stops_it(copy: Path, sim: StorageSim, name: str, message: str) -> None:
    refused(copy, sim, message, "staging, production, platform-api, discord-bot, vinyl-vault, klear-karma", ENV=name)


def test_account_has_to_be_named(copy: Path, sim: StorageSim) -> None:
    refused(copy, sim, "CLOUDFLARE_ACCOUNT_ID is not set: `npx wrangler whoami`", CLOUDFLARE_ACCOUNT_ID="")


BROKEN = {
    "JavaScript object": (
        "src/core_tessie/journal.py",
        "\ntry:\n    import js\n    KEPT = js.Object.new()\nexcept ImportError:\n    pass\n",
        ("Can't serialize top-level variable core_tessie.journal.KEPT", "make it in a handler", "does not start"),
    ),
    "arity": (
        "src/edge/runtimes/workers/entry.py",
        None,
        ("scheduled() fails in workerd", "write `async def scheduled(self, event, env=None, ctx=None)`"),
    ),
    "import": (
        "src/core_tessie/journal.py",
        "\nimport os\nDRAWN = os.urandom(4) if 'core_tessie.main' not in __name__ else b''\n",
        ("randomness is not allowed", "does not start in workerd: mend what the last lines say"),
    ),
}


@pytest.mark.soak
@pytest.mark.parametrize("fault", BROKEN)
def test_worker_that_production_would_refuse_stops_it(copy: Path, sim: StorageSim, fault: str) -> None:
    name, added, output = BROKEN[fault]
    file = copy / name
    before = file.read_text()
    if added is None:
        file.write_text(
            before.replace(
                "async def scheduled(self, controller: Any, _env: Any = None, _ctx: Any = None)",
                "async def scheduled(self, controller: Any)",
            )
        )
        assert file.read_text() != before
    else:
        file.write_text(before + added)
    try:
        refused(copy, sim, *output)
    finally:
        file.write_text(before)


@pytest.mark.soak
@pytest.mark.parametrize("environment", [name for name in environments() if name != "staging"])
def test_each_environment_is_deployed_healthy(copy: Path, environment: str) -> None:
    target = Target.of(environment)
    with StorageSim() as sim:
        provide(sim, target)
        status, output = deploy(copy, sim, ENV=environment, URL=f"{sim.url}/deployed/{target.name}")
        assert status == 0, output
        assert "its health is ok" in output
        assert sim.workers[target.name].schedules == target.config["triggers"]["crons"]


@pytest.mark.soak
def test_refused_migration_stops_it(copy: Path, sim: StorageSim) -> None:
    database = sim.databases["tessie-db-staging"]
    database.query({"sql": "CREATE TABLE drives (id)"})
    refused(copy, sim, "table drives already exists", "were not applied, and nothing was deployed")


@pytest.mark.soak
def test_unapplied_migration_is_reported_by_health(copy: Path, sim: StorageSim) -> None:
    assert deploy(copy, sim)[0] == 0
    database = sim.databases["tessie-db-staging"]
    database.forgets = "0010_no_triggers.sql"
    status, output = deploy(copy, sim)
    assert status == 1
    assert "DB: error: MigrationsMissing: 1 of " in output
    assert "npx wrangler d1 migrations apply tessie-db-staging --env staging --remote` applies" in output
    assert "npx wrangler rollback " in output


def test_packages_are_checked_file_by_file(tmp_path: Path) -> None:
    folder, lock = tmp_path / "python_modules", tmp_path / "worker.txt"
    (folder / "a").mkdir(parents=True)
    (folder / "A_B-1.0.dist-info").mkdir()
    (folder / "a" / "__init__.py").write_text("x = 1\n")
    lock.write_text("a-b==1.0 \\\n    --hash=sha256:00\n")
    right = base64.urlsafe_b64encode(hashlib.sha256(b"x = 1\n").digest()).rstrip(b"=").decode()
    record = folder / "A_B-1.0.dist-info" / "RECORD"
    record.write_text(f"a/__init__.py,sha256={right},6\nA_B-1.0.dist-info/RECORD,,\n")
    assert [*packages.faults(folder, lock)] == []
    (folder / "a" / "__init__.py").write_text("x = 2\n")
    assert [*packages.faults(folder, lock)] == ["a/__init__.py is missing or changed"]
    (folder / "a" / "__init__.py").unlink()
    (folder / "b.py").write_text("")
    assert [*packages.faults(folder, lock)] == ["a/__init__.py is missing or changed", "b.py is of no package"]
    lock.write_text("a-b==2.0\nc==1\n")
    assert [*packages.faults(folder, lock)][:3] == ["a-b 2.0 is missing", "c 1 is missing", "a-b 1.0 is not locked"]


def test_installed_packages_are_those_that_are_locked() -> None:
    assert [*packages.faults()] == []


MISSING = "This Worker does not exist on your account. [code: 10007]"
ANSWERS = [
    (0, '{"versions": [{"version_id": "b", "percentage": 10}, {"version_id": "a", "percentage": 90}]}', "a"),
    (0, '{"versions": []}', None),
    (1, MISSING, None),
    (1, "The Worker core-tessie-api-staging has no deployments.", None),
]


@pytest.mark.parametrize(("status", "output", "version"), ANSWERS)
def test_way_back_is_the_version_that_most_requests_reach(status: int, output: str, version: str | None) -> None:
    assert version_in(subprocess.CompletedProcess([], status, output, "")) == version


def test_unreadable_deployment_is_not_taken_for_a_first_one() -> None:
    failed = subprocess.CompletedProcess([], 1, "", "fetch failed")
    with pytest.raises(Refusal, match=r"fetch failed\nthe deployed version cannot be read, .* run it again"):
        version_in(failed)


def test_target_has_the_app_and_entry_of_its_environment() -> None:
    for environment, package, entry in (
        ("staging", "core_tessie", "src/main.py"),
        ("platform-api", "platform_api", "src/platform_api/worker.py"),
    ):
        target = Target.of(environment)
        assert (target.package, target.entry) == (package, ROOT / entry)
    with pytest.raises(Refusal, match=r"ENV=nothing is no environment of .*: give one of staging, production"):
        Target.of("nothing")
