"""A small process that does one run after another for the server.

A process's peak memory begins with that of its parent, so a large server could not measure a small program. This
process is small, has one thread for all its life, and ends with the server. Its parent, the guard, waits for its end.
"""

import json
import os
import select
import struct
import sys
from collections.abc import Sequence
from typing import Any

from edge.runtimes.local.sandbox.guard import guarded
from edge.runtimes.local.sandbox.run import Bounds, Ended, Job, NotBegun, Run

BOOT = (
    "import sys, types; edge = types.ModuleType('edge'); edge.__path__ = [sys.argv[1]]; sys.modules['edge'] = edge; "
    "from edge.runtimes.local.sandbox.keeper import main; main()"
)
"""Imports this module without the kernel around it; the argument is the folder of `edge`."""

_LENGTH = struct.Struct(">I")
STOP = b"\xff"
"""Asks for the end of a run. No message begins with it, as heads are short."""


def pack(head: dict[str, Any], *blobs: bytes) -> bytes:
    """Return a message: the length of its head, the head as JSON with the lengths of the blobs, and the blobs."""
    text = json.dumps({**head, "blobs": [len(blob) for blob in blobs]}).encode()
    return b"".join((_LENGTH.pack(len(text)), text, *blobs))


def head_length(data: bytes) -> int:
    """Return the length of a head from the bytes before it."""
    return int(_LENGTH.unpack(data)[0])


LENGTH_BYTES = _LENGTH.size


def main() -> None:
    """Answer jobs until stdin closes, which happens at the server's end."""
    guarded()
    while (job := _receive()) is not None:
        os.set_blocking(0, True)
        _send(_answer(job))


def _answer(job: Job) -> bytes:
    try:
        ended = Run(job, _is_stopped).wait()
    except NotBegun as fault:
        return pack({"fault": str(fault)})
    except OSError as fault:
        return pack({"fault": f"{type(fault).__name__}: {fault.strerror}"})
    return pack(_head_of(ended), ended.stdout.data, ended.stderr.data)


def _head_of(ended: Ended) -> dict[str, Any]:
    return {
        "exit_code": ended.exit_code,
        "reason": ended.reason,
        "truncated": [ended.stdout.truncated, ended.stderr.truncated],
        "time_ms": ended.time_ms,
        "cpu_ms": ended.cpu_ms,
        "memory_kb": ended.memory_kb,
    }


def _is_stopped() -> bool:
    """Tell whether the server wants the run to end: it has written something, or has ended."""
    return bool(select.select([0], [], [], 0)[0])


def _receive() -> Job | None:
    """Return the next job; None at the end. A stop byte that came too late is skipped."""
    start = _read(1)
    while start == STOP:
        start = _read(1)
    rest = _read(LENGTH_BYTES - 1)
    if not start or len(rest) < LENGTH_BYTES - 1:
        return None
    head = json.loads(_read(head_length(start + rest)))
    script, stdin, seccomp = (_read(length) for length in head["blobs"])
    return Job(_texts(head["command"]), str(head["script_path"]), Bounds(*head["bounds"]), script, stdin, seccomp)


def _texts(values: Sequence[object]) -> list[str]:
    return [str(value) for value in values]


def _read(length: int) -> bytes:
    data = bytearray()
    while len(data) < length and (part := os.read(0, length - len(data))):
        data += part
    return bytes(data)


def _send(message: bytes) -> None:
    sys.stdout.buffer.write(message)
    sys.stdout.buffer.flush()
