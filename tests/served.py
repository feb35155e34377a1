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
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
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
    command = [sys.executable, "-m", "edge.runtimes.local", "serve", f"{package}.app:app", "--port", str(port)]
    command += ["--state", str(folder / "state"), "--migrations", str(ROOT / "migrations")]
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


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if match := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            return match[0]
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")
