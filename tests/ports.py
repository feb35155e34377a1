"""Ports for servers that tests start by a command line."""

import os
import socket
from itertools import count

FIRST, LAST = 20_000, 32_000
"""Below the ports that systems give to clients: none is taken between the look at it and its use."""
_SHARE = 1_000
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
