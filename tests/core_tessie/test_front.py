"""The front of the service: streams are never buffered, and a client that leaves ends them."""

import json
import os
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.served import ADMIN, Served, served_locally
from tests.slow_bodies import connected, memory

from .conftest import ENV

pytestmark = pytest.mark.slow

HANDSHAKE = (
    "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


def events(served: Served, headers: str = "", since: int = 0) -> bytes:
    where = urlsplit(served.url).netloc
    begin = f"GET /events?since={since} HTTP/1.1\r\nhost: {where}\r\n"
    return f"{begin}authorization: Bearer {ADMIN}\r\n{headers}\r\n".encode()


def answer(client: socket.socket, size: int) -> bytes:
    """Return the bytes received, up to a limit, until the connection ends or is quiet for a moment."""
    client.settimeout(2)
    data = b""
    with suppress(TimeoutError, ConnectionError):
        while len(data) < size and (part := client.recv(65_536)):
            data += part
    return data


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A local server of its own, so that its memory is the test's alone."""
    with served_locally(tmp_path_factory.mktemp("front"), ENV) as served:
        yield served


def test_handshake_on_live_events_is_refused_on_either_runtime(served: Served) -> None:
    number = int(served.publish("custom.x", "before"))
    with connected(served.url) as client:
        client.sendall(events(served, HANDSHAKE))
        head, _, body = answer(client, 1 << 20).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["type"] == "urn:problem:plain-http-only"
    with connected(served.url) as client:
        client.sendall(events(served, since=number - 1))
        assert b"custom.x" in answer(client, 2000), "over plain HTTP it streams"


def collected(served: Served, count: int, sockets: int) -> int:
    """Publish large events, request them by many handshakes, and return the memory used, in KiB."""
    for number in range(count):
        served.publish("custom.large", f"{number}{'x' * 150_000}")
    before = memory(served)
    clients = [connected(served.url) for _ in range(sockets)]
    for client in clients:
        client.sendall(events(served, HANDSHAKE))
    assert {answer(client, 1 << 20)[:13] for client in clients} == {b"HTTP/1.1 400 "}
    for client in clients:
        client.close()
    return memory(served) - before


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
def test_handshakes_on_a_stream_cost_no_memory(alone: Served) -> None:
    assert collected(alone, 20, 40) < 20_000


@pytest.mark.soak
def test_many_handshakes_on_a_long_stream_cost_no_memory(alone: Served) -> None:
    assert max(collected(alone, 60, 60) for _ in range(5)) < 40_000


@pytest.mark.soak
def test_disconnected_readers_free_their_memory(alone: Served) -> None:
    for number in range(30):
        alone.publish("custom.large", f"{number}{'x' * 150_000}")
    grown = []
    for _ in range(12):
        clients = [connected(alone.url) for _ in range(8)]
        for client in clients:
            client.sendall(events(alone))
        assert all(answer(client, 10_000).startswith(b"HTTP/1.1 200 ") for client in clients)
        for client in clients:
            client.close()
        time.sleep(1)
        grown.append(memory(alone))
    assert grown[-1] - grown[1] < 30_000, grown


def sockets(pid: int) -> int:
    """Return the number of a process's open sockets."""
    count = 0
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it is closed by now
            count += os.readlink(file).startswith("socket:")
    return count


def test_connections_of_streams_end_with_their_readers(tmp_path: Path) -> None:
    with served_locally(tmp_path, ENV) as served:
        assert served.process is not None
        pid = served.process.pid
        before = sockets(pid)
        clients = [connected(served.url) for _ in range(8)]
        for client in clients:
            client.sendall(events(served))
        assert all(answer(client, 1).startswith(b"HTTP/1.1 200 ") for client in clients)
        assert sockets(pid) >= before + 8
        for client in clients:
            client.close()
        time.sleep(1)
        assert sockets(pid) < before + 4


def test_whole_answers_are_compressed_over_the_wire_and_streams_are_not(alone: Served) -> None:
    where = urlsplit(alone.url).netloc
    head = f"host: {where}\r\nauthorization: Bearer {ADMIN}\r\naccept-encoding: gzip, br\r\n"
    bodies = {}
    for coded in (head, head.replace("gzip", "x")):
        with connected(alone.url) as client:
            client.sendall(f"GET /d1 HTTP/1.1\r\n{coded}connection: close\r\n\r\n".encode())
            top, _, body = answer(client, 1 << 20).partition(b"\r\n\r\n")
        assert b"vary: accept-encoding" in top
        assert f"content-length: {len(body)}".encode() in top
        bodies[b"content-encoding: gzip" in top] = body
    assert zlib.decompress(bodies[True], wbits=31) == bodies[False]
    with connected(alone.url) as client:
        client.sendall(events(alone, "accept-encoding: gzip\r\n"))
        top, _, body = answer(client, 2000).partition(b"\r\n\r\n")
    assert b"content-encoding" not in top
    assert b"retry: 2000" in body + top
