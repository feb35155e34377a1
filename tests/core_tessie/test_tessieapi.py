"""The mirror against a simulated Tessie over HTTP."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.patience import pauses

from core_tessie.tessie.mirror import METHODS as MIRRORED
from core_tessie.tessie.mirror import READS
from edge.testing import Answer, Client
from sims.tessie import Fleet, Simulator

from .test_auth import keyed

pytestmark = pytest.mark.slow

RESOLVED = pytest.mark.local_only("a URL has no dot segments or backslashes by the time that a Worker sees it")
METHODS = pytest.mark.local_only("Cloudflare's front refuses CONNECT, and takes get for GET")
NOW = datetime(2025, 12, 1, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def served(tessie_port: int) -> Iterator[Simulator]:
    with Simulator(Fleet(seed=7, until=NOW), port=tessie_port) as simulator:
        yield simulator


@pytest.fixture
def sim(served: Simulator) -> Simulator:
    """A Tessie of a month, without faults, which `run` talks to."""
    served.ask("/_sim/faults", "DELETE")
    served.ask("/_sim/requests", "DELETE")
    return served


def requests(sim: Simulator) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = sim.ask("/_sim/requests")
    return calls


def test_an_answer_comes_back_as_it_is(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> Answer:
        return await client.get(f"/tessieapi/{sim.vins[0]}/drives?limit=5&distance_format=km")

    answer = run(case)
    assert answer.status == 200
    assert answer.header("content-type") == "application/json"
    assert answer.json() == sim.ask(f"/{sim.vins[0]}/drives?limit=5&distance_format=km")


@pytest.mark.parametrize(
    ("path", "media_type", "start"),
    [
        ("map?width=20&height=20", "image/png", b"\x89PNG"),
        ("drives?limit=2&format=csv", "text/csv", b"id,"),
        ("state/", "application/json", b"{"),
        ("nothing_here", "application/json", b"{"),
    ],
)
def test_every_kind_of_body_passes(run: Any, sim: Simulator, path: str, media_type: str, start: bytes) -> None:
    async def case(client: Client) -> Answer:
        return await client.get(f"/tessieapi/{sim.vins[0]}/{path}")

    answer = run(case)
    assert (answer.header("content-type") or "").partition(";")[0] == media_type
    assert answer.body.startswith(start)


def test_the_key_is_added_and_the_callers_own_credentials_stay_here(run: Any, sim: Simulator) -> None:
    sent = [
        ("cookie", "session=mine"),
        ("x-api-key", "mine"),
        ("accept", "application/json"),
        ("x-request-id", "order-66"),
        ("connection", "close"),
        ("x-forwarded-for", "10.0.0.1"),
    ]

    async def case(client: Client) -> None:
        target = f"/tessieapi/{sim.vins[0]}/status?access_token=mine&%61ccess_token=mine&use_cache=true"
        assert (await client.get(target, headers=sent)).status == 200

    run(case)
    (request,) = requests(sim)
    headers = dict(request["headers"])
    assert headers["authorization"] == f"Bearer {sim.token}"
    assert headers["x-request-id"] == "order-66"
    assert headers["traceparent"].startswith("00-")
    assert request["query"] == "use_cache=true"
    assert "mine" not in str(request)
    assert not {"cookie", "x-api-key", "x-forwarded-for"} & set(headers)


@pytest.mark.parametrize(
    "vin",
    [
        "5YJ3E1EA7KF31700",
        "5YJ3E1EA7KF3170001",
        "5YJ3E1EA7KF31700I",
        "5yj3e1ea7kf31",
        pytest.param("..", marks=RESOLVED),
    ],
)
def test_invalid_vin_is_refused(run: Any, sim: Simulator, vin: str) -> None:
    async def case(client: Client) -> Answer:
        return await client.get(f"/tessieapi/{vin}/state")

    answer = run(case)
    assert (answer.status, answer.json()["title"]) == (400, "Not a VIN")
    assert requests(sim) == []


@pytest.mark.parametrize(
    "path",
    [
        *(
            pytest.param(path, marks=RESOLVED)
            for path in ("../vehicles", "%2e%2e/vehicles", "./state", "state/..", "state/../../vehicles", "..\\a")
        ),
        "..%2fvehicles",
        "%2e%2e%2fvehicles",
        "%252e%252e/vehicles",
        "/evil.example/x",
        "//evil.example",
        "http://evil.example/x",
        "http:%2f%2fevil.example",
        "..%5cvehicles",
        "state%00",
        "state%0d%0aHost:%20evil",
        "state%3fa=b",
        "state%23x",
        "state;x",
        "st%20ate",
        "%c0%ae%c0%ae/vehicles",
        "%ff",
        "state%",
        "stä te",
        "...",
        "@evil.example",
    ],
)
def test_no_path_leaves_its_vehicle(run: Any, sim: Simulator, path: str) -> None:
    async def case(client: Client) -> Answer:
        return await client.get(f"/tessieapi/{sim.vins[0]}/{path}")

    assert run(case).status == 400
    assert requests(sim) == []


@pytest.mark.local_only("a URL's query is encoded by the time that a Worker sees it")
def test_a_query_that_is_not_encoded_is_refused(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> Answer:
        return await client.get(f"/tessieapi/{sim.vins[0]}/state?x=ä")

    assert run(case).status == 400


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "rate_limited", "retry_after": 0},
        {"kind": "bad_gateway"},
        {"kind": "bad_gateway", "status": 503},
        {"kind": "bad_gateway", "status": 504},
        {"kind": "offline"},
        {"kind": "cut_off"},
    ],
    ids=lambda rule: f"{rule['kind']} {rule.get('status', '')}",
)
def test_a_get_is_repeated_until_the_fault_has_passed(run: Any, sim: Simulator, rule: dict[str, object]) -> None:
    sim.ask("/_sim/faults", "PUT", [{**rule, "times": 2}])

    async def case(client: Client) -> Answer:
        return await client.get(f"/tessieapi/{sim.vins[0]}/state")

    assert run(case).status == 200
    assert len(requests(sim)) == 3


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_command_is_sent_once(run: Any, sim: Simulator, method: str) -> None:
    sim.ask("/_sim/faults", "PUT", [{"kind": "bad_gateway", "status": 503, "times": 1}])

    async def case(client: Client) -> list[int]:
        target = f"/tessieapi/{sim.vins[0]}/command/flash"
        return [(await client.request(method, target)).status for _ in range(2)]

    assert run(case) == [503, 200]
    assert len(requests(sim)) == 2


def test_method_and_body_go_through(run: Any, sim: Simulator) -> None:
    vin = sim.vins[0]
    drive = sim.ask(f"/{vin}/drives?limit=1")["results"][0]["id"]

    async def case(client: Client) -> Answer:
        return await client.post(f"/tessieapi/{vin}/drives/set_tag", {"drives": str(drive), "tag": "Business"})

    assert run(case).json() == {"result": True}
    assert sim.ask(f"/{vin}/drives?limit=1")["results"][0]["tag"] == "Business"


@pytest.mark.parametrize(
    "method", ["TRACE", "PROPFIND", pytest.param("CONNECT", marks=METHODS), pytest.param("get", marks=METHODS)]
)
def test_a_method_that_tessie_has_not_is_refused(run: Any, sim: Simulator, method: str) -> None:
    async def case(client: Client) -> Answer:
        return await client.request(method, f"/tessieapi/{sim.vins[0]}/state")

    assert run(case).status == 405
    assert requests(sim) == []


@pytest.mark.slow
def test_lasting_fault_is_a_502_with_its_attempts(run: Any, sim: Simulator) -> None:
    sim.ask("/_sim/faults", "PUT", [{"kind": "bad_gateway"}])

    async def case(client: Client) -> Answer:
        return await client.get(f"/tessieapi/{sim.vins[0]}/state")

    problem = run(case).json()
    assert (problem["status"], problem["upstream"], set(problem["attempts"])) == (502, "Tessie", {"502"})
    assert 2 <= len(problem["attempts"]) == len(requests(sim)) <= 5


def test_a_long_rate_limit_is_passed_on_at_once(run: Any, sim: Simulator) -> None:
    sim.ask("/_sim/faults", "PUT", [{"kind": "rate_limited", "retry_after": 60}])

    async def case(client: Client) -> Answer:
        return await client.get(f"/tessieapi/{sim.vins[0]}/state")

    answer = run(case)
    assert (answer.status, answer.header("retry-after")) == (429, "60")
    assert len(requests(sim)) == 1


def test_no_answer_in_time_is_a_504(run: Any, sim: Simulator) -> None:
    sim.ask("/_sim/faults", "PUT", [{"kind": "slow", "delay": 3}])
    run.env["TESSIE_DEADLINE_S"] = "0.3"

    async def case(client: Client) -> Answer:
        return await client.get(f"/tessieapi/{sim.vins[0]}/state")

    answer = run(case)
    assert (answer.status, answer.json()["upstream"]) == (504, "Tessie")


def test_unreachable_tessie_is_a_502(run: Any) -> None:
    async def case(client: Client) -> Answer:
        return await client.get("/tessieapi/vehicles")

    run.env |= {"TESSIE_BASE_URL": "http://127.0.0.1:9", "TESSIE_DEADLINE_S": "0.5"}
    answer = run(case)
    assert (answer.status, answer.json()["upstream"]) == (502, "Tessie")


@pytest.mark.local_only("requests to a Worker share nothing that one of them awaits")
def test_a_burst_of_equal_gets_makes_one_call(run: Any, sim: Simulator) -> None:
    sim.ask("/_sim/faults", "PUT", [{"kind": "slow", "delay": 0.3, "times": 1}])

    async def case(client: Client) -> list[Answer]:
        target = f"/tessieapi/{sim.vins[0]}/battery"
        return await asyncio.gather(*(client.get(target) for _ in range(20)))

    answers = run(case)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(requests(sim)) == 1


def test_each_answer_is_stored_with_a_log_row(run: Any, sim: Simulator) -> None:
    vin = sim.vins[0]

    async def case(client: Client) -> tuple[Any, Any]:
        await client.get(f"/tessieapi/{vin}/battery?distance_format=km", headers=[("x-request-id", "kept-1")])
        db = client.ports.settings.db
        async for _ in pauses():
            raw = await db.first("SELECT * FROM tessie_raw")
            log = await db.first("SELECT * FROM logs WHERE request_id = 'kept-1'")
            if raw and log:
                return raw, log
        raise AssertionError("the answer was not stored")

    raw, log = run(case)
    stored = {key: raw[key] for key in ("vin", "method", "path", "query", "status", "is_cut", "request_id")}
    assert stored == {
        "vin": vin,
        "method": "GET",
        "path": f"/{vin}/battery",
        "query": "distance_format=km",
        "status": 200,
        "is_cut": 0,
        "request_id": "kept-1",
    }
    assert '"battery_level"' in raw["body"]
    assert raw["latency_ms"] > 0
    assert (log["route"], log["actor"], log["level"]) == ("/tessieapi/{vin}/{path:path}", "admin", "info")
    assert vin not in str(log)


def test_without_a_key_the_mirror_says_which_setting_is_missing(run: Any) -> None:
    async def case(client: Client) -> Answer:
        return await client.get("/tessieapi/vehicles")

    del run.env["TESSIE_API_KEY"]
    answer = run(case)
    assert (answer.status, answer.json()["setting"]) == (503, "TESSIE_API_KEY")


def test_the_key_appears_nowhere(run: Any, sim: Simulator) -> None:
    sim.ask("/_sim/faults", "PUT", [{"kind": "unauthorized"}])

    async def case(client: Client) -> tuple[Answer, str]:
        answer = await client.get(f"/tessieapi/{sim.vins[0]}/state")
        await asyncio.sleep(0.2)
        tables = [await client.ports.settings.db.all(f"SELECT * FROM {name}") for name in ("tessie_raw", "logs")]
        return answer, str(tables) + repr(client.ports.settings)

    answer, stored = run(case)
    assert answer.status == 401
    assert sim.token not in answer.text + str(answer.headers) + stored


ACTING = (
    "wake",
    "Wake",
    "WAKE",
    "wa%6be",
    "%77ake",
    "wake/",
    "command/honk",
    "Command/honk",
    "COMMAND/honk",
    "command%2fhonk",
    "%63ommand/honk",
    "%43ommand/honk",
    "command/honk/",
    "command",
    "commands/honk",
    "drives/set_tag",
    "charges/1/set_cost",
    "drivers/1/delete",
    "invitations",
    "invitations/1/revoke",
    "plate/",
    "State",
    "state/wake",
    "api/1/honk",
    "nothing_here",
)
"""Paths that may act on a car; `plate/` is a reading path with a slash added."""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reader_gets_only_paths_that_read(run: Any, sim: Simulator, method: str) -> None:
    async def case(client: Client) -> dict[str, int]:
        reader = await keyed(client)
        paths = [*ACTING, *sorted(READS)]
        return {path: (await reader.request(method, f"/tessieapi/{sim.vins[0]}/{path}")).status for path in paths}

    statuses = run(case)
    assert {path for path in ACTING if statuses[path] != 403} == {"plate/"}
    assert {path: statuses[path] for path in READS if statuses[path] != 200} == {"roles": 403}
    seen = {request["path"].partition("?")[0].rpartition("/")[2] for request in requests(sim)}
    assert seen == READS, "roles is refused by Tessie, which wants a fleet account"


def test_reader_changes_nothing(run: Any, sim: Simulator) -> None:
    async def case(client: Client) -> list[int]:
        reader = await keyed(client)
        targets = [(method, path) for method in MIRRORED for path in READS if method not in {"GET", "HEAD"}]
        return [(await reader.request(method, f"/tessieapi/{sim.vins[0]}/{path}")).status for method, path in targets]

    assert set(run(case)) == {403}
    assert requests(sim) == []


@pytest.mark.parametrize("path", ["Command/flash", "wake", "nothing_here", "invitations"])
def test_get_that_may_act_is_sent_once(run: Any, sim: Simulator, path: str) -> None:
    sim.ask("/_sim/faults", "PUT", [{"kind": "bad_gateway", "status": 503, "times": 1}])

    async def case(client: Client) -> int:
        return (await (await keyed(client, role="operator")).get(f"/tessieapi/{sim.vins[0]}/{path}")).status

    status = run(case)
    assert (status, len(requests(sim))) == ((200, 2) if path == "invitations" else (503, 1))
