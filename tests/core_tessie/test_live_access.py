"""Live connections and their keys, on both runtimes: the end of a key, limits of frames and of connections."""

import asyncio
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.core_tessie.conftest import KEY, Runner
from tests.core_tessie.test_live import Stream, opened, received, reply_to
from tests.served import ROOT, Served, served_locally
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close as Frame
from websockets.sync.client import ClientConnection, connect

from core_tessie.app import app
from edge.runtimes import live_wire as wire
from edge.testing.host import Host
from pyedge import Worker
from sims.model import ModelSim, Turn

pytestmark = pytest.mark.slow

OURS, OTHERS = "5YJ3E1EA1KF000001", "5YJ3E1EA1KF000002"
QUICK = {"LIVE_CHECK_S": "0.5", "LIVE_MAX_CONNECTIONS": "4"}
UNKNOWN = {"type": "nothing"}


@pytest.fixture(scope="module")
def quick_local(tmp_path_factory: pytest.TempPathFactory, tessie_port: int, model_sim: ModelSim) -> Any:
    """Return a local server that looks at credentials twice a second."""
    folder = tmp_path_factory.mktemp("quick")
    with served_locally(folder, Runner(folder, tessie_port, model_sim).env | QUICK) as served:
        yield served


@pytest.fixture(params=["local", "workers"])
def quick(request: pytest.FixtureRequest, tmp_path: Path, tessie_port: int, model_sim: ModelSim) -> Served:
    """Return the app with empty tables, which checks credentials twice a second and allows four connections a key."""
    model_sim.reset()
    if request.param == "local":
        local: Served = request.getfixturevalue("quick_local")
        local.wipe()
        return local
    host: Host = request.getfixturevalue("workers_host")
    asyncio.run(host.client(app, Runner(tmp_path, tessie_port, host=host).env | QUICK, KEY))
    return Served(host.worker.url.rstrip("/"), "workers")


class Key:
    """An API key with its requests."""

    def __init__(self, served: Served, **members: Any) -> None:
        self.served = served
        status, document = served.ask("POST", "/auth/keys", {"name": "live", **members})
        assert status == 201, document
        self.id = document["id"]
        self.header = bearer(document["key"])

    def revoke(self) -> None:
        assert self.served.ask("POST", f"/auth/keys/{self.id}/revoke")[0] == 200

    def token(self, **members: Any) -> dict[str, str]:
        status, document = self.served.ask("POST", "/auth/token", members, **self.header)
        assert status == 201, document
        return bearer(document["access_token"])

    def socket(self, query: str = "") -> ClientConnection:
        return opened(self.served, query, additional_headers=self.header)


def bearer(credential: str) -> dict[str, str]:
    return {"authorization": f"Bearer {credential}"}


def ending_of(ws: ClientConnection, seconds: float = 10) -> Frame:
    """Wait for the close frame and return it; workerd may leave the connection below it to the client."""
    deadline = time.monotonic() + seconds
    while ws.protocol.close_rcvd is None:
        assert time.monotonic() < deadline, "it was not closed"
        with suppress(TimeoutError, ConnectionClosed):
            ws.recv(0.05)
    return ws.protocol.close_rcvd


def rest_of(stream: Stream, seconds: float) -> list[str]:
    """Read a stream to its end, which has to come in time."""
    stream.socket.settimeout(seconds)
    lines = [*stream.lines()]
    stream.close()
    return lines


def test_revoked_key_ends_its_sockets_and_streams(quick: Served) -> None:
    key, other = Key(quick), Key(quick)
    ticket = quick.ask("POST", "/ws/ticket", **key.header)[1]["ticket"]
    sockets = [key.socket(), opened(quick, additional_headers=key.token()), opened(quick, f"?ticket={ticket}")]
    stream = Stream(quick, **key.header)
    stays = other.socket("?types=custom.*")
    time.sleep(1.5)
    number = quick.publish("custom.before")
    assert [int(received(socket)["id"]) for socket in (*sockets, stays)] == [number] * 4
    key.revoke()
    began = time.monotonic()
    assert {ending_of(socket).code for socket in sockets} == {4401}
    lines = rest_of(stream, 10)
    assert time.monotonic() - began < 10
    assert f"id: {number}" in lines
    assert int(received_from(stays, quick.publish("custom.after"))["id"]) > number
    stays.close()


def received_from(ws: ClientConnection, number: int) -> Any:
    """Return the first message that is an event of that number or a later one."""
    while True:
        event = received(ws)
        if "sequence" in event and int(event["id"]) >= number:
            return event


def test_key_that_expires_ends_its_socket(quick: Served) -> None:
    key = Key(quick, expires_at=(datetime.now(UTC) + timedelta(seconds=3)).isoformat())
    ws = key.socket()
    stream = Stream(quick, **key.header)
    assert ending_of(ws).code == 4401
    rest_of(stream, 10)


def test_frame_of_revoked_key_is_refused_and_its_socket_closed(served: Served, model_sim: ModelSim) -> None:
    """Without waiting for the next look at the credential."""
    model_sim.say(Turn("Not for you."))
    key = Key(served)
    ws = key.socket("?types=custom.*")
    key.revoke()
    answer = reply_to(ws, {"type": "chat", "id": 1, "message": "Which cars are there?"})
    assert (answer["type"], answer["data"]["id"], answer["data"]["problem"]["status"]) == ("live.reply", 1, 401)
    assert ending_of(ws).code == 4401
    assert model_sim.requests == []


@pytest.mark.parametrize("frame", [{"type": "subscribe", "types": []}, UNKNOWN, "{", "[]"])
def test_every_frame_of_a_revoked_key_is_refused(served: Served, frame: object) -> None:
    key = Key(served)
    ws = key.socket()
    key.revoke()
    assert reply_to(ws, frame)["data"]["problem"]["status"] == 401
    assert ending_of(ws).code == 4401


@pytest.mark.parametrize("quick", ["workers"], indirect=True)
def test_revoked_key_ends_a_socket_that_outlived_its_object(quick: Served, workers_host: Host) -> None:
    key = Key(quick)
    ws = key.socket()
    workers_host.worker.reload()
    key.revoke()
    assert ending_of(ws).code == 4401


def refused(ws: ClientConnection, frame: object) -> Any:
    """Send a frame and return the problem in its answer, None if no limit refused it."""
    answer = reply_to(ws, frame)
    assert answer["type"] == "live.reply"
    problem = answer["data"].get("problem")
    return problem if problem and problem["status"] == 429 else None


def test_frames_and_requests_share_a_days_quota(served: Served) -> None:
    key = Key(served, daily_calls=6)
    ws = key.socket("?types=custom.*")  # one call
    assert served.ask("GET", "/auth/me", **key.header)[0] == 200
    for frame in (UNKNOWN, {"type": "subscribe", "types": ["custom.*"]}, "{"):
        assert refused(ws, frame) is None
    for _ in range(3):
        assert reply_to(ws, {"type": "ping", "id": 1})["type"] == "live.pong"
        assert reply_to(ws, wire.PING)["type"] == "live.pong"
    assert served.ask("GET", "/auth/me", **key.header)[0] == 200
    problem = refused(ws, {"type": "chat", "message": "Hello?"})
    assert problem["type"] == "urn:problem:too-many-requests"
    assert 0 < problem["retry_after"] <= 86_400
    assert served.ask("GET", "/auth/me", **key.header)[0] == 429
    ws.close()


def test_chat_over_the_socket_stops_at_the_quota(served: Served, model_sim: ModelSim) -> None:
    key = Key(served, daily_calls=4)
    ws = key.socket("?types=none")
    model_sim.say(*[Turn("Yes.")] * 10)
    answers = [reply_to(ws, {"type": "chat", "id": n, "message": "Hello?"})["data"] for n in range(6)]
    assert ["result" in answer for answer in answers] == [True, True, True, False, False, False]
    assert len(model_sim.requests) == 3
    ws.close()


def test_frames_and_requests_share_the_limit_of_a_minute(tmp_path: Path) -> None:
    env = {name: value for name, value in Runner(tmp_path, 9).env.items() if name != "RATE_LIMITER"}
    calls = app.limits["RATE_LIMITER"].calls
    with served_locally(tmp_path, env) as served:
        key = Key(served)
        sockets = [key.socket("?types=none") for _ in range(8)]
        allowed = len(sockets)
        for ws in sockets[:7]:
            allowed += sum(refused(ws, UNKNOWN) is None for _ in range(wire.FRAMES - 20))
        statuses = [served.ask("GET", "/auth/me", **key.header)[0] for _ in range(60)]
        allowed += statuses.count(200)
        problem = refused(sockets[7], UNKNOWN)
        assert (allowed <= calls) or (allowed < 2 * calls and problem is None), "a period began in between"
        if problem is not None:
            assert 0 < problem["retry_after"] <= 60
            assert allowed == calls
        for ws in sockets:
            ws.close()


@pytest.mark.soak
def test_flood_of_chat_frames_stops_at_the_limit(tmp_path: Path, model_sim: ModelSim) -> None:
    """Sixteen sockets of one key send as many chat frames as they may, all at once, beside requests."""
    model_sim.reset()
    env = {name: value for name, value in Runner(tmp_path, 9, model_sim).env.items() if name != "RATE_LIMITER"}
    with served_locally(tmp_path, env) as served:
        key = Key(served)
        sockets = 16
        began = time.monotonic()

        def flood(_number: int) -> list[int]:
            """Chat as fast as answers come, and return their statuses."""
            with key.socket("?types=none") as ws:
                statuses = []
                for _ in range(wire.FRAMES - 10):
                    reply = reply_to(ws, {"type": "chat", "message": "Hello?"})["data"]
                    statuses.append(reply["problem"]["status"] if "problem" in reply else 200)
                return statuses

        with ThreadPoolExecutor(sockets) as pool:
            statuses = [status for some in pool.map(flood, range(sockets)) for status in some]
        periods = 2 + int((time.monotonic() - began) // 60)
    assert set(statuses) == {200, 429}
    assert len(model_sim.requests) == statuses.count(200)
    assert statuses.count(200) + sockets <= periods * app.limits["RATE_LIMITER"].calls


def test_in_workerd_frames_and_requests_share_the_binding() -> None:
    few = {"name": "RATE_LIMITER", "namespace_id": "9", "simple": {"limit": 8, "period": 60}}
    variables = {name: value for name, value in Runner(Path(), 9).env.items() if name != "RATE_LIMITER"}
    with Worker(ROOT / "wrangler.toml", variables=variables, overrides={"ratelimits": [few]}) as worker:
        served = Served(worker.url.rstrip("/"), "workers")
        ws = opened(served, "?types=none")
        for _ in range(4):
            assert refused(ws, UNKNOWN) is None
        statuses = [served.ask("GET", "/auth/me")[0] for _ in range(6)]
        assert statuses == [200, 200, 200, 429, 429, 429]
        assert refused(ws, UNKNOWN)["retry_after"] == 60
        ws.close()


def test_a_key_holds_so_many_sockets_and_streams(quick: Served) -> None:
    key, other = Key(quick), Key(quick)
    connections = [key.socket(), key.socket(), opened(quick, additional_headers=key.token())]
    stream = Stream(quick, **key.header)
    status, problem = quick.ask("GET", "/events", **key.header)
    assert (status, problem["type"]) == (429, "urn:problem:too-many-connections")
    assert problem["retry_after"] > 0
    assert refusal_of(quick, key.header).code == 1013
    other.socket().close()
    connections.pop().close()
    connections.append(once_free(quick, key.header))
    assert refusal_of(quick, key.header).code == 1013
    stream.close()
    connections.append(once_free(quick, key.header))
    assert received_from(connections[0], quick.publish("custom.still")) is not None
    for ws in connections:
        ws.close()


def upgraded(served: Served, header: dict[str, str]) -> tuple[socket.socket, int]:
    """Ask for a socket, as a client that never answers; return the connection and the status."""
    where = urlsplit(served.url)
    connection = socket.create_connection((where.hostname, where.port), 10)
    headers = header | {"host": where.netloc, "upgrade": "websocket", "connection": "Upgrade"}
    headers |= {"sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    lines = ["GET /ws HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return connection, int(connection.recv(12).split()[1])


def test_refused_sockets_of_silent_clients_are_few(quick: Served) -> None:
    """At home the server ends the connection itself; a Worker cannot, so it makes no handshake beyond the bound."""
    key = Key(quick)
    connections = [key.socket() for _ in range(4)]
    silent = [upgraded(quick, key.header) for _ in range(6)]
    statuses = [status for _, status in silent]
    assert statuses == ([101] * 4 + [429] * 2 if quick.runtime == "workers" else [101] * 6)
    for connection, _ in silent:
        connection.close()
    for _ in range(100):
        connection, status = upgraded(quick, key.header)
        connection.close()
        if status == 101:
            break
        time.sleep(0.05)
    assert status == 101
    assert refusal_of(quick, key.header).code == 1013
    for ws in connections:
        ws.close()


def refusal_of(served: Served, header: dict[str, str]) -> Frame:
    """Open a socket that is closed before it is greeted; return why."""
    ws = connect(f"{served.ws_url}/ws", additional_headers=header, compression=None, legacy=True, close_timeout=1)
    ending = ending_of(ws)
    with suppress(TimeoutError, ConnectionClosed):
        raise AssertionError(ws.recv(0))
    ws.close()
    return ending


def once_free(served: Served, header: dict[str, str]) -> ClientConnection:
    """Open a socket, as soon as there is room for it."""
    for _ in range(100):
        ws = connect(f"{served.ws_url}/ws", additional_headers=header, compression=None, legacy=True, close_timeout=1)
        with suppress(TimeoutError, ConnectionClosed):
            assert json.loads(ws.recv(1))["type"] == "live.hello"
            return ws
        ws.close()
        time.sleep(0.1)
    raise AssertionError("there is no room")
