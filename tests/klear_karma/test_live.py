"""Live messages over real sockets, on both runtimes: only for the two sides, and none for refused messages."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.klear_karma.conftest import ADMIN_KEY, ENV, as_members
from tests.klear_karma.practices import practice
from tests.served import served_locally
from websockets.sync.client import ClientConnection, connect

from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Client
from edge.testing.host import Host
from klear_karma.app import app

SETTINGS = ENV | {"FEED_LIMITER": "off"}
PEOPLE = ("ada", "eve")

type Headers = dict[str, str]


async def people(client: Client) -> dict[str, Headers]:
    """Return the credentials of a practitioner, two customers and the administrator."""
    mira = await practice(client)
    others = dict(zip(PEOPLE, await as_members(client, PEOPLE), strict=True))
    credentials = {name: dict(client.headers) for name, client in {"mira": mira, **others}.items()}
    return credentials | {"admin": {"x-api-key": ADMIN_KEY}}


async def on_server(state: Path) -> dict[str, Headers]:
    """Return the credentials of people on a running server."""
    runtime = LocalRuntime.open(app, state, SETTINGS, migrations=None)
    try:
        return await people(Client(app, runtime.ports(), []))
    finally:
        await runtime.stop()


@contextmanager
def serving(request: pytest.FixtureRequest, runtime: str, folder: Path) -> Iterator[tuple[str, dict[str, Headers]]]:
    """Yield the address of the app, and the credentials of people."""
    if runtime == "workers":
        host: Host = request.getfixturevalue("workers_host")

        async def joined() -> dict[str, Headers]:
            return await people(await host.client(app, SETTINGS, []))

        credentials = asyncio.run(joined())
        yield host.worker.url.rstrip("/"), credentials
        return
    with served_locally(folder, SETTINGS, "klear_karma") as served:
        yield served.url, asyncio.run(on_server(folder / "state"))


def send(url: str, headers: Headers, body: str) -> int:
    """Send a message to mira; return the status."""
    data = json.dumps({"practitioner_id": "mira", "body": body}).encode()
    sent = headers | {"content-type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/api/messages", data, sent), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def heard(socket: ClientConnection, seconds: float) -> tuple[str, bool] | None:
    """Return the text of the next message, and whether it is the listener's own; None after the timeout."""
    try:
        event = json.loads(socket.recv(timeout=seconds))
    except TimeoutError:
        return None
    assert event["type"] == "message.sent"
    return event["data"]["body"], event["data"]["is_mine"]


def test_message_reaches_only_its_two_sides(request: pytest.FixtureRequest, runtime: str, tmp_path: Path) -> None:
    with serving(request, runtime, tmp_path) as (url, credentials), ExitStack() as stack:
        address = f"{url.replace('http', 'ws', 1)}/ws?types=message.*"
        sockets = {
            name: stack.enter_context(connect(address, additional_headers=headers, max_size=None))
            for name, headers in credentials.items()
        }
        assert {json.loads(socket.recv(timeout=20))["type"] for socket in sockets.values()} == {"live.hello"}
        assert send(url, credentials["ada"], "Hello") == 201
        assert heard(sockets["mira"], 10) == ("Hello", False)
        assert heard(sockets["ada"], 10) == ("Hello", True)
        assert send(url, credentials["ada"], "Once more") == 409
        assert {name: heard(socket, 0.5) for name, socket in sockets.items()} == dict.fromkeys(sockets)
