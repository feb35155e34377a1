"""The demo Worker and its neighbour in workerd, once a session."""

import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.workers.hosting import PACKAGES

from pyedge import Also, Worker

HERE = Path(__file__).parent
PYTHON_MODULES = HERE.parents[1] / "python_modules"
RUNNING: list[Worker] = []
"""The demo, while it runs."""


class Upstream(http.server.BaseHTTPRequestHandler):
    """Returns the received request, and answers as Workers AI would."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        answer = b'{"result": {"response": "hi there"}}' if self.path.startswith("/run/") else b"got " + body
        self.send_response(201)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass


@pytest.fixture(scope="session")
def upstream() -> Iterator[str]:
    """The address of another service."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the Workers that tests may edit: the folder that holds both."""
    place = tmp_path_factory.mktemp("workers")
    for name in ("demo", "greeter"):
        shutil.copytree(HERE / name, place / name)
        (place / name / "python_modules").symlink_to(PYTHON_MODULES)
    return place


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End the demo with the last test of this folder: it would idle until the end of the process."""
    while RUNNING and (nextitem is None or HERE not in nextitem.path.parents):
        RUNNING.pop().stop()


@pytest.fixture(scope="session")
def worker(project: Path, upstream: str) -> Iterator[Worker]:
    """The demo, with Python allowed to compute for four seconds without a pause."""
    greeter = Also(project / "greeter", "loud", overrides=PACKAGES)
    with Worker(
        project / "demo",
        variables={"TOKEN": "t"},
        overrides=PACKAGES,
        also=[greeter],
        routes={"api.example.com": upstream},
        ai=upstream,
        watchdog=4,
    ) as running:
        RUNNING.append(running)
        yield running
