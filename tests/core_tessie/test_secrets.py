"""Secrets: set in every setting, and searched for in all outputs that must not contain them."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.served import Served, served_locally

from core_tessie.app import app
from edge.settings import Secret
from sims.tessie import Fleet, Simulator

from .conftest import ENV

pytestmark = pytest.mark.slow

CANARY = "canary-8d1f"
PLANTED = {
    "ADMIN_API_KEY": f"{CANARY}-administrators-key",
    "JWT_SECRET_KEY": f"{CANARY}-signing-key-of-more-than-32-bytes",
    "JWT_SECRET_KEY_OLD": f"{CANARY}-old-signing-key-of-more-than-32-bytes",
    "CLOUDFLARE_API_TOKEN": f"{CANARY}-cloudflare",
    "LOCAL_AI_KEY": f"{CANARY}-model",
    "LOCAL_AI_URL": "http://127.0.0.1:9/v1",
}


def test_every_secret_is_typed_as_one() -> None:
    secrets = {field.name for field in app.settings.fields if field.kind == "secret"}
    named = {
        field.name for field in app.settings.fields if field.name.endswith(("_KEY", "_KEY_OLD", "_TOKEN", "_SECRET"))
    }
    assert secrets == named
    settings = app.settings(dict.fromkeys(named, f"{CANARY}-{'x' * 32}"))
    for name in named:
        value = getattr(settings, name.lower())
        assert isinstance(value, Secret)
        assert CANARY not in f"{value} {value!r} {settings!r} {vars(settings)} {settings.faults}"


@pytest.fixture
def tessie(tessie_port: int) -> Iterator[Simulator]:
    start = datetime(2025, 12, 29, tzinfo=UTC)
    until = datetime(2026, 1, 5, 20, tzinfo=UTC)
    with Simulator(Fleet(seed=7, start=start, until=until), port=tessie_port) as simulator:
        yield simulator


def send_all(served: Served, key: str, *requests: tuple[str, str, object]) -> list[Any]:
    header = {"authorization": f"Bearer {key}"}
    return [served.ask(method, path, body, **header) for method, path, body in requests]


def call_all_routes(served: Served, vin: str, admin: str) -> tuple[list[Any], list[str]]:
    """Call every kind of route, validly and invalidly; return all answers, and the secrets created meanwhile."""
    (_, key), (_, ticket) = send_all(served, admin, ("POST", "/auth/keys", {"name": "k"}), ("POST", "/ws/ticket", None))
    ((_, token),) = send_all(served, key["key"], ("POST", "/auth/token", {}))
    born = [key["key"].partition(".")[2], token["access_token"].rpartition(".")[2], ticket["ticket"]]
    ((_, run),) = send_all(served, admin, ("POST", "/colbycommands/sync", None))
    for _ in range(200):
        ((_, now),) = send_all(served, admin, ("GET", f"/colbycommands/sync/{run['id']}", None))
        if now["ended_at"]:
            break
        time.sleep(0.05)
    wrong = f"{CANARY}-a-wrong-key"
    born.append(wrong)
    answers = send_all(
        served,
        admin,
        ("GET", f"/tessieapi/{vin}/state", None),
        ("POST", f"/tessieapi/{vin}/command/honk", None),
        ("GET", f"/tessieapi/{vin}/state?access_token={wrong}", None),
        ("GET", "/tessieapi/x/state", None),
        ("POST", "/colbycommands/energy-report", {"from": "2025-11-01"}),
        ("GET", "/colbycommands/usage", None),
        ("POST", "/agent/chat", {"message": "Hi", "stream": False}),
        ("POST", "/agent/chat", {"message": 1}),
        ("POST", "/agent/actions", {"kind": "wake", "payload": {"vin": vin}}),
        ("POST", "/auth/keys", {"name": ""}),
        ("GET", "/auth/keys", None),
        ("GET", "/auth/me", None),
        ("GET", "/health", None),
        ("GET", "/nowhere", None),
        ("GET", f"/events?ticket={wrong}", None),
        ("GET", "/agent/v1/models", None),
    )
    answers += send_all(served, wrong, ("GET", "/d1/vehicles", None), ("GET", "/health", None))
    answers += send_all(served, f"a.{wrong}.c", ("GET", "/d1/vehicles", None))
    answers += send_all(
        served, admin, *(("GET", f"/d1/{table}?limit=1000", None) for table in ("logs", "tessie_raw", "agent_actions"))
    )
    return answers, born


def test_no_secret_reaches_a_table_log_file_or_answer(tmp_path: Path, tessie: Simulator) -> None:
    env = ENV | PLANTED | {"TESSIE_BASE_URL": tessie.url, "LOG_LEVEL": "debug", "TESSIE_DEADLINE_S": "2"}
    with served_locally(tmp_path, env) as served:
        answers, born = call_all_routes(served, tessie.vins[0], PLANTED["ADMIN_API_KEY"])
        time.sleep(0.5)
    hidden = [*born, ENV["TESSIE_API_KEY"], *(value for name, value in PLANTED.items() if name != "LOCAL_AI_URL")]
    text = json.dumps(answers)
    assert [secret for secret in hidden if secret in text] == []
    searched = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"server.txt", "DB.sqlite"} <= {path.name for path in searched}
    for path in searched:
        data = path.read_bytes()
        assert [secret for secret in hidden if secret.encode() in data] == [], path


def test_no_log_line_has_a_whole_vin_or_a_place(tmp_path: Path, tessie: Simulator) -> None:
    env = ENV | {"TESSIE_BASE_URL": tessie.url, "LOG_LEVEL": "debug"}
    with served_locally(tmp_path, env) as served:
        call_all_routes(served, tessie.vins[0], ENV["ADMIN_API_KEY"])
        logs = served.ask("GET", "/d1/logs?limit=1000")[1]
    lines = (tmp_path / "server.txt").read_text()
    assert '"request"' in lines
    places = {place for vin in tessie.vins for place in placed(tessie, vin)}
    assert len(places) > 3
    for text in (lines, json.dumps(logs)):
        assert [vin for vin in tessie.vins if vin in text] == []
        assert [place for place in places if place in text] == []


def placed(tessie: Simulator, vin: str) -> Iterator[str]:
    """Yield the places of a vehicle's drives, as JSON texts."""
    for drive in tessie.ask(f"/{vin}/drives")["results"]:
        for name in ("starting_location", "ending_location", "starting_latitude", "ending_longitude"):
            if drive.get(name):
                yield json.dumps(drive[name])[1:-1] if isinstance(drive[name], str) else str(drive[name])
