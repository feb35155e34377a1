"""Floods from one address: the server answers others at once, opens its files, and is itself again afterwards."""

import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.edge.runtimes.running import ROOT, Running, lay_out, wait_for

from edge.runtimes.local.bounds import MOST_CONNECTIONS
from edge.runtimes.local.server import RESERVE, Room

LIMITED = """
import os, resource, sys
number = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))
os.execv(sys.executable, [sys.executable, "-m", "edge.runtimes.local", *sys.argv[2:]])
"""
OTHER = "127.0.0.2"


class Limited(Running):
    """A server that may open so many files."""

    def __init__(self, folder: Path, files: int) -> None:
        self.folder = folder
        self._log = folder / "out.txt"
        path = os.pathsep.join([str(ROOT / "src"), str(folder / "src")])
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LIMITED, str(files), "serve", "tiny:app", "--port", "0"],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": path},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def files(self) -> int:
        """How many files it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@pytest.mark.parametrize("descriptors", [128, 256, 1024, 4096, 7000, 20_000, 1_000_000])
def test_connections_and_their_bursts_fit_into_the_file_limit(descriptors: int) -> None:
    room = Room.of(descriptors)
    assert room.connections <= MOST_CONNECTIONS
    assert room.connections + room.turned_away + 3 * room.accepted <= descriptors - 32
    assert room.connections == MOST_CONNECTIONS or room.connections >= descriptors - RESERVE


@contextmanager
def flooded(server: Running, count: int, source: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """Open connections as fast as they are taken, and hold them."""
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            client = socket.socket()
            sockets.append(client)
            client.settimeout(5)
            client.bind((source, 0))
            client.connect(("127.0.0.1", server.port))
        yield sockets
    finally:
        for client in sockets:
            client.close()


def ask(server: Running, request: bytes, source: str = OTHER) -> tuple[int, bytes, float]:
    """Return the status and body of an answer, and the seconds that it took."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), 10, (source, 0)) as client:
        client.sendall(request)
        answer = b""
        with suppress(ConnectionResetError):
            while part := client.recv(65_536):
                answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body, time.monotonic() - started


def request(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def answers_during(server: Running, sockets: list[socket.socket]) -> None:
    """Check that an address with all its connections open is refused at once, and others are served."""
    status, body, took = ask(server, request("GET", "/health"), "127.0.0.1")
    assert (status, json.loads(body)["type"]) == (503, "urn:problem:overloaded")
    assert took < 5
    status, body, took = ask(server, request("GET", "/health"))
    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert took < 5
    assert ask(server, request("PUT", "/file", bytes(100_000)))[:2] == (200, b"100000")
    assert refused(sockets), "what is beyond the bound is told so"


def refused(sockets: list[socket.socket]) -> int:
    """Return how many of the connections have an answer or were closed."""
    with selectors.DefaultSelector() as selector:
        for client in sockets:
            selector.register(client, selectors.EVENT_READ)
        return len(selector.select(0.1))


@pytest.mark.slow
def test_flood_of_connections_leaves_a_small_server_its_files(tmp_path: Path) -> None:
    lay_out(tmp_path)
    server = Limited(tmp_path, 256)
    try:
        before = (server.port, server.files)[1]
        assert ask(server, request("GET", "/health"))[0] == 200
        with flooded(server, 600) as sockets:
            answers_during(server, sockets)
            assert server.files < 256
        wait_for(lambda: server.files <= before + 8)
        assert ask(server, request("GET", "/health"), "127.0.0.1")[0] == 200
        assert "Traceback" not in server.output()
        assert "out of system resource" not in server.output()
        assert server.end() == 0
    finally:
        server.process.kill()
        server.process.wait()


@pytest.mark.soak
@pytest.mark.parametrize(("sources", "expected"), [(1, 200), (2, 503)])
def test_flood_of_twelve_thousand_connections_is_answered(tmp_path: Path, sources: int, expected: int) -> None:
    """One address has its share of the connections; two of them have all, and then the answer is a quick refusal."""
    lay_out(tmp_path)
    (tmp_path / "flood.py").write_text(FLOOD)
    server = Limited(tmp_path, MOST_CONNECTIONS + 500)
    try:
        port = str(server.port)
        command = [sys.executable, str(tmp_path / "flood.py"), port, "12000", str(sources)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as flood:
            assert flood.stdout is not None
            assert flood.stdin is not None
            connected = int(flood.stdout.readline())
            assert connected > MOST_CONNECTIONS
            for _ in range(5):
                status, _, took = ask(server, request("GET", "/health"))
                assert (status, took < 5) == (expected, True)
            assert server.files < MOST_CONNECTIONS + 500
            flood.stdin.close()
        wait_for(lambda: server.files < 100)
        assert ask(server, request("GET", "/health"), "127.0.0.1")[0] == 200
        assert "Traceback" not in server.output()
    finally:
        server.process.kill()
        server.process.wait()


FLOOD = """
import resource, socket, sys
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
held = []
for number in range(int(sys.argv[2])):
    client = socket.socket()
    client.settimeout(10)
    try:
        client.bind((f"127.0.1.{1 + number % int(sys.argv[3])}", 0))
        client.connect(("127.0.0.1", int(sys.argv[1])))
    except OSError:
        client.close()
        continue
    held.append(client)
print(len(held), flush=True)
sys.stdin.read()
"""
"""Opens connections from some addresses, and holds them until its input ends."""
