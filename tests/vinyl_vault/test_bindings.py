"""Searches, covers and imports on both runtimes, with the bindings of each."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.vinyl_vault.conftest import ENV
from tests.vinyl_vault.test_csv import FILE

from edge.testing import Answer, Client
from edge.testing.host import Host
from edge.testing.runner import Runner
from sims.discogs import DiscogsSim
from vinyl_vault.app import app

NIGHT = "/api/discogs/search?artist=The+Glass+Harbour&album=Night+Ferry"
CSV = [("content-type", "text/csv")]

type Run = Runner[Client]


@pytest.fixture(scope="module")
def shared_sim() -> Iterator[DiscogsSim]:
    with DiscogsSim() as sim:
        yield sim


@pytest.fixture
def sim(shared_sim: DiscogsSim) -> DiscogsSim:
    shared_sim.reset()
    shared_sim.key = f"key-{uuid4().hex}"  # a separate budget per test, as a Worker's objects outlive a test
    return shared_sim


@pytest.fixture
def run(runtime: str, tmp_path: Path, sim: DiscogsSim, request: pytest.FixtureRequest) -> Run:
    host: Host | None = request.getfixturevalue("workers_host") if runtime == "workers" else None
    env = ENV | {
        "SEARCH_LIMITER": "off",
        "ACCOUNT_CONFIRMATION": "none",
        "DISCOGS_CALLS_PER_MINUTE": "60",
        "DISCOGS_WAIT_S": "5",
        "DISCOGS_API_URL": sim.url,
        "DISCOGS_USER_AGENT": "VinylVaultTests/1.0",
    }
    return Runner(app, tmp_path / "state", env | {"DISCOGS_KEY": sim.key, "DISCOGS_SECRET": sim.secret}, [], host)


async def ada(client: Client) -> Client:
    """Return a client of a registered user."""
    account = {"email": "ada@example.org", "password": "correct horse battery staple"}
    answer = await client.post("/api/auth/register", account)
    assert answer.status in {200, 201}, answer.body
    client.headers = [("authorization", f"Bearer {answer.json()['access_token']}")]
    return client


def test_burst_of_requests_is_one_call_and_its_cover_is_served(run: Run, sim: DiscogsSim) -> None:
    async def case(client: Client) -> None:
        answers = await asyncio.gather(*(client.get(NIGHT) for _ in range(12)))
        assert [answer.status for answer in answers] == [200] * 12, answers[0].body
        assert len(sim.calls("/database/search")) == len(sim.calls("/releases")) == len(sim.calls("/images")) == 1
        path = answers[0].json()["cover"]
        whole = await client.get(path)
        assert (whole.status, whole.header("content-type"), whole.body[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
        etag = str(whole.header("etag"))
        assert (await client.get(path, headers=[("if-none-match", etag)])).status == 304
        part = await client.get(path, headers=[("range", "bytes=2-9")])
        assert (part.status, part.body) == (206, whole.body[2:10])
        assert part.header("content-range") == f"bytes 2-9/{len(whole.body)}"

    run(case)


def test_budget_is_shared_by_all_requests(run: Run, sim: DiscogsSim) -> None:
    run.env |= {"DISCOGS_CALLS_PER_MINUTE": "3", "DISCOGS_WAIT_S": "0"}

    async def case(client: Client) -> list[Answer]:
        paths = [f"/api/discogs/price?release_id={id_}" for id_ in (1002, 1003, 1010, 1011, 1020, 1031)]
        return await asyncio.gather(*(client.get(path) for path in paths))

    answers = run(case)
    assert sorted(answer.status for answer in answers) == [200] * 3 + [429] * 3
    assert all(answer.header("retry-after") for answer in answers if answer.status == 429)
    assert len(sim.requests) == 3


def test_rate_limit_is_not_cached_as_not_found(run: Run, sim: DiscogsSim) -> None:
    sim.window.fill(60)

    async def case(client: Client) -> None:
        refused = await client.get("/api/discogs/search?artist=Los+R%C3%ADos&album=Canci%C3%B3n+Nueva")
        assert (refused.status, refused.header("retry-after")) == (429, "10")
        sim.window.clear()
        assert (await client.get("/api/discogs/price?release_id=2001")).status == 429
        assert sim.window.used() == 0

    run(case)


def test_file_is_imported_and_exported_to_the_same_bytes(run: Run) -> None:
    async def case(client: Client) -> None:
        await ada(client)
        sent = await client.request("POST", "/api/collection/import", body=FILE.encode("latin-1"), headers=CSV)
        assert sent.status == 201, sent.body
        assert (sent.json()["encoding"], sent.json()["rows"]["new"]) == ("windows-1252", 5)
        done = await client.post(f"/api/collection/import/{sent.json()['id']}/apply", {})
        assert (done.status, done.json()["state"]) == (200, "done"), done.body
        exported = await client.get("/api/collection/export")
        assert sorted(exported.body.decode().splitlines()) == sorted(FILE.splitlines())
        again = await client.request("POST", "/api/collection/import", body=exported.body, headers=CSV)
        assert again.json()["rows"] == {"read": 5, "new": 0, "same": 5, "possible": 0, "refused": 0}

    run(case)


def test_details_come_by_the_job(run: Run) -> None:
    async def case(client: Client) -> None:
        await ada(client)
        body = b"Artist,Title,release_id\nThe Glass Harbour,Night Ferry,1001\n"
        sent = await client.request("POST", "/api/collection/import?apply=true", body=body, headers=CSV)
        assert sent.json()["state"] == "done", sent.body
        await client.scheduled("* * * * *")
        (record,) = (await client.get("/api/collection/export?format=json")).json()
        assert record["cover"] == "/cache/images/release-1001.jpg"
        assert record["market_value"] == {"amount": 1807, "currency": "USD"}
        report = await client.get(f"/api/collection/import/{sent.json()['id']}")
        assert report.json()["details"] == {"done": 1, "total": 1, "minutes": 0}

    run(case)
