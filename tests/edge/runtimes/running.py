"""The local runtime as a process of its own, and a raw socket to talk to it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[3]
TINY = Path(__file__).with_name("tiny.py")
PATIENCE = 20.0
"""Seconds after which a test that waits has failed."""


def lay_out(folder: Path) -> None:
    """Put the tiny app and its migration into a folder."""
    (folder / "src").mkdir()
    shutil.copy(TINY, folder / "src" / "tiny.py")
    (folder / "migrations").mkdir()
    (folder / "migrations" / "0001_init.sql").write_text("CREATE TABLE done (n INTEGER PRIMARY KEY);")


class Running:
    """A process in a folder of its own; `output()` returns the text that it has printed."""

    def __init__(self, folder: Path, *arguments: str, command: str = "serve") -> None:
        self.folder = folder
        self._log = folder / f"out-{time.monotonic_ns()}.txt"
        port = ["--port", "0"] if command == "serve" and "--port" not in arguments else []
        path = os.pathsep.join([str(ROOT / "src"), str(folder / "src")])
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge.runtimes.local", command, "tiny:app", *port, *arguments],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": path},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def output(self) -> str:
        """Return the text printed so far."""
        return self._log.read_text()

    def until(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until a pattern was printed so often; return the last match."""
        matches = wait_for(lambda: [*re.finditer(pattern, self.output())][times - 1 :], self.output)
        return matches[0]

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.until(r"http://127\.0\.0\.1:(\d+)")[1])

    def end(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(sent)
        return self.process.wait(PATIENCE)

    def ask(self, request: bytes) -> bytes:
        """Send raw bytes on a connection of their own and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            parts: list[bytes] = []
            with suppress(ConnectionResetError, BrokenPipeError):
                connection.sendall(request)
                while part := connection.recv(65536):
                    parts.append(part)
            return b"".join(parts)

    def get(self, target: str, method: str = "GET", body: bytes = b"") -> bytes:
        """Send a request and return the whole answer, head and body."""
        head = f"{method} {target} HTTP/1.1\r\nhost: tiny\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        return self.ask(head.encode() + body)


@contextmanager
def running(folder: Path, *arguments: str, ready: bool = True) -> Iterator[Running]:
    """Serve from a folder, waiting until it does unless not `ready`, and leave no process behind."""
    server = Running(folder, *arguments)
    try:
        assert not ready or server.port
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait(PATIENCE)


def wait_for[T](probe: Callable[[], T], explain: Callable[[], str] = str) -> T:
    """Call `probe` until it gives something true, and return that."""
    end = time.monotonic() + PATIENCE
    while not (result := probe()):
        assert time.monotonic() < end, f"it did not happen: {explain()}"
        time.sleep(0.02)
    return result
