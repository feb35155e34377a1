"""Live events over real sockets, on both runtimes: only for the two sides, none for refused messages."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.klear_karma.conftest import ADMIN_KEY, ENV, as_members
from tests.klear_karma.practices import booked, day_after_tomorrow, ended, practice, zulu
from tests.served import served_locally
from websockets.sync.client import ClientConnection, connect

from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Client
from edge.testing.host import Host
from klear_karma.app import app

pytestmark = pytest.mark.slow

SETTINGS = ENV | {"FEED_LIMITER": "off"}
PEOPLE = ("ada", "eve")
PASSWORD = "correct horse battery"

type Headers = dict[str, str]
type Town = tuple[str, dict[str, Headers]]


async def people(client: Client) -> dict[str, Headers]:
    """Return the credentials of two practitioners, three customers and the administrator.

    One booking of ada's has ended, and a request of hers has expired. Bea has a password, and bookings with mira: one
    that is coming and one that has ended.
    """
    mira, zoe = await practice(client), await practice(client, "zoe", needs_confirmation=1)
    others = dict(zip(PEOPLE, await as_members(client, PEOPLE), strict=True))
    past = await booked(others["ada"], day_after_tomorrow())
    await booked(others["ada"], day_after_tomorrow(), "zoe")
    await ended(client, past["id"])
    db: Any = client.ports.settings.db
    await db.run("UPDATE appointments SET expires_at = '2020-01-01 00:00:00' WHERE state = 'requested'")
    account = {"email": "bea@example.org", "password": PASSWORD, "name": "Bea"}
    bea = client.anonymous()
    tokens = (await bea.post("/api/auth/register", account)).json()
    bea.headers = [("authorization", f"Bearer {tokens['access_token']}")]
    over = await booked(bea, day_after_tomorrow(6))
    await ended(client, over["id"])
    await db.run("UPDATE appointments SET state = 'completed' WHERE id = ?", over["id"])
    await booked(bea, day_after_tomorrow(7))
    await booked(bea, day_after_tomorrow(8), "zoe")
    others["bea"] = bea
    credentials = {name: dict(client.headers) for name, client in {"mira": mira, "zoe": zoe, **others}.items()}
    return credentials | {"admin": {"x-api-key": ADMIN_KEY}}


async def on_server(state: Path) -> dict[str, Headers]:
    """Return the credentials of people on a running server."""
    runtime = LocalRuntime.open(app, state, SETTINGS, migrations=None)
    try:
        return await people(Client(app, runtime.ports(), []))
    finally:
        await runtime.stop()


@pytest.fixture(scope="module", params=["local", pytest.param("workers", marks=pytest.mark.slow)])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Yield the address of the app on each runtime, and the credentials of people."""
    if request.param == "workers":
        host: Host = request.getfixturevalue("workers_host")

        async def joined() -> dict[str, Headers]:
            return await people(await host.client(app, SETTINGS, []))

        credentials = asyncio.run(joined())
        yield host.worker.url.rstrip("/"), credentials
        return
    folder = tmp_path_factory.mktemp("live")
    with served_locally(folder, SETTINGS, "klear_karma") as served:
        yield served.url, asyncio.run(on_server(folder / "state"))


@contextmanager
def listening(url: str, credentials: dict[str, Headers], types: str) -> Iterator[dict[str, ClientConnection]]:
    """Yield an open socket of each person."""
    with ExitStack() as stack:
        address = f"{url.replace('http', 'ws', 1)}/ws?types={types}"
        sockets = {
            name: stack.enter_context(connect(address, additional_headers=headers, max_size=None))
            for name, headers in credentials.items()
        }
        assert {json.loads(socket.recv(timeout=20))["type"] for socket in sockets.values()} == {"live.hello"}
        yield sockets


def post(url: str, path: str, headers: Headers, body: object, method: str = "POST") -> int:
    """Send a body; return the status."""
    data = json.dumps(body).encode()
    sent = headers | {"content-type": "application/json"}
    request = urllib.request.Request(f"{url}{path}", data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def send(url: str, headers: Headers, body: str) -> int:
    """Send a message to mira; return the status."""
    return post(url, "/api/messages", headers, {"practitioner_id": "mira", "body": body})


def heard(socket: ClientConnection, seconds: float) -> dict[str, Any] | None:
    """Return the data of the next event; None after the timeout."""
    try:
        data: dict[str, Any] = json.loads(socket.recv(timeout=seconds))["data"]
    except TimeoutError:
        return None
    return data


def message(socket: ClientConnection) -> tuple[int, bool]:
    """Return the number of the next message, and whether it is the listener's own; its text is in no event."""
    data = heard(socket, 10)
    assert data is not None
    assert "body" not in data
    return data["number"], data["is_mine"]


def test_message_reaches_only_its_two_sides(town: Town) -> None:
    url, credentials = town
    with listening(url, credentials, "message.*") as sockets:
        assert send(url, credentials["eve"], "Hello") == 201
        assert message(sockets["mira"]) == (1, False)
        assert message(sockets["eve"]) == (1, True)
        assert send(url, credentials["eve"], "Once more") == 409
        assert {name: heard(socket, 0.3) for name, socket in sockets.items()} == dict.fromkeys(sockets)


def test_changes_of_a_job_reach_only_the_two_sides_and_once(town: Town) -> None:
    url, credentials = town
    with listening(url, credentials, "appointment.*") as sockets:
        for _ in range(2):
            assert post(url, "/jobs/settle_appointments", credentials["admin"], {}) == 200
        for name, states in {"ada": {"expired", "completed"}, "mira": {"completed"}, "zoe": {"expired"}}.items():
            events = [heard(sockets[name], 10) for _ in states]
            assert {event and event["state"] for event in events} == states, name
        assert {name: heard(socket, 0.3) for name, socket in sockets.items()} == dict.fromkeys(sockets)


def test_booking_and_change_reach_both_sides_and_refused_ones_nobody(town: Town) -> None:
    url, credentials = town
    start = zulu(day_after_tomorrow(15))
    order = {"practitioner_id": "mira", "service_id": "mira-reiki", "starts_at": start}
    with listening(url, credentials, "appointment.*") as sockets, ThreadPoolExecutor() as pool:
        tries = {name: pool.submit(post, url, "/api/appointments", credentials[name], order) for name in PEOPLE}
        statuses = {name: outcome.result() for name, outcome in tries.items()}
        assert sorted(statuses.values()) == [201, 409]
        winner = next(name for name, status in statuses.items() if status == 201)
        events = [heard(sockets[name], 10) for name in (winner, "mira")]
        assert [event and event["state"] for event in events] == ["confirmed"] * 2
        path = f"/api/appointments/{events[0] and events[0]['appointment_id']}"
        loser = next(name for name in PEOPLE if name != winner)
        assert post(url, path, credentials[loser], {"action": "cancel"}, "PATCH") == 404
        assert post(url, path, credentials[winner], {"action": "cancel"}, "PATCH") == 200
        assert post(url, path, credentials[winner], {"action": "cancel"}, "PATCH") == 409
        events = [heard(sockets[name], 10) for name in (winner, "mira")]
        assert [event and event["state"] for event in events] == ["cancelled"] * 2
        assert {name: heard(socket, 0.3) for name, socket in sockets.items()} == dict.fromkeys(sockets)


def test_deletion_of_an_account_tells_the_other_sides_of_its_open_bookings(town: Town) -> None:
    url, credentials = town
    others = {name: headers for name, headers in credentials.items() if name != "bea"}
    bea = credentials["bea"]
    with listening(url, others, "appointment.*") as sockets:
        assert post(url, "/api/auth/me", bea, {"password": "wrong horse battery"}, "DELETE") == 401
        assert {name: heard(socket, 0.2) for name, socket in sockets.items()} == dict.fromkeys(sockets)
        assert post(url, "/api/auth/me", bea, {"password": PASSWORD}, "DELETE") == 204
        events = [heard(sockets[name], 10) for name in ("mira", "zoe")]
        assert [event and (event["state"], event["sequence"]) for event in events] == [("cancelled", 1)] * 2
        assert {name: heard(socket, 0.3) for name, socket in sockets.items()} == dict.fromkeys(sockets)
