"""The simulated Tessie's switches: every failure on demand, the request log, the clock, and the command line."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sims.tessie import Fleet, Simulator
from sims.tessie.cars import ANCHOR, DAY_S

pytestmark = pytest.mark.slow  # a stand-in's own tests

TOOLS = Path(__file__).parents[2] / "tools"
NOW = ANCHOR + 40 * DAY_S
UNAVAILABLE = b"vehicle unavailable"


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    with Simulator(Fleet(seed=7, until=NOW)) as sim:
        yield sim


@pytest.fixture
def sim(shared: Simulator) -> Iterator[Simulator]:
    """The shared simulator, its switches put back afterwards."""
    yield shared
    for path in ("/_sim/faults", "/_sim/requests"):
        assert ask(shared.url, path, "DELETE", token=None)[0] == 204
    shared.fleet.pin(NOW)


def ask(
    url: str, path: str, method: str = "GET", body: object = None, token: str | None = "sim-token"
) -> tuple[int, dict[str, str], bytes]:
    """One request on its own connection."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=20)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def control(url: str, path: str, method: str = "GET", body: object = None) -> Any:
    """A switch turned without a token; the JSON of its 200."""
    status, _, answer = ask(url, path, method, body, token=None)
    assert status == 200, answer
    return json.loads(answer)


def fail(sim: Simulator, **rule: object) -> None:
    control(sim.url, "/_sim/faults", "PUT", [rule])


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("unauthorized", 401, b'{"error":"Invalid access token"}'),
        ("not_found", 404, b'{"error":"Vehicle not found"}'),
        ("asleep", 200, b'{"state":"asleep"}'),
        ("offline", 408, UNAVAILABLE),
        ("rate_limited", 429, b"error"),
        ("server_error", 500, b"error"),
        ("bad_gateway", 502, b"error"),
        ("html_error", 503, b"<html>"),
        ("null_state", 200, b"null"),
        ("slow", 200, b'"charge_state"'),
    ],
)
def test_each_kind_of_failure(sim: Simulator, kind: str, status: int, body: bytes) -> None:
    fail(sim, kind=kind, path="/state$")
    got, headers, answer = ask(sim.url, f"/{sim.vins[0]}/state")
    assert got == status
    assert body in answer
    assert ("retry-after" in headers) is (kind == "rate_limited")
    assert ask(sim.url, f"/{sim.vins[0]}/plate")[0] == 200


def test_an_asleep_rule_speaks_each_routes_words(sim: Simulator) -> None:
    fail(sim, kind="asleep")
    assert ask(sim.url, f"/{sim.vins[0]}/status")[2] == b'{"status":"asleep"}'
    assert ask(sim.url, f"/{sim.vins[0]}/command/honk", "POST")[0] == 408


def test_the_status_and_the_wait_may_be_chosen(sim: Simulator) -> None:
    fail(sim, kind="rate_limited", retry_after=17)
    assert ask(sim.url, "/vehicles")[1]["retry-after"] == "17"
    fail(sim, kind="server_error", status=504)
    assert ask(sim.url, "/vehicles")[0] == 504


def test_the_fleet_api_fails_in_its_envelope(sim: Simulator) -> None:
    fail(sim, kind="offline")
    _, _, body = ask(sim.url, f"/api/1/vehicles/{sim.vins[0]}/vehicle_data")
    assert json.loads(body)["response"] is None


def test_malformed_is_no_json(sim: Simulator) -> None:
    fail(sim, kind="malformed")
    status, _, body = ask(sim.url, f"/{sim.vins[0]}/drives")
    assert status == 200
    with pytest.raises(ValueError, match=r".+"):
        json.loads(body)


def test_cut_off_announces_more_than_it_sends(sim: Simulator) -> None:
    fail(sim, kind="cut_off")
    with pytest.raises(IncompleteRead) as cut:
        ask(sim.url, f"/{sim.vins[0]}/drives")
    assert len(cut.value.partial) > 0
    assert cut.value.expected is not None
    assert cut.value.expected > 0


def test_null_state_of_one_car_spares_the_others(sim: Simulator) -> None:
    fail(sim, kind="null_state", vin=sim.vins[1])
    cars = json.loads(ask(sim.url, "/vehicles")[2])["results"]
    assert [car["last_state"] is None for car in cars] == [False, True, False, False]
    assert ask(sim.url, f"/{sim.vins[1]}/state")[2] == b"null"
    assert ask(sim.url, f"/{sim.vins[1]}/drives")[2] != b"null"


def test_times_every_vin_and_method_choose_requests(sim: Simulator) -> None:
    path, other = f"/{sim.vins[0]}/plate", f"/{sim.vins[1]}/plate"

    def statuses(path: str) -> list[int]:
        return [ask(sim.url, path)[0] for _ in range(5)]

    fail(sim, kind="server_error", vin=sim.vins[0], times=2)
    assert (statuses(path), statuses(other)) == ([500, 500, 200, 200, 200], [200] * 5)
    fail(sim, kind="server_error", every=2)
    assert statuses(path) == [200, 500, 200, 500, 200]
    rule = control(sim.url, "/_sim/faults")[0]
    assert (rule["seen"], rule["fired"]) == (5, 2)
    fail(sim, kind="server_error", method="POST")
    assert statuses(path) == [200] * 5


@pytest.mark.parametrize(
    "rules",
    [
        {},
        [{}],
        [{"kind": "explosion"}],
        [{"kind": "slow", "path": "("}],
        [{"kind": "slow", "paht": "x"}],
        [{"kind": "slow", "times": "2"}],
        [{"kind": "slow", "every": 0}],
    ],
)
def test_a_wrong_rule_is_refused(sim: Simulator, rules: object) -> None:
    assert ask(sim.url, "/_sim/faults", "PUT", rules)[0] == 400
    assert control(sim.url, "/_sim/faults") == []


def test_requests_are_logged_with_headers_body_and_status(sim: Simulator) -> None:
    vin = sim.vins[0]
    ask(sim.url, f"/{vin}/drives?limit=1")
    ask(sim.url, f"/{vin}/plate", "POST", {"plate": "A"})
    fail(sim, kind="server_error")
    ask(sim.url, "/vehicles", token="secret")
    first, second, third = control(sim.url, "/_sim/requests")
    assert (first["method"], first["path"], first["query"], first["status"]) == (
        "GET",
        f"/{vin}/drives",
        "limit=1",
        200,
    )
    assert ["authorization", "Bearer sim-token"] in first["headers"]
    assert (second["body"], second["status"]) == ('{"plate": "A"}', 200)
    assert third["status"] == 500


def test_the_clock_can_be_moved(sim: Simulator) -> None:
    vin = sim.vins[0]
    before = len(sim.fleet.drives(vin))
    moved = control(sim.url, "/_sim/clock", "PUT", {"until": "2026-02-01T00:00:00Z"})
    assert moved == control(sim.url, "/_sim/clock") == {"now": 1_769_904_000}
    assert len(sim.fleet.drives(vin)) > before
    assert ask(sim.url, "/_sim/clock", "PUT", {"until": "soon"})[0] == 400


@pytest.mark.parametrize("kind", ["drives", "charges", "idles"])
def test_a_record_can_be_corrected(sim: Simulator, kind: str) -> None:
    vin = sim.vins[2]
    old = json.loads(ask(sim.url, f"/{vin}/{kind}?limit=1")[2])["results"][0]
    new = control(sim.url, f"/_sim/{kind}/{vin}/{old['id']}", "PATCH", {"starting_battery": 51})
    assert new["starting_battery"] == 51
    assert new["updated_at"] > old["updated_at"]
    assert json.loads(ask(sim.url, f"/{vin}/{kind}?limit=1")[2])["results"][0] == new
    assert ask(sim.url, f"/_sim/{kind}/{vin}/{old['id']}", "PATCH", {"id": 3})[0] == 400
    assert ask(sim.url, f"/_sim/{kind}/{vin}/1", "PATCH", {})[0] == 404


def test_a_car_can_be_made_inactive_and_stateless(sim: Simulator) -> None:
    vin = sim.vins[1]
    switch = f"/_sim/vehicles/{sim.vins[1]}"
    control(sim.url, switch, "PATCH", {"is_active": False, "shows_last_state": False})
    cars = json.loads(ask(sim.url, "/vehicles?only_active=true")[2])["results"]
    assert vin not in [car["vin"] for car in cars]
    car = json.loads(ask(sim.url, "/vehicles")[2])["results"][1]
    assert (car["is_active"], car["last_state"]) == (False, None)
    healths = json.loads(ask(sim.url, "/battery_health?only_active=true")[2])["results"]
    assert len(healths) == len(sim.vins) - 1
    control(sim.url, switch, "PATCH", {"is_active": True, "shows_last_state": True})


@contextmanager
def program(*flags: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """`python -m sims.tessie` with its first line read."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "sims.tessie", *flags],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(TOOLS)},
    ) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_the_program_prints_its_address_and_ends_with_its_stdin() -> None:
    flags = ("--seed", "3", "--until", "2025-12-01T00:00:00Z", "--token", "other", "--until-eof")
    with program(*flags) as (process, about):
        status, _, body = ask(about["url"], "/vehicles", token="other")
        assert status == 200
        assert [car["vin"] for car in json.loads(body)["results"]] == about["vins"]
        expected = Fleet(seed=3, until="2025-12-01T00:00:00Z").drives(about["vins"][0])
        drives = json.loads(ask(about["url"], f"/{about['vins'][0]}/drives", token="other")[2])["results"]
        assert drives == expected
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_the_program_takes_faults_and_ends_on_sigterm() -> None:
    rules = '[{"kind": "slow", "path": "/vehicles", "delay": 600}, {"kind": "offline"}]'
    with program("--faults", rules) as (process, about):
        assert ask(about["url"], f"/{about['vins'][0]}/state")[0] == 408
        waiting = HTTPConnection(urlsplit(about["url"]).netloc)
        waiting.request("GET", "/vehicles", headers={"Authorization": f"Bearer {about['token']}"})
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)
        waiting.close()


def test_the_program_refuses_wrong_faults() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sims.tessie", "--faults", '[{"kind": "explosion"}]'],
        env=os.environ | {"PYTHONPATH": str(TOOLS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "kind must be one of" in done.stderr
