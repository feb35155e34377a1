"""`make dev`'s own program, started as a person does: a fleet is synced, and nothing is lost when it is killed."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from tests.ports import free_port

from dev import HOST, Place, chosen, command, surroundings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
KEY = "dev-test-key-for-all-tests"
PATIENCE = 60.0
NO_TESSIE = {"TESSIE_API_KEY": "a-key-of-tessie", "TESSIE_BASE_URL": "http://127.0.0.1:9"}
"""Settings for a start without a stand-in and its year of records."""


class Dev:
    """A running development server."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def ask(self, method: str, path: str, key: str | None = KEY) -> tuple[int, dict[str, str], Any]:
        """Send a request and return status, headers and JSON."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, headers={"Authorization": f"Bearer {key}"} if key else {})
            response = connection.getresponse()
            body = response.read()
            headers = {name.lower(): value for name, value in response.getheaders()}
            is_json = "json" in headers.get("content-type", "")
            return response.status, headers, json.loads(body) if is_json else body.decode()
        finally:
            connection.close()

    def runs(self) -> list[dict[str, Any]]:
        """Return the sync runs, newest first."""
        rows: list[dict[str, Any]] = self.ask("GET", "/d1/sync_runs?order=started_at.desc")[2]
        return rows


def start(state: Path, port: int, **env: str) -> subprocess.Popen[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("TESSIE_")}
    own |= {
        "PORT": str(port),
        "STATE": str(state),
        "ADMIN_API_KEY": KEY,
        "APP": "",
        "HOST": "",
        "PYTHONPATH": "src:tools",
    } | env
    command = [sys.executable, "tools/dev.py"]
    return subprocess.Popen(command, cwd=ROOT, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@contextmanager
def developing(state: Path, **env: str) -> Iterator[Dev]:
    port = free_port()
    process = start(state, port, **env)
    try:
        dev = Dev(process, port)
        wait_for(lambda: dev.ask("GET", "/health")[0] == 200)
        yield dev
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def wait_for(condition: Any) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            if condition():
                return
        except (OSError, HTTPException):
            pass
        time.sleep(0.05)
    raise AssertionError("not in time")


def test_a_newcomer_sees_a_fleet_and_can_ask_about_it(tmp_path: Path) -> None:
    with developing(tmp_path / "state") as dev:
        wait_for(lambda: [run["status"] for run in dev.runs()] == ["succeeded"])
        status, headers, vehicles = dev.ask("GET", "/d1/vehicles?select=display_name,battery_pct&order=display_name")
        assert status == 200
        assert len(vehicles) >= 3
        assert headers["content-range"].endswith(f"/{len(vehicles)}")
        assert dev.ask("GET", "/d1/drives?limit=1")[1]["content-range"].startswith("0-0/")
        assert dev.ask("GET", "/tessieapi/vehicles")[0] == 200
        for path in ("/health", "/", "/docs", "/openapi.json", "/openapi.yaml", "/nope"):
            status, headers, _ = dev.ask("GET", path, key=None)
            assert status == (404 if path == "/nope" else 200), path
            assert headers["access-control-allow-origin"] == "http://localhost:3000", (
                path
            )  # once: two would stand here with a comma
            assert headers["x-request-id"], path
        assert dev.ask("GET", "/d1/vehicles", key=None)[0] == 401
        assert dev.ask("GET", "/d1/vehicles", key="wrong")[0] == 401
        dev.process.send_signal(signal.SIGTERM)
        assert dev.process.wait(timeout=30) == 0


def test_killed_in_the_middle_of_a_sync_it_goes_on_when_started_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    slow = {"TESSIE_CALLS_PER_SECOND": "5", "TESSIE_CALLS_AT_ONCE": "5"}
    with developing(state, **slow) as dev:
        wait_for(lambda: dev.runs() and dev.runs()[0]["rows_written"] > 100)
        assert dev.runs()[0]["status"] == "started"
        dev.process.kill()
    with developing(state) as dev:
        wait_for(lambda: all(run["status"] == "succeeded" for run in dev.runs()))
        for vehicle in dev.ask("GET", "/d1/vehicles")[2]:
            there = dev.ask("GET", f"/tessieapi/{vehicle['vin']}/drives")[2]["results"]
            here = dev.ask("GET", f"/d1/drives?vin=eq.{vehicle['vin']}&limit=1")[1]["content-range"]
            assert here.endswith(f"/{len(there)}")


def test_the_first_start_shows_the_administrators_key_once(tmp_path: Path) -> None:
    first_lines: list[str] = []
    for _ in range(2):
        port = free_port()
        process = start(tmp_path / "state", port, ADMIN_API_KEY="", **NO_TESSIE)
        dev = Dev(process, port)
        try:
            wait_for(lambda dev=dev: dev.ask("GET", "/health")[0] == 200)
            if first_lines:
                assert dev.ask("GET", "/auth/me", key=first_lines[0])[2]["role"] == "admin"
        finally:
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=30)
        key_line = next(line for line in output.splitlines() if line.startswith("API key:"))
        first_lines.append(key_line.removeprefix("API key:").split()[0])
        assert ("shown this once" in key_line) is (len(first_lines) == 1)
    contents = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert not any(first_lines[0].encode() in data for data in contents)
    assert (tmp_path / "state" / "admin_api_key").read_text().startswith("sha256:")
    paths = [tmp_path / "state", *(tmp_path / "state").rglob("*")]
    assert [path for path in paths if path.stat().st_mode & 0o077] == [], "it is its owner's alone"


def test_a_port_in_use_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        process = start(tmp_path / "state", port, **NO_TESSIE)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"port {port} is in use; try PORT={port + 1}" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_invalid_port_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    monkeypatch.setenv("APP", "")
    monkeypatch.setenv("HOST", "")
    with pytest.raises(SystemExit, match=rf"^error: PORT={port} is not a port"):
        chosen()


@pytest.mark.parametrize("host", ["example.com", "x86_64-conda-linux-gnu", "127.0.0.1:80", "256.0.0.1"])
def test_invalid_address_is_refused(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("APP", "")
    with pytest.raises(SystemExit, match=rf"^error: HOST={re.escape(host)} is not an address"):
        chosen()


@pytest.mark.parametrize("env", [{"PORT": "70000"}, {"HOST": "example.com"}], ids=str)
def test_invalid_place_is_one_line(tmp_path: Path, env: dict[str, str]) -> None:
    process = start(tmp_path / "state", free_port(), **env)
    output, _ = process.communicate(timeout=30)
    assert process.returncode != 0
    assert re.fullmatch(r"error: (PORT|HOST)=\S+ is not an? .+\n", output), output


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (HOST, "http://127.0.0.1:8787"),
        ("0.0.0.0", "http://127.0.0.1:8787"),
        ("::", "http://127.0.0.1:8787"),
        ("::1", "http://[::1]:8787"),
    ],
)
def test_the_server_listens_on_host_and_is_called_at_an_address(host: str, url: str) -> None:
    place = Place("core_tessie", "8787", Path("state"), host)
    words = command(place)
    assert words[words.index("--host") + 1] == host
    assert place.url == url


def test_workerd_says_that_it_takes_no_other_address(tmp_path: Path) -> None:
    env = os.environ | {"STATE": str(tmp_path), "HOST": "0.0.0.0", "PYTHONPATH": "src:tools"}
    refused = subprocess.run(
        [sys.executable, "tools/dev_workers.py"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert refused.stderr.startswith("error: HOST=0.0.0.0: workerd")


def test_a_state_folder_that_is_a_file_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    process = start(tmp_path / "state", free_port())
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "Traceback" not in output
    assert "cannot be used" in output


def test_a_broken_dev_vars_is_reported_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / ".dev.vars"
    broken.write_text("A=1\nTESSIE_API_KEY secret-of-mine\n")
    with pytest.raises(SystemExit) as ended:
        surroundings(Place("core_tessie", "8787", tmp_path / "state"), broken)
    message = capsys.readouterr().err
    assert ended.value.code == 2
    assert message == f"error: {broken}, line 2: not NAME=value\n"


def test_the_command_line_syncs_with_and_without_a_server(tmp_path: Path) -> None:
    state = tmp_path / "state"
    env = {name: value for name, value in os.environ.items() if not name.startswith("TESSIE_")}
    env |= {"STATE": str(state), "PYTHONPATH": "src:tools"}

    def sync() -> str:
        command = [sys.executable, "tools/sync.py"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE, check=True)
        return done.stdout

    assert "succeeded: 4 of 4 vehicles" in sync()
    with developing(state) as dev:
        assert "succeeded: 4 of 4 vehicles" in sync()
        assert {run["status"] for run in dev.runs()} == {"succeeded"}
