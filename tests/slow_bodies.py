"""Requests without their bodies: the answers to them, and their effect on other requests."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.served import Served

from edge.app import App
from edge.testing.host import Host

HERE = "127.0.0.1"
OTHER = "127.0.0.2"
AS_MANY = 270
"""Sockets: more than there are places at work."""


def url_of(request: pytest.FixtureRequest, app: App, env: Mapping[str, str]) -> str:
    """Return an app's address on the runtime of `request.param`: that of its fixture `served`, or of its Worker."""
    if request.param == "local":
        served: Served = request.getfixturevalue("served")
        return served.url
    host: Host = request.getfixturevalue("workers_host")
    asyncio.run(host.client(app, env, []))
    return host.worker.url.rstrip("/")


def connected(url: str, source: str = HERE) -> socket.socket:
    """Return a connection from an address."""
    where = urlsplit(url)
    return socket.create_connection((where.hostname or "", where.port or 0), 20, (source, 0))


def head(url: str, path: str, headers: Sequence[str] = (), length: int = 100) -> bytes:
    """Return the head of a POST that announces a body of JSON."""
    lines = [f"POST {path} HTTP/1.1", f"host: {urlsplit(url).netloc}", "content-type: application/json"]
    return "\r\n".join([*lines, f"content-length: {length}", *headers, "", ""]).encode()


def refusal(url: str, path: str, headers: Sequence[str] = (), within: float = 3.0) -> int:
    """Send a head and no body, and return the status that comes within seconds; 0 if none does."""
    with connected(url) as client:
        client.sendall(head(url, path, headers))
        client.settimeout(within)
        try:
            return status(client.recv(65_536))
        except TimeoutError:
            return 0


def answer_of(url: str, request: bytes, source: str = OTHER) -> tuple[int, Any, float]:
    """Send a request and return its status, the JSON that comes, and the seconds that it took."""
    started = time.monotonic()
    with connected(url, source) as client:
        client.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < length(answer):
            part = client.recv(65_536)
            if not part:
                break
            answer += part
    return status(answer), json.loads(answer.partition(b"\r\n\r\n")[2] or b"null"), time.monotonic() - started


def status(answer: bytes) -> int:
    """Return the status of an answer; 0 if there is none."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


def length(answer: bytes) -> int:
    """Return the length in an answer's head."""
    match = re.search(rb"content-length: *(\d+)", answer.lower())
    return int(match[1]) if match else 0


@contextmanager
def waiting(url: str, request: bytes, count: int = AS_MANY, source: str = HERE) -> Iterator[list[socket.socket]]:
    """Hold so many connections on which a request was begun."""
    sockets = [connected(url, source) for _ in range(count)]
    try:
        for client in sockets:
            with suppress(ConnectionError):
                client.sendall(request)
        time.sleep(0.5)
        yield sockets
    finally:
        for client in sockets:
            client.close()


def memory(served: Served) -> int:
    """Return KiB that a local server has in memory."""
    assert served.process is not None
    match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{served.process.pid}/status").read_text())
    return int(match[1]) if match else 0
