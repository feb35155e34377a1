"""An app behind a real address: the local server as a process of its own, or a Worker that runs already."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ADMIN = "test-admin-key-for-all-tests"
PATIENCE = 20.0


@dataclass(slots=True)
class Served:
    """The app's address; `process` and `state` are the local server's."""

    url: str
    runtime: str
    process: subprocess.Popen[bytes] | None = None
    state: Path = ROOT

    def wipe(self) -> None:
        """Empty every table of a local server's database, those that others refer to last."""
        with closing(sqlite3.connect(self.state / "d1" / "DB.sqlite", timeout=10)) as db:
            names = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            for name in sorted(names, key="vehicles".__eq__):
                if not name.startswith(("d1_", "sqlite_")):
                    db.execute(f"DELETE FROM {name}")
            db.commit()

    @property
    def ws_url(self) -> str:
        """The same for WebSockets."""
        return self.url.replace("http", "ws", 1)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Send a request with the administrator's key; return the status and the JSON."""
        sent = {"authorization": f"Bearer {ADMIN}", "content-type": "application/json", **headers}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        for _ in range(5):
            try:
                return self._ask(request)
            except urllib.error.URLError as cut:
                # workerd cuts a connection with an unread body; Cloudflare's front does not.
                if self.runtime != "workers" or not isinstance(cut.reason, BrokenPipeError | ConnectionResetError):
                    raise
        return self._ask(request)

    def _ask(self, request: urllib.request.Request) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.loads(refused.read() or b"null")

    def publish(self, type_: str, data: object = None) -> int:
        """Publish an event and return its number."""
        status, answer = self.ask("POST", "/events", {"type": type_, "data": data})
        assert status == 202, answer
        return int(answer["sequence"])


@contextmanager
def served_locally(  # noqa: PLR0913, PLR0917 - what a server may be given
    folder: Path,
    env: Mapping[str, str],
    package: str = "core_tessie",
    sources: Path | None = None,
    assets: Path | None = None,
    port: int = 0,
) -> Iterator[Served]:
    """Run the local server of an app, on a free port unless one is named, its state in `folder`.

    `sources` hold an app of a test.
    """
    path = os.pathsep.join(str(folder) for folder in (sources, ROOT / "src") if folder)
    log = folder / "server.txt"
    command = [sys.executable, "-m", "edge.runtimes.local", *_arguments(folder, package, port)]
    command += ["--assets", str(assets)] if assets else []
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **env, "PYTHONPATH": path},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Served(_address(log, process), "local", process, folder / "state")
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


class Shared:
    """A local server that the tests of a folder share: it starts with the first of them, and is ended after the last.

    One that idles until the end of the process takes 2 % of a core.
    """

    def __init__(self, serving: Callable[[], AbstractContextManager[Served]]) -> None:
        self._serving = serving
        self._opened = ExitStack()
        self._served: Served | None = None

    def start(self) -> Served:
        """Return the server, started if it does not run."""
        if self._served is None:
            self._served = self._opened.enter_context(self._serving())
        return self._served

    def end(self) -> None:
        """Stop the server if it runs."""
        self._served = None
        self._opened.close()


class Forks:
    """Starts local servers of an app as copies of a process that has imported it, which takes a tenth of the time."""

    def __init__(self, env: Mapping[str, str], package: str = "core_tessie") -> None:
        self.package = package
        self.process = subprocess.Popen(
            [sys.executable, "-c", _FORKING, package],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **env, "PYTHONPATH": str(ROOT / "src")},
            text=True,
        )

    def start(self, folder: Path) -> tuple[Served, int]:
        """Start a server with its state in a folder; return it with the id of its process."""
        log = folder / "server.txt"
        log.write_bytes(b"")
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps([str(folder), *_arguments(folder, self.package, 0)]), file=self.process.stdin, flush=True)
        pid = int(self.process.stdout.readline())
        return Served(_address(log, self.process), "local", None, folder / "state"), pid

    def stop(self) -> None:
        """End the process, not its servers."""
        self.process.kill()
        self.process.communicate()


_FORKING = """
import importlib, json, os, signal, sys
from edge.runtimes.local.__main__ import main
importlib.import_module(f"{sys.argv[1]}.app")
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended servers leave nothing behind
for line in sys.stdin:
    folder, *arguments = json.loads(line)
    if pid := os.fork():
        print(pid, flush=True)
        continue
    os.chdir(folder)
    log = os.open("server.txt", os.O_WRONLY)
    for stream in (0, 1, 2):
        os.dup2(log, stream)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os._exit(main(arguments))
"""


def _arguments(folder: Path, package: str, port: int) -> list[str]:
    arguments = ["serve", f"{package}.app:app", "--port", str(port)]
    return [*arguments, "--state", str(folder / "state"), "--migrations", str(ROOT / "migrations")]


def _address(log: Path, process: subprocess.Popen[Any]) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if match := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            return match[0]
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")
