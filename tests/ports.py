"""Ports for servers that tests start by a command line."""

import os
import socket
from itertools import count

FIRST, LAST = 30_000, 32_700
"""Above those of the simulated Tessie, and below those that systems give to clients: nobody else takes one."""
_SHARE = 300
_numbers = count(os.getpid() % _SHARE)


def free_port() -> int:
    """Return a port on which nothing listens; processes of pytest-xdist choose among different ones."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = FIRST + worker * _SHARE % (LAST - FIRST)
    while True:
        port = first + next(_numbers) % _SHARE
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
