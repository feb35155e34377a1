"""Sandboxes in each way that runs here, and a host with secrets to look for."""

import asyncio
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.bundles import keep_tool
from tests.edge.sandbox.executors import can_hold

from edge.ports.executor import Execution, Program
from edge.runtimes.local.sandbox.sandbox import LocalSandbox

keep_tool()


class Host(NamedTuple):
    """Secrets of this machine: a file, a variable, and two sockets that no program may reach."""

    secret: str
    canary: Path
    port: int
    socket: str
    listeners: tuple[socket.socket, socket.socket]


@pytest.fixture(scope="session", params=["root", "user"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[LocalSandbox]:
    way = request.param
    if not can_hold(way):
        pytest.skip(f"bubblewrap makes no namespaces in the way of {way} here")
    box = LocalSandbox(slots=2, way=way)
    yield box
    box.close()


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    secret = f"SECRET-{secrets.token_hex(16)}"
    canary = tmp_path_factory.mktemp("host") / "canary"
    canary.write_text(secret)
    canary.chmod(0o644)
    name = f"devcapsules-{secrets.token_hex(8)}"
    os.environ["SANDBOX_TEST_SECRET"] = secret
    with closing(socket.create_server(("127.0.0.1", 0))) as tcp, closing(socket.socket(socket.AF_UNIX)) as unix:
        unix.bind("\0" + name)
        unix.listen()
        tcp.setblocking(False)
        unix.setblocking(False)
        yield Host(secret, canary, tcp.getsockname()[1], name, (tcp, unix))
    del os.environ["SANDBOX_TEST_SECRET"]


def run(sandbox: LocalSandbox, program: Program) -> Execution:
    return asyncio.run(sandbox.run(program))
