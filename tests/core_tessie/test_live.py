"""`/events` and `/ws`, by clients that others wrote, on both runtimes: nothing lost, nothing twice, in order."""

import json
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.browser import in_chromium
from tests.core_tessie.conftest import ENV
from tests.served import ADMIN, Served, served_locally
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from edge.runtimes import live_wire as wire
from edge.testing.host import Host
from pyedge.client import node
from sims.model import ModelSim, Turn

pytestmark = pytest.mark.slow

CLIENTS = Path(__file__).with_name("live_clients.mjs")
KEY = {"authorization": f"Bearer {ADMIN}"}


def opened(served: Served, query: str = "", **more: Any) -> ClientConnection:
    """Open a socket; the next message of it is the first after the greeting."""
    more = {"additional_headers": KEY, "compression": None, "max_size": None, "legacy": True} | more
    ws = connect(f"{served.ws_url}/ws{query}", **more)
    hello = json.loads(ws.recv(10))
    assert hello["type"] == "live.hello"
    return ws


def received(ws: ClientConnection) -> Any:
    return json.loads(ws.recv(10))


def received_event(ws: ClientConnection) -> Any:
    """Return the next message, skipping heartbeats, which a slow machine may get in between."""
    while (event := received(ws))["type"] == "live.heartbeat":
        pass
    return event


def reply_to(ws: ClientConnection, frame: object) -> Any:
    """Send a frame and return the next message."""
    ws.send(frame if isinstance(frame, str) else json.dumps(frame))
    return received(ws)


class Stream:
    """An event stream over a bare socket, read line by line."""

    def __init__(self, served: Served, query: str = "", **headers: str) -> None:
        where = urlsplit(served.url)
        self.socket = socket.create_connection((where.hostname or "", where.port or 0), 20)
        sent = {"host": where.netloc, **KEY, **headers}
        lines = [f"GET /events{query} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(": ")
            self.headers[name.lower()] = value

    def lines(self) -> Iterator[str]:
        """Yield the lines of the stream, without those of the chunks that carry them."""
        buffer = b""
        while size := int(self.file.readline() or b"0", 16):
            *whole, buffer = (buffer + self.file.read(size)).split(b"\n")
            self.file.readline()
            yield from (line.decode() for line in whole)

    def numbers(self) -> Iterator[int]:
        """Yield the numbers of the events."""
        yield from (int(line[4:]) for line in self.lines() if line.startswith("id: "))

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def last(served: Served) -> int:
    return served.publish("custom.mark")


def test_a_stream_begins_before_there_is_anything_to_tell(served: Served) -> None:
    stream = Stream(served, "?types=custom.*")
    assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
    assert stream.headers["cache-control"] == "no-store"
    lines = stream.lines()
    assert next(lines) == "retry: 2000"
    number = served.publish("custom.first", {"ü": [1, None]})
    assert next(line for line in lines if line.startswith("id:")) == f"id: {number}"
    event = json.loads(next(lines).removeprefix("data: "))
    assert (event["specversion"], event["type"], event["data"]) == ("1.0", "custom.first", {"ü": [1, None]})
    stream.close()


@pytest.mark.parametrize("way", ["last-event-id", "since"])
def test_a_stream_resumes(served: Served, way: str) -> None:
    begin = last(served)
    for number in range(5):
        served.publish("custom.n", number)
    stream = Stream(served, **{way: str(begin + 2)}) if way != "since" else Stream(served, f"?since={begin + 2}")
    numbers = stream.numbers()
    assert [next(numbers) for _ in range(3)] == [begin + 3, begin + 4, begin + 5]
    served.publish("custom.n", 5)
    assert next(numbers) == begin + 6
    stream.close()


def test_types_are_chosen(served: Served) -> None:
    begin = last(served)
    stream = Stream(served, f"?since={begin}&types=custom.a,custom.b.*")
    ws = opened(served, f"?since={begin}&types=custom.a,custom.b.*")
    for type_ in ("custom.a", "custom.b", "custom.b.c", "custom.ab", "custom.a"):
        served.publish(type_)
    numbers = stream.numbers()
    expected = [begin + 1, begin + 3, begin + 5]
    assert [next(numbers) for _ in range(3)] == expected
    assert [int(received(ws)["id"]) for _ in range(3)] == expected
    subscribed = reply_to(ws, {"type": "subscribe", "id": 1, "types": ["custom.z"]})
    assert subscribed["data"] == {"id": 1, "result": {"types": ["custom.z"]}}
    served.publish("custom.a")
    assert int(received_after(ws, served, "custom.z")) == begin + 7
    ws.close()
    stream.close()


def received_after(ws: ClientConnection, served: Served, type_: str) -> str:
    served.publish(type_)
    return str(received(ws)["id"])


def test_a_number_that_the_log_has_not_come_to_is_told(served: Served) -> None:
    begin = last(served)
    ws = opened(served, f"?since={begin + 100}")
    event = received(ws)
    assert (event["type"], event["data"]["last"]) == ("live.gap", begin)
    ws.close()


@pytest.mark.parametrize("query", ["?since=x", "?since=-1", "?since=1.5", "?other=1", f"?types={',a' * 51}"])
def test_what_cannot_be_followed_is_refused(served: Served, query: str) -> None:
    status, problem = served.ask("GET", f"/events{query}")
    assert (status, problem["status"]) == (400, 400)
    with pytest.raises(InvalidStatus) as caught:
        connect(f"{served.ws_url}/ws{query}", additional_headers=KEY, legacy=True)
    assert caught.value.response.status_code == 400
    assert json.loads(caught.value.response.body or b"")["instance"] == "/ws"


@pytest.mark.parametrize("last_event_id", ["x", "-1", "1e3", "9" * 30])
def test_a_last_event_id_that_is_none_is_refused(served: Served, last_event_id: str) -> None:
    assert served.ask("GET", "/events", **{"last-event-id": last_event_id})[0] == 400


def test_who_may_not_follow_is_told(served: Served) -> None:
    for headers, status in (({}, 401), ({"authorization": "Bearer wrong"}, 401)):
        with pytest.raises(InvalidStatus) as caught:
            connect(f"{served.ws_url}/ws", additional_headers=headers, legacy=True)
        assert caught.value.response.status_code == status
        assert served.ask("GET", "/events", **{"authorization": "", **headers})[0] == status
    assert served.ask("GET", "/ws")[0] == 426


def test_frames_are_answered(served: Served) -> None:
    ws = opened(served, subprotocols=["other", "cloudevents.json"])
    assert ws.subprotocol == "cloudevents.json"
    assert reply_to(ws, wire.PING)["type"] == "live.pong"
    assert reply_to(ws, {"type": "ping", "id": 7})["type"] == "live.pong"
    for frame, pointer in (
        ("not json", "JSON"),
        ("[1]", "object"),
        ('{"type": 1}', "type"),
        ('{"type": "nothing"}', "ping, subscribe, chat"),
        ('{"type": "subscribe", "types": "all"}', "list"),
        ('{"type": "chat"}', "message"),
    ):
        answer = reply_to(ws, frame)
        assert (answer["type"], pointer in json.dumps(answer["data"]["problem"])) == ("live.reply", True), answer
    ws.close()
    bare = opened(served)
    assert bare.subprotocol is None
    bare.close()


@pytest.mark.parametrize(("frame", "code"), [(b"bytes", 1003), ("x" * (wire.FRAME_LIMIT + 1), 1009)])
def test_a_frame_that_breaks_a_rule_closes_the_socket(served: Served, frame: str | bytes, code: int) -> None:
    ws = opened(served)
    ws.send(frame)
    closed = closing_of(ws)
    assert closed.code == code
    assert closed.reason


def closing_of(ws: ClientConnection) -> Close:
    """Read to the end and return why the socket was closed."""
    with suppress(ConnectionClosed):
        while True:
            ws.recv(10)
    assert ws.protocol.close_rcvd is not None
    return ws.protocol.close_rcvd


def test_a_chat_goes_both_ways(served: Served, model_sim: ModelSim) -> None:
    model_sim.say(Turn("Grüße aus dem Auto", pieces=20, pause=0.02))
    ws = opened(served, "?types=agent.*")
    ws.send(json.dumps({"type": "chat", "id": "c1", "message": "Hello"}))
    seen = [received(ws)]
    while seen[-1]["type"] != "live.reply":
        seen.append(received(ws))
    reply = seen.pop()["data"]
    assert (reply["id"], reply["result"]["text"], reply["result"]["status"]) == ("c1", "Grüße aus dem Auto", "complete")
    while seen[-1]["type"] != "agent.turn.done":
        seen.append(received(ws))
    assert "".join(event["data"]["text"] for event in seen if event["type"] == "agent.token") == "Grüße aus dem Auto"
    assert seen[0]["type"] == "agent.turn.started"
    ws.close()


def test_a_page_of_another_site_opens_no_socket(tmp_path: Path) -> None:
    with served_locally(tmp_path, ENV | {"CORS_ALLOWED_ORIGINS": "https://mine.example"}) as served:
        allowed = (None, Origin("https://mine.example"), Origin(served.url))
        for origin, status in (*((origin_, 101) for origin_ in allowed), (Origin("https://evil.example"), 403)):
            try:
                connect(f"{served.ws_url}/ws", additional_headers=KEY, origin=origin, legacy=True).close()
                got = 101
            except InvalidStatus as refused:
                got = refused.response.status_code
            assert got == status, origin


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({"type": "custom.garage.opened", "data": {"a": 1}, "subject": "garage"}, 202),
        ({"type": "sync.finished"}, 422),
        ({"type": "custom"}, 422),
        ({"type": "custom.Ü"}, 422),
        ({"type": "custom.x", "data": "x" * 300_000}, 413),
        ({"type": "custom.x", "more": 1}, 422),
        ([], 422),
    ],
)
def test_an_event_of_ones_own(served: Served, event: object, status: int) -> None:
    assert served.ask("POST", "/events", event)[0] == status


def run_node(*arguments: str) -> Any:
    command = [node(), str(CLIENTS), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_npms_ws_follows(served: Served) -> None:
    begin = last(served)
    for number in range(20):
        served.publish("custom.n", number)
    output = run_node("ws", served.ws_url, ADMIN, str(begin), "20")
    assert (output["protocol"], output["code"]) == ("cloudevents.json", 1000)
    assert [number for _, number, _ in output["seen"] if number] == [*range(begin + 1, begin + 21)]
    assert not any(is_binary for _, _, is_binary in output["seen"])


@in_chromium
def test_an_event_source_in_a_browser_follows(served: Served) -> None:
    begin = last(served)
    for number in range(5):
        served.publish("custom.n", number)
    _, ticket = served.ask("POST", "/ws/ticket")
    output = run_node("browser", served.url, f"/events?since={begin}&ticket={ticket['ticket']}", "5")
    assert output["seen"] == [["custom.n", begin + number] for number in range(1, 6)]


def test_curl_follows(served: Served) -> None:
    begin = last(served)
    command = ["curl", "-sN", "-m", "5", "-H", f"Authorization: Bearer {ADMIN}", f"{served.url}/events?since={begin}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout is not None
        assert curl.stdout.readline() == "retry: 2000\n"
        served.publish("custom.curl")
        assert next(line for line in curl.stdout if line.startswith("id:")) == f"id: {begin + 1}\n"
        curl.terminate()


def test_a_sign_of_life_comes_where_nothing_happens(served: Served) -> None:
    stream = Stream(served, "?types=custom.never")
    ws = opened(served, "?types=custom.never")
    deadline = time.monotonic() + wire.HEARTBEAT + 2
    stream.socket.settimeout(wire.HEARTBEAT + 2)
    assert next(line for line in stream.lines() if line == ": heartbeat")
    beat = json.loads(ws.recv(max(1.0, deadline - time.monotonic())))
    assert (beat["type"], beat["data"]["last"] >= 0) == ("live.heartbeat", True)
    stream.close()
    ws.close()


def taken_in_the_end(slow: socket.socket) -> int:
    """Read until the connection ends, or the close frame says why it will; return how many bytes that was."""
    slow.settimeout(40)
    size = 0
    tail = b""
    with suppress(ConnectionResetError):
        while part := slow.recv(1 << 20):
            size += len(part)
            tail = (tail + part)[-200:]
            if wire.Close.TOO_SLOW.reason.encode() in tail:
                break
    return size


def test_a_slow_reader_is_dropped_and_resumes(served: Served) -> None:
    """It takes nothing while several megabytes are published; another reader gets all of them meanwhile."""
    begin = last(served)
    where = urlsplit(served.url)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect((where.hostname, where.port))
    headers = {
        "host": where.netloc,
        "authorization": f"Bearer {ADMIN}",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    lines = [f"GET /ws?since={begin} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    slow.sendall("\r\n".join(lines).encode())
    assert slow.recv(12) == b"HTTP/1.1 101"
    fast = opened(served, f"?since={begin}")
    count = 60
    data = "x" * 150_000
    for number in range(count):
        served.publish("custom.large", f"{number}{data}")
        assert int(received_event(fast)["id"]) == begin + number + 1
    fast.close()
    with slow:
        size = taken_in_the_end(slow)
    assert size < count * len(data), "it was dropped before it had everything"
    again = opened(served, f"?since={begin}")
    assert [int(received_event(again)["id"]) for _ in range(count)] == [*range(begin + 1, begin + count + 1)]
    again.close()


def bound(served: Served, *subjects: str) -> dict[str, str]:
    """Return the header of a key that is bound to subjects."""
    status, key = served.ask("POST", "/auth/keys", {"name": "bound", "role": "operator", "subjects": subjects})
    assert status == 201
    return {"authorization": f"Bearer {key['key']}"}


def test_a_key_that_is_bound_to_a_vehicle_hears_of_it_alone(served: Served) -> None:
    ours = "5YJ3E1EA1KF000001"
    others = "5YJ3E1EA1KF000002"
    begin = last(served)
    sent = [None, others, ours, None, others, ours]
    key = bound(served, ours)
    ticket = served.ask("POST", "/ws/ticket", **key)[1]["ticket"]

    def publish() -> list[int]:
        sequences = [
            served.ask("POST", "/events", {"type": "custom.x", "subject": subject})[1]["sequence"] for subject in sent
        ]
        return [number for number, subject in zip(sequences, sent, strict=True) if subject == ours]

    expected = publish()
    stream = Stream(served, f"?since={begin}&types=custom.*", **key)
    ws = opened(served, f"?since={begin}&types=custom.*", additional_headers=key)
    by_ticket = opened(served, f"?since={begin}&types=custom.*&ticket={ticket}", additional_headers={})
    numbers = stream.numbers()
    assert [next(numbers) for _ in expected] == expected
    expected += publish()
    assert [next(numbers) for _ in expected[2:]] == expected[2:]
    for connection in (ws, by_ticket):
        assert [int(received(connection)["id"]) for _ in expected] == expected
        connection.close()
    stream.close()
    refused = [
        served.ask("POST", "/events", {"type": "custom.x", "subject": subject}, **key)[0] for subject in sent[:3]
    ]
    assert refused == [403, 403, 202]


def test_a_flood_of_frames_and_sockets_holds_up_nobody(served: Served) -> None:
    quiet = opened(served, "?types=custom.*")
    flooding = [opened(served) for _ in range(5)]
    frames = ['{"type": "subscribe", "types": []}', "{", '{"type": "nothing"}', "[]"] * 50
    for ws in flooding:
        with suppress(ConnectionClosed):
            for frame in frames:
                ws.send(frame)
    number = served.publish("custom.through")
    assert int(received_event(quiet)["id"]) == number
    quiet.send(json.dumps({"type": "subscribe", "id": 1, "types": ["custom.*"]}))
    assert received_event(quiet)["data"]["id"] == 1
    assert {closing_of(ws).code for ws in flooding} == {wire.Close.TOO_MANY}
    assert int(served.publish("custom.after")) > number
    quiet.close()


@pytest.mark.soak
def test_a_stream_that_is_not_read_is_dropped_and_resumes(served: Served) -> None:
    begin = last(served)
    where = urlsplit(served.url)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect((where.hostname, where.port))
    slow.sendall(f"GET /events HTTP/1.1\r\nhost: {where.netloc}\r\nauthorization: Bearer {ADMIN}\r\n\r\n".encode())
    assert slow.recv(12) == b"HTTP/1.1 200"
    count = 60
    data = "x" * 150_000
    for number in range(count):
        served.publish("custom.large", f"{number}{data}")
    with slow:
        size = taken_in_the_end(slow)
    assert size < count * len(data), "it was dropped before it had everything"
    again = Stream(served, f"?since={begin}&types=custom.*")
    numbers = again.numbers()
    assert [next(numbers) for _ in range(count)] == [*range(begin + 1, begin + count + 1)]
    again.close()


@pytest.mark.parametrize("served", ["workers"], indirect=True)
def test_a_socket_outlives_the_object_that_serves_it(served: Served, workers_host: Host) -> None:
    """The object sleeps between events and wakes without its state: a socket's subscription is in its attachment."""
    ws = opened(served, "?types=custom.a")
    reply_to(ws, {"type": "subscribe", "types": ["custom.b"]})
    workers_host.worker.reload()
    served.publish("custom.a")
    number = served.publish("custom.b")
    assert int(received_event(ws)["id"]) == number
    assert reply_to(ws, {"type": "subscribe", "id": 7, "types": []})["data"] == {"id": 7, "result": {"types": []}}
    ws.close()


def test_a_stopping_server_ends_its_streams(tmp_path: Path) -> None:
    env = ENV | {"TESSIE_DEADLINE_S": "0.1"}  # the sync of the start asks a Tessie that is away, and is waited for
    with served_locally(tmp_path, env) as served:
        stream = Stream(served, "?types=custom.*")
        ws = opened(served, "?types=custom.*")
        assert served.process is not None
        served.process.send_signal(signal.SIGTERM)
        assert closing_of(ws).code == wire.Close.GOING_AWAY
        assert [line for line in stream.lines() if line.startswith("id")] == []
        stream.close()
        ws.close()
        assert served.process.wait(8) == 0


@contextmanager
def publishing(served: Served, seed: int, pause: float) -> Iterator[None]:
    """Publish all the while, by two threads, events of random sizes."""
    stopped = threading.Event()

    def publish(drawn: random.Random) -> None:
        while not stopped.wait(drawn.uniform(0, 2 * pause)):
            served.publish("custom.load", "x" * drawn.choice((0, 10, 500, 5000)))

    threads = [threading.Thread(target=publish, args=(random.Random(seed + number),)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join(30)


def follow(served: Served, since: int, stay: float, transport: str) -> list[int]:
    """Follow for a while, break off without a word, and return the numbers that came."""
    deadline = time.monotonic() + stay
    sequences: list[int] = []
    if transport == "ws":
        ws = connect(f"{served.ws_url}/ws?since={since}", additional_headers=KEY, compression=None, legacy=True)
        try:
            while (left := deadline - time.monotonic()) > 0:
                event = json.loads(ws.recv(left))
                if "sequence" in event:
                    sequences.append(int(event["sequence"]))
        except TimeoutError:
            pass
        ws.socket.shutdown(socket.SHUT_RDWR)
        ws.close()
        return sequences
    stream = Stream(served, **{"last-event-id": str(since)})
    stream.socket.settimeout(stay)
    try:
        for number in stream.numbers():
            sequences.append(number)
            if time.monotonic() > deadline:
                break
    except (TimeoutError, OSError):
        pass
    stream.close()
    return sequences


def reconnecting(served: Served, times: int, transport: str, pause: float = 0.002) -> None:
    begin = last(served)
    drawn = random.Random(times)
    seen = [begin]
    with publishing(served, times, pause):
        for _ in range(times):
            seen += follow(served, seen[-1], drawn.uniform(0, 0.05), transport)
    end = last(served)
    while seen[-1] < end:
        seen += follow(served, seen[-1], 1.0, transport)
    assert seen == [*range(begin, end + 1)]
    assert len(seen) > times


@pytest.mark.parametrize("transport", ["ws", "sse"])
def test_who_reconnects_at_random_gets_each_event_once_and_in_order(served: Served, transport: str) -> None:
    reconnecting(served, 100 if served.runtime == "local" else 30, transport)


@pytest.mark.soak
@pytest.mark.parametrize("transport", ["ws", "sse"])
def test_who_reconnects_five_hundred_times_gets_each_event_once(served: Served, transport: str) -> None:
    reconnecting(served, 500, transport, 0.01)
