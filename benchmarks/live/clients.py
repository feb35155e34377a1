"""Clients that cost little: bare connections in a process of their own, which only look for the time in each event.

`python -m benchmarks.live.clients KIND URL KEY COUNT` connects and prints a line of JSON. When its input ends it
prints another: how many nanoseconds each event took to each connection. One loop over `epoll` reads all connections:
a task for each took longer than the server's part.
"""

import json
import re
import resource
import select
import socket
import sys
import time
from urllib.parse import urlsplit

TIME = re.compile(rb'"t":(\d+)[,}]')
AT_ONCE = 100
UPGRADE = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class Connection:
    """One connection: what came of its answer's head, or the end of the last part."""

    def __init__(self, host: str, port: int, head: bytes) -> None:
        self.socket = socket.create_connection((host, port), timeout=60)
        self.socket.sendall(head)
        self.socket.setblocking(False)
        self.rest = b""
        self.is_ready = False

    def greet(self, part: bytes) -> bool:
        """Take a part of the answer's head and greeting; return whether both are there."""
        self.rest += part
        head, end, greeting = self.rest.partition(b"\r\n\r\n")
        if end and not head.startswith((b"HTTP/1.1 101", b"HTTP/1.1 200")):
            raise SystemExit(head.decode())
        self.is_ready = bool(greeting)  # of the greeting: the log knows this reader
        return self.is_ready

    def times(self, part: bytes) -> list[bytes]:
        """Return the times of the events in a part; an event may come in two."""
        text = self.rest + part
        found = TIME.findall(text)
        self.rest = text[text.rfind(b"}") + 1 :][-40:]
        return found


class Clients:
    """Many connections, and their latencies."""

    def __init__(self, kind: str, url: str, key: str) -> None:
        where = urlsplit(url)
        assert where.hostname is not None
        assert where.port is not None
        self.address = (where.hostname, where.port)
        headers = {"host": where.netloc, "authorization": f"Bearer {key}", **(UPGRADE if kind == "ws" else {})}
        path = "/ws" if kind == "ws" else "/events"
        lines = [f"GET {path}?types=custom.bench HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self.head = "\r\n".join([*lines, "", ""]).encode()
        self.latencies: list[int] = []
        self.ready = 0
        self.left = 0
        self.epoll = select.epoll()
        self.connections: dict[int, Connection] = {}

    def run(self, count: int) -> None:
        """Connect all, then read events until the input ends."""
        started = time.monotonic()
        while self.ready < count:
            while len(self.connections) < count and len(self.connections) - self.ready < AT_ONCE:
                connection = Connection(*self.address, self.head)
                self.connections[connection.socket.fileno()] = connection
                self.epoll.register(connection.socket, select.EPOLLIN)
            self.read(0.5)
        print(json.dumps({"ready": time.monotonic() - started}), flush=True)
        self.epoll.register(sys.stdin, select.EPOLLIN | select.EPOLLHUP)
        while self.read(0.5):
            pass
        print(json.dumps({"taken": self.latencies, "left": self.left}), flush=True)

    def read(self, patience: float) -> bool:
        """Read all that has come; return whether the input is still open."""
        for number, _ in self.epoll.poll(patience):
            connection = self.connections.get(number)
            if connection is None:
                return False
            part = connection.socket.recv(1 << 16)
            now = time.monotonic_ns()
            if not part:
                self.left += 1
                self.epoll.unregister(number)
            elif connection.is_ready:
                self.latencies += [now - int(sent) for sent in connection.times(part)]
            elif connection.greet(part):
                self.ready += 1
        return True


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Clients(sys.argv[1], sys.argv[2], sys.argv[3]).run(int(sys.argv[4]))
