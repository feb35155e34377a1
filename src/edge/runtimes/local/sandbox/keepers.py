"""The keepers of a server: one for each parallel run, started when it is first needed."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, NamedTuple

import edge
from edge.ports import PortError
from edge.runtimes.local.sandbox.keeper import BOOT, LENGTH_BYTES, STOP, head_length, pack
from edge.runtimes.local.sandbox.run import Job

_FIRST_USER = 700_000_000
_SMALL_FIRST_USER = 61_000
"""The first id in a container that has no more than 65,536 user ids."""
_SPREAD = 20_000


class SandboxFailed(PortError):
    """The sandbox did not begin a program; the message is bubblewrap's or the system's."""


class Report(NamedTuple):
    """A run as its keeper reports it."""

    head: dict[str, Any]
    stdout: bytes
    stderr: bytes


class Keeper:
    """One keeper's processes, the guard and its child; `run` is called by one thread at a time, `stop` by any."""

    def __init__(self, slot: int) -> None:
        self.user = host_user(slot)
        self._process: subprocess.Popen[bytes] | None = None
        self._running: Job | None = None
        self._lock = threading.Lock()

    def run(self, job: Job) -> Report:
        """Do a job and return its report; `SandboxFailed` if it did not begin."""
        try:
            return self._exchange(job)
        except (OSError, EOFError, ValueError) as fault:
            self.close()
            raise SandboxFailed(f"the sandbox's process failed: {type(fault).__name__}") from None

    def stop(self, job: Job) -> None:
        """End a job's run if it is the current one."""
        with self._lock, suppress(OSError):
            if self._running is job and self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(STOP)

    def close(self) -> None:
        """End the process, which ends its run."""
        with self._lock:
            process = self._process
            self._process = None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            _kill_group(process)
            process.wait()
        if process.returncode < 0:
            _kill_group(process)

    def _exchange(self, job: Job) -> Report:
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        head = {"command": job.command, "script_path": job.script_path, "bounds": list(job.bounds)}
        message = memoryview(pack(head, job.script, job.stdin, job.seccomp))
        while message:
            message = message[process.stdin.write(message) :]
        with self._lock:
            self._running = job
        try:
            answer = json.loads(_read(process.stdout, head_length(_read(process.stdout, LENGTH_BYTES))))
            blobs = [_read(process.stdout, length) for length in answer["blobs"]]
        finally:
            with self._lock:
                self._running = None
        if "fault" in answer:
            raise SandboxFailed(answer["fault"])
        return Report(answer, blobs[0], blobs[1])

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", BOOT, str(Path(edge.__file__).parent)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},
                bufsize=0,
                start_new_session=True,
            )
        return self._process


class Keepers:
    """A number of keepers, each with a host user of its own."""

    def __init__(self, number: int) -> None:
        self._all = [Keeper(slot) for slot in range(number)]
        self._free: SimpleQueue[Keeper] = SimpleQueue()
        for keeper in self._all:
            self._free.put(keeper)

    def take(self) -> Keeper:
        """Take a free keeper, waiting for one."""
        return self._free.get()

    def give_back(self, keeper: Keeper) -> None:
        """Give a keeper back."""
        self._free.put(keeper)

    def stop(self, job: Job) -> None:
        """End a job's run if it is under way."""
        for keeper in self._all:
            keeper.stop(job)

    def close(self) -> None:
        """End all processes."""
        for keeper in self._all:
            keeper.close()


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill the guard, the keeper, and what they have just started; a later start has a session of its own."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def host_user(slot: int) -> int:
    """Return the host's user id of a slot. Each server has ids of its own, as processes are counted by user."""
    place = (os.getpid() % _SPREAD) * 64 + slot
    return _FIRST_USER + place if _has_many_users() else _SMALL_FIRST_USER + place % 4_000


def _read(pipe: IO[bytes], length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = pipe.read(length - len(data))
        if not part:
            raise EOFError("the keeper has ended")
        data += part
    return bytes(data)


def _has_many_users() -> bool:
    try:
        ranges = [line.split() for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()]
    except OSError:
        return True
    return any(int(start) + int(count) > _FIRST_USER + _SPREAD * 64 for start, _, count in ranges)
