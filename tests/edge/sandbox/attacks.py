"""Attacks on a sandbox: the programs of attacks_*.txt, each with its permitted outcomes.

A block begins with `=== name | statuses | limit in ms`. An attack that succeeds prints BREACH.
"""

import re
from pathlib import Path
from typing import NamedTuple, cast

from edge.ports.executor import STATUSES, Status

BREACH = "BREACH"
CANARY = "@CANARY@"
"""Placeholder for the path of a file of the host in an attack's source; the file holds a secret."""
PORT = "@PORT@"
"""Placeholder for a port that the host listens on."""
SOCKET = "@SOCKET@"
"""Placeholder for the name of an abstract UNIX socket of the host."""

_HEAD = re.compile(r"^=== (.+) \| (.+) \| (\d+)\n", re.MULTILINE)


class Attack(NamedTuple):
    """A program and the statuses that it may end with; `time_ms` is its limit."""

    name: str
    source: str
    statuses: tuple[Status, ...]
    time_ms: int


def attacks(kind: str) -> list[Attack]:
    """Return the attacks of a file."""
    _, *parts = _HEAD.split(Path(__file__).with_name(f"attacks_{kind}.txt").read_text(encoding="utf-8"))
    cases = []
    for place in range(0, len(parts), 4):
        name, statuses, time_ms, source = parts[place : place + 4]
        listed = tuple(cast("Status", status) for status in statuses.split())
        assert STATUSES.keys() >= set(listed), name
        cases.append(Attack(name, source, listed, int(time_ms)))
    return cases


PYTHON_ATTACKS = attacks("python")
NODE_ATTACKS = attacks("node")
