"""A guessable access key opens no app: the local server does not start, a Worker reports it and stays closed."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apps import DEFAULT, ROOT, load, packages
from edge.app import App
from edge.auth.keys import hashed
from edge.context import Ports
from edge.errors import NotConfigured
from edge.runtimes.local.runtime import LocalRuntime, StartError
from edge.settings import AccessKey, Settings
from edge.testing import Client
from edge.testing.host import Host, Workers

HASH = "0123456789abcdefABCDEF" + "0" * 42
GOOD = ["x" * 24, "ж" * 24, "a key with 24 characters", f"sha256:{HASH}", "sha255:" + "x" * 17]
SHORT = "a key has at least 24 characters"
NO_HASH = "after sha256: come the 64 hexadecimal digits of a key's hash"
BAD = {
    "x": SHORT,
    "x" * 23: SHORT,
    "ж" * 23: SHORT,
    "sha256": SHORT,
    "sha256:": NO_HASH,
    f"sha256:{HASH[1:]}": NO_HASH,
    f"sha256:{HASH}0": NO_HASH,
    f"sha256:{HASH[1:]}g": NO_HASH,
    f"sha256:{HASH[1:]}٣": NO_HASH,
    f"sha256: {HASH}": NO_HASH,
    f"sha256:{HASH}\n": NO_HASH,
    "sha256:" + "x" * 64: NO_HASH,
}


class Shop(Settings):
    admin_api_key: AccessKey
    api_key: AccessKey | None


def named(package: str) -> list[str]:
    """Return the access keys of an app."""
    return [field.name for field in load(package).settings.fields if field.is_access_key]


def test_every_app_has_one_access_key() -> None:
    assert {package: named(package) for package in packages()} == {
        package: ["ADMIN_API_KEY" if package in {DEFAULT, "vinyl_vault", "klear_karma", "devcapsules"} else "API_KEY"]
        for package in packages()
    }


@pytest.mark.parametrize("key", GOOD)
def test_long_key_is_taken(key: str) -> None:
    shop = Shop({"ADMIN_API_KEY": key, "API_KEY": key})
    assert (shop.faults, shop.admin_api_key.get_secret_value()) == ({}, key)


@pytest.mark.parametrize(("key", "reason"), BAD.items())
def test_short_key_is_refused_and_not_shown(key: str, reason: str) -> None:
    shop = Shop({"ADMIN_API_KEY": key, "API_KEY": key})
    for name in ("admin_api_key", "api_key"):
        with pytest.raises(NotConfigured) as refused:
            getattr(shop, name)
        assert refused.value.detail == f"{name.upper()} is not valid: {reason}"


@pytest.mark.parametrize(("key", "reason"), [("x", SHORT), ("sha256:hunter2-hunter2-hunter2", NO_HASH)])
@pytest.mark.parametrize("package", packages())
def test_app_with_a_short_key_does_not_start_at_home(package: str, key: str, reason: str, tmp_path: Path) -> None:
    [name] = named(package)
    with pytest.raises(StartError) as refused:
        LocalRuntime.open(load(package), tmp_path / "state", {name: key})
    assert str(refused.value) == f"{name} is not valid: {reason}"
    assert not (tmp_path / "state").exists()


@pytest.mark.slow
@pytest.mark.parametrize("package", packages())
def test_short_key_is_one_line_and_code_2(package: str, tmp_path: Path) -> None:
    [name] = named(package)
    command = [sys.executable, "-m", "edge.runtimes.local", "serve", f"{package}.app:app", "--port", "0"]
    command += ["--migrations", str(ROOT / "migrations")]
    ways: list[tuple[str, list[str]]] = [("environment", [])]
    if package == DEFAULT:  # the ways are the server's, the same for every app
        ways += [("file", []), ("environment", ["--reload", str(tmp_path)])]
    for setting, reload in ways:
        (tmp_path / ".dev.vars").write_text(f"{name}=hunter2\n" if setting == "file" else "")
        env = {key: value for key, value in os.environ.items() if key != name} | {"PYTHONPATH": str(ROOT / "src")}
        env |= {name: "hunter2"} if setting == "environment" else {}
        done = subprocess.run(
            [*command, *reload], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"error: {name} is not valid: {SHORT}\n"


type Answers = tuple[dict[str, Any], list[tuple[int, str]]]


async def guarded(client: Client, app: App) -> Answers:
    """Return the health, and the answers of the administrator's routes to the short key."""
    shut = [endpoint for endpoint in app.endpoints if endpoint.access.name == "ADMIN"]
    keyed = [("x-api-key", "hunter2")]
    paths = [(endpoint.method, endpoint.path.replace("{", "").replace("}", "")) for endpoint in shut]
    answers = [await client.request(method, path, headers=keyed) for method, path in paths]
    return (await client.get("/health")).json(), [(answer.status, answer.json().get("setting")) for answer in answers]


def is_shut(name: str, replies: Answers) -> None:
    health, answers = replies
    assert health["status"] == "degraded"
    assert f"{name} is not valid: {SHORT}" in str(health.get("checks") or health["probes"])
    assert "hunter2" not in str(health)
    assert answers == [(503, name)] * len(answers)
    assert answers


@pytest.mark.slow
def test_worker_with_a_short_key_says_so_and_stays_shut(workers: Workers) -> None:
    [name] = named(DEFAULT)
    app = load(DEFAULT)
    host = Host(workers, ROOT / "wrangler.toml")

    async def case() -> Answers:
        return await guarded(await host.client(app, {name: "hunter2", "RATE_LIMITER": "off"}, []), app)

    try:
        is_shut(name, asyncio.run(case()))
    finally:
        host.stop()


@pytest.mark.slow
@pytest.mark.parametrize("package", packages())
def test_app_that_runs_with_a_short_key_says_so_and_stays_shut(package: str, tmp_path: Path) -> None:
    [name] = named(package)
    app = load(package)

    async def case() -> Answers:
        folder = ROOT / "migrations" / app.migrations
        runtime = LocalRuntime.open(app, tmp_path, {"LOG_LEVEL": "error"}, migrations=folder)
        try:
            ports = runtime.ports()
            bound = {
                field.name: getattr(ports.settings, field.attribute) for field in app.settings.fields if field.port
            }
            settings = app.settings({**bound, name: "hunter2", "RATE_LIMITER": None})
            return await guarded(Client(app, Ports(settings, ports.runtime)), app)
        finally:
            await runtime.stop()

    is_shut(name, asyncio.run(case()))


@pytest.mark.parametrize("package", packages())
def test_key_by_its_hash_opens_and_the_setting_does_not(package: str, tmp_path: Path) -> None:
    [name] = named(package)
    key = "a-key-of-24-characters-or-more"
    app = load(package)
    setting = f"sha256:{hashed(key).upper()}"
    path = next(
        endpoint.path for endpoint in app.endpoints if endpoint.access.name == "ADMIN" and endpoint.method == "GET"
    )

    async def case() -> list[int]:
        folder = ROOT / "migrations" / app.migrations
        runtime = LocalRuntime.open(app, tmp_path, {name: setting, "LOG_LEVEL": "error"}, migrations=folder)
        try:
            client = Client(app, runtime.ports())
            sent = [[("x-api-key", key_)] for key_ in (key, setting, f"{key}x")]
            return [(await client.get(path, headers=headers)).status for headers in sent]
        finally:
            await runtime.stop()

    answers = asyncio.run(case())
    assert answers[0] not in {401, 403, 503}
    assert answers[1:] == [401, 401]
