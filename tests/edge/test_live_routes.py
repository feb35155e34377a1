"""Live events of a sibling, under a prefix of its own: streams, a socket with frames, tickets, publishing."""

import json
import socket as sockets
from collections.abc import Iterator
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest
from tests.served import ADMIN, Served, served_locally
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = pytest.mark.slow

KEY = {"authorization": f"Bearer {ADMIN}"}
APP = """
from edge import OPERATOR, READER, App, Frame, Limit
from edge.auth import routes as auth
from edge.auth.callers import AccessSettings, Callers
from edge.auth.limits import Limits
from edge.live.routes import Live
from edge.live.settings import LiveSettings
from edge.ports import Database, Quotas
from edge.routes import Routes


class SiblingSettings(AccessSettings, LiveSettings):
    db: Database
    quotas: Quotas | None = None


frames = Routes(tag="frames", access=READER)


@frames.frame("count", access=OPERATOR)
async def count(frame: Frame) -> int:
    return len(frame.body)


live = Live("/api/v1")
app = App(
    "sibling",
    version="1",
    settings=SiblingSettings,
    authenticate=live.authenticate,
    providers=[Limits, Callers],
    limits={"RATE_LIMITER": Limit(600, 60)},
    resources=[live, frames, auth.routes],
)
"""


@pytest.fixture(scope="module")
def sibling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("sibling")
    package = folder / "src" / "sibling"
    package.mkdir(parents=True)
    (package / "app.py").write_text(APP)
    env = {"ADMIN_API_KEY": ADMIN, "JWT_SECRET_KEY": "s" * 40, "LIVE_CHECK_S": "0.5"}
    with served_locally(folder, env, "sibling", sources=folder / "src") as served:
        yield served


def test_ticket_names_paths_under_the_prefix_and_opens_one(sibling: Served) -> None:
    status, ticket = sibling.ask("POST", "/api/v1/ws/ticket")
    assert status == 201
    assert ticket["ws"] == f"/api/v1/ws?ticket={ticket['ticket']}"
    assert ticket["events"] == f"/api/v1/events?ticket={ticket['ticket']}"
    with connect(sibling.ws_url + ticket["ws"]) as socket:
        assert json.loads(socket.recv(10))["type"] == "live.hello"
    assert sibling.ask("GET", ticket["events"], authorization="")[0] == 401


def test_ticket_opens_nothing_but_streams_and_sockets(sibling: Served) -> None:
    _, ticket = sibling.ask("POST", "/api/v1/ws/ticket")
    assert sibling.ask("POST", f"/api/v1/ws/ticket?ticket={ticket['ticket']}", authorization="")[0] == 401


def test_published_event_and_frames_arrive_at_the_socket(sibling: Served) -> None:
    with connect(sibling.ws_url + "/api/v1/ws", additional_headers=KEY) as socket:
        socket.recv(10)
        own = {"type": "custom.sibling", "data": 1}
        assert sibling.ask("POST", "/api/v1/events", own)[0] == 202
        assert json.loads(socket.recv(10))["type"] == "custom.sibling"
        socket.send('{"type": "count", "id": 7}')
        assert json.loads(socket.recv(10))["data"] == {"id": 7, "result": 2}
        socket.send('{"type": "none"}')
        problem = json.loads(socket.recv(10))["data"]["problem"]
    assert (problem["status"], problem["instance"]) == (400, "/api/v1/ws")


def test_stream_of_a_slow_reader_has_every_event_once_and_in_order(sibling: Served) -> None:
    where = urlsplit(sibling.url)
    with sockets.socket() as line:
        line.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        line.settimeout(20)
        line.connect((where.hostname, where.port))
        head = (
            f"GET /api/v1/events?types=custom.slow HTTP/1.1\r\nhost: x\r\nauthorization: {KEY['authorization']}\r\n\r\n"
        )
        line.sendall(head.encode())
        stream = HTTPResponse(line)
        stream.begin()
        assert stream.readline() == b"retry: 2000\n"
        for number in range(60):  # more than the two buffers hold: some go at once, others by the backlog
            size = 20 if number < 20 else 12_000
            own = {"type": "custom.slow", "data": {"number": number, "text": "x" * size}}
            assert sibling.ask("POST", "/api/v1/events", own)[0] == 202
        numbers = list[int]()
        while len(numbers) < 60:
            text = stream.readline()
            if text.startswith(b"data:"):
                numbers.append(json.loads(text[5:])["data"]["number"])
        assert numbers == list(range(60))
        stream.close()


def test_socket_of_a_revoked_key_is_closed_though_the_app_only_lists_the_routes(sibling: Served) -> None:
    _, key = sibling.ask("POST", "/auth/keys", {"name": "phone"})
    headers = {"authorization": f"Bearer {key['key']}"}
    with connect(sibling.ws_url + "/api/v1/ws", additional_headers=headers) as socket:
        socket.recv(10)
        assert sibling.ask("POST", f"/auth/keys/{key['id']}/revoke")[0] == 200
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


def test_routes_without_the_prefix_do_not_exist(sibling: Served) -> None:
    assert {sibling.ask("GET", path)[0] for path in ("/ws", "/events", "/ws/ticket")} == {404}
