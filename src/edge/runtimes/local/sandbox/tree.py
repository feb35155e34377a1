"""Measures all processes of a run from outside: their memory, their time, and the files that they made."""

import os
from contextlib import suppress
from typing import NamedTuple

_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
_SCRATCH = ("tmp", "dev/shm")
# Places in /proc/…/stat behind the name, which ends with the last bracket: proc(5) counts from 1, and two before it.
_TIMES = slice(11, 15)
_RESIDENT = 21
_BEGAN = 19
_PROGRAM = "2"
"""The number of the interpreter in its namespace: the first process starts it first."""


class Usage(NamedTuple):
    """Sums over the live processes of a run but the first; `files` counts those in its scratch folders.

    `began` is the interpreter's start in seconds since the machine's start; 0 if unknown.
    """

    memory_kb: int = 0
    cpu_ms: float = 0.0
    processes: int = 0
    files: int = 0
    began: float = 0.0


def usage(first: int, script: str) -> Usage | None:
    """Return the usage of a first process's namespace; None before its file tree is ready, and after its end.

    Its own /proc lists its processes and no others. The `script` is checked first: until the tree is in place, the
    first process has the machine's own.
    """
    root = f"/proc/{first}/root"
    if not os.path.exists(root + script):
        return None
    total = Usage()
    with suppress(OSError):
        for name in os.listdir(f"{root}/proc"):
            if name.isdigit() and name != "1":
                total = _add(total, f"{root}/proc/{name}/stat", is_program=name == _PROGRAM)
        return _add_scratch(total, root)
    return None


def usage_of(process: int) -> Usage | None:
    """Return the usage of one process alone; None after its end."""
    total = _add(Usage(), f"/proc/{process}/stat", is_program=False)
    return total if total.processes else None


def peak_kb_of(process: int) -> int:
    """Return the peak of one process alone, 0 if unknown."""
    return _field(f"/proc/{process}/status", b"VmHWM:")


def peak_kb(first: int, script: str) -> int:
    """Return the largest peak of a single live process, 0 if unknown."""
    root = f"/proc/{first}/root"
    peak = 0
    if not os.path.exists(root + script):
        return 0
    with suppress(OSError):
        for name in os.listdir(f"{root}/proc"):
            if name.isdigit():
                peak = max(peak, _field(f"{root}/proc/{name}/status", b"VmHWM:"))
    return peak


def shared_fairly_kb(first: int, otherwise: int) -> int:
    """Return a run's memory with each shared page counted once, unlike pages of forked processes in `usage`.

    It takes longer than `usage`, and returns `otherwise` if the system does not report it.
    """
    root = f"/proc/{first}/root"
    total = 0
    scratch = 0
    try:
        for name in os.listdir(f"{root}/proc"):
            if name.isdigit() and name != "1":
                total += _field(f"{root}/proc/{name}/smaps_rollup", b"Pss:")
        scratch = _add_scratch(Usage(), root).memory_kb
    except OSError:
        return otherwise
    return total + scratch if total else otherwise


def _add(total: Usage, path: str, *, is_program: bool) -> Usage:
    try:
        with open(path, "rb", buffering=0) as file:
            fields = file.read(1024).rpartition(b")")[2].split()
        times = sum(int(field) for field in fields[_TIMES]) * _TICK_MS
        resident = int(fields[_RESIDENT]) * _PAGE_KB
        began = int(fields[_BEGAN]) * _TICK_MS / 1000 if is_program else total.began
    except (OSError, IndexError, ValueError):  # it has ended meanwhile
        return total
    return total._replace(
        memory_kb=total.memory_kb + resident, cpu_ms=total.cpu_ms + times, processes=total.processes + 1, began=began
    )


def _add_scratch(total: Usage, root: str) -> Usage:
    """Add the scratch folders: their contents are memory, and each of their files counts."""
    memory_kb = total.memory_kb
    files = 0
    for folder in _SCRATCH:
        stats = os.statvfs(f"{root}/{folder}")
        memory_kb += (stats.f_blocks - stats.f_bfree) * stats.f_frsize // 1024
        files += stats.f_files - stats.f_ffree
    return total._replace(memory_kb=memory_kb, files=files)


def _field(path: str, name: bytes) -> int:
    try:
        with open(path, "rb", buffering=0) as file:
            lines = file.read(8192).splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
    except (OSError, IndexError, ValueError):
        return 0
