"""Readers of live events that read slowly or not at all: the server memory that they use."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.core_tessie.conftest import Runner
from tests.core_tessie.test_live import KEY, Stream, opened, received
from tests.served import ADMIN, Served, served_locally

from edge.testing.host import Host

pytestmark = pytest.mark.slow

EVENTS, SIZE = 60, 190_000
"""Large events in the log, and the bytes of each."""


def memory_of(pid: int) -> float:
    """Return the memory of a process and of those that it started, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+)", status)
    own = int(match[1]) / 1024 if match else 0.0
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(memory_of(int(child)) for child in children)


def slow_reader(served: Served, path: str, *, takes: bool) -> socket.socket:
    """Open a stream or socket and take the first bytes of it, or none."""
    where = urlsplit(served.url)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.settimeout(20)
    slow.connect((where.hostname, where.port))
    headers = {"host": where.netloc, "authorization": f"Bearer {ADMIN}"}
    if path.startswith("/ws"):
        key = "AAAAAAAAAAAAAAAAAAAAAA=="
        headers |= {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13"}
        headers["sec-websocket-key"] = key
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    slow.sendall("\r\n".join(lines).encode())
    if takes:
        assert slow.recv(8) == b"HTTP/1.1"
    return slow


@contextmanager
def slow_readers(served: Served, since: int, count: int) -> Iterator[list[socket.socket]]:
    """Let many readers request the whole log and read almost nothing of it; half of each kind."""
    with ExitStack() as stack:
        paths = (f"/ws?since={since}", f"/events?since={since}")
        yield [
            stack.enter_context(slow_reader(served, paths[number % 2], takes=number % 4 > 1)) for number in range(count)
        ]


def fill(served: Served) -> int:
    """Put large events into the log; return the number before them."""
    before = served.publish("custom.mark")
    for number in range(EVENTS):
        served.publish("custom.large", f"{number}{'x' * SIZE}")
    return before


def growth(served: Served, pid: int, readers: int, seconds: float) -> float:
    """Return by how many MB the server grows at most while slow readers catch up; others catch up meanwhile."""
    since = fill(served)
    check_catch_up(served, since)  # what one reader costs is not the question
    before = most = memory_of(pid)
    with slow_readers(served, since, readers):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            most = max(most, memory_of(pid))
            time.sleep(0.2)
        check_catch_up(served, since)
        most = max(most, memory_of(pid))
    return most - before


def check_catch_up(served: Served, since: int) -> None:
    """Let one reader of each kind catch up."""
    expected = [*range(since + 1, since + EVENTS + 1)]
    ws = opened(served, f"?since={since}")
    ids: list[int] = []
    while len(ids) < EVENTS:
        event = received(ws)
        if "sequence" in event:  # else it is a heartbeat
            ids.append(int(event["id"]))
    assert ids == expected
    ws.close()
    stream = Stream(served, f"?since={since}", **KEY)
    numbers = stream.numbers()
    assert [next(numbers) for _ in expected] == expected
    stream.close()


def grown_locally(folder: Path, readers: int, seconds: float) -> float:
    with served_locally(folder, Runner(folder, 9).env) as served:
        assert served.process is not None
        return growth(served, served.process.pid, readers, seconds)


def grown_in_workerd(host: Host, readers: int, seconds: float) -> float:
    worker = host.start(Runner(Path(), 9).env)
    assert worker._process is not None
    return growth(Served(worker.url.rstrip("/"), "workers"), worker._process.pid, readers, seconds)


def test_slow_readers_in_catch_up_cost_little_memory(tmp_path: Path) -> None:
    assert grown_locally(tmp_path, 24, 1) < 50


@pytest.mark.soak
def test_slow_readers_in_workerd_cost_little_memory(workers_host: Host) -> None:
    assert grown_in_workerd(workers_host, 24, 4) < 120


@pytest.mark.soak
def test_a_hundred_slow_readers_in_catch_up_cost_little_memory(tmp_path: Path) -> None:
    assert grown_locally(tmp_path, 90, 45) < 120


@pytest.mark.soak
def test_many_slow_readers_in_workerd_cost_little_memory(workers_host: Host) -> None:
    assert grown_in_workerd(workers_host, 90, 45) < 250
