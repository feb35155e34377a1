"""Odd input that was an error of ours once, or could be: origins, ids, and a storm of seeded nonsense."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests import odd

from edge.testing import Client
from tessie_sim import Fleet, Simulator

from .conftest import Runner

MINE = {"CORS_ALLOWED_ORIGINS": "https://mine.example"}
ORIGINS = [
    "http://[", "http://[::1", "http://]", "//", "null", "http://", "http://a b", "x" * 10_000, "http://%5b",
    "https://mine.example.evil", "https://mine.example:444", "https://mine.example/",
]  # fmt: skip


@pytest.mark.parametrize("origin", ORIGINS)
def test_page_of_odd_origin_opens_no_socket(run: Runner, origin: str) -> None:
    run.env |= MINE
    answer = run(lambda client: client.get("/ws", headers=[("origin", origin)]))
    assert (answer.status, answer.json()["type"]) == (403, "urn:problem:wrong-origin")


@pytest.mark.parametrize("host", [[], [("host", "")]])
@pytest.mark.local_only("HTTP/1.1 demands a Host, and workerd refuses what has none")
def test_page_without_origin_is_not_of_a_host_without_name(run: Runner, host: list[tuple[str, str]]) -> None:
    run.env |= MINE

    async def case(client: Client) -> list[int]:
        origins = ("null", "http://")
        return [(await client.get("/ws", headers=[("origin", origin), *host])).status for origin in origins]

    assert run(case) == [403, 403]


@pytest.mark.parametrize("length", [500, 501, 100_000])
def test_id_of_a_row_is_bounded(run: Runner, length: int) -> None:
    answer = run(lambda client: client.post("/d1/vehicles", {"vin": "x" * length}))
    assert answer.status == (201 if length <= 500 else 400)
    assert len(answer.header("location") or "") < 600


KNOWN = {
    "vin": "5YJ3E1EA1KF000001", "table": "drives", "path": "state", "from": "2025-01-01", "to": "2025-02-01",
    "timezone": "UTC", "model": "default", "type": "custom.a.b", "message": "hi", "expires_at": None, "subjects": None,
    "messages": [{"role": "user", "content": "hi"}], "payload": {"vin": "5YJ3E1EA1KF000001"}, "tools": None,
    "conversation_id": None, "stream_options": None, "ticket": None,
}  # fmt: skip
ENDLESS = frozenset({("get", "/events")})


@pytest.fixture(scope="module")
def tessie(tessie_port: int) -> Iterator[Simulator]:
    with Simulator(Fleet(seed=7, until=datetime(2025, 11, 20, 20, tzinfo=UTC)), port=tessie_port) as simulator:
        yield simulator


async def storm(client: Client, seed: int, count: int) -> list[str]:
    for vin in ("5YJ3E1EA1KF000001", "5YJ3E1EA1KF000002"):
        await client.post("/d1/vehicles", {"vin": vin})
    return await odd.weather(client, odd.Storm(odd.Document("openapi.json", KNOWN, ENDLESS), seed), count)


@pytest.mark.usefixtures("tessie")
def test_no_odd_request_is_an_error_of_ours(run: Runner) -> None:
    run.env |= MINE
    count = 600 if type(run) is Runner else 150
    assert run(lambda client: storm(client, 3, count)) == []


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.usefixtures("tessie")
@pytest.mark.parametrize("seed", range(5))
def test_no_odd_request_of_a_long_storm_is_an_error_of_ours(run: Runner, seed: int) -> None:
    run.env |= MINE
    count = 6_000 if type(run) is Runner else 1_000
    assert run(lambda client: storm(client, 100 + seed, count)) == []


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"])
def test_key_that_ends_with_the_calendar_is_refused(run: Runner, end: str) -> None:
    answer = run(lambda client: client.post("/auth/keys", {"name": "phone", "expires_at": end}))
    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "/expires_at")
