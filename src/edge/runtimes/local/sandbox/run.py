"""One run: starts bubblewrap, reads the program's output, measures it, and ends it at the first limit.

It is part of the small process of `keeper`, so it imports the standard library and `tree` alone.
"""

import fcntl
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Literal, NamedTuple

from edge.runtimes.local.sandbox import tree

STATUS_FD = 200
FILTER_FD = 201
SCRIPT_FD = 202
"""Numbers of the files that bubblewrap inherits: for its status, the filter, and the program."""

POLL_S = 0.02
"""Seconds between two looks at the memory of a run."""
START_S = 10.0
"""Seconds that bubblewrap has to begin a program."""
MOST_FILES = 4096
"""Files that a program may have in its scratch folders at one time; their number is not bounded by their size."""
_CHUNK = 65536
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL

type Reason = Literal["time", "cpu", "memory", "files", "stdout", "stderr", "stopped"]


class NotBegun(Exception):
    """Bubblewrap did not begin the program; the message is its own."""


class Bounds(NamedTuple):
    """Limits of a run that are watched from outside."""

    time_ms: int
    memory_kb: int
    output_bytes: int


class Job(NamedTuple):
    """A run to do: bubblewrap's command, the program's path inside, and its input."""

    command: list[str]
    script_path: str
    bounds: Bounds
    script: bytes
    stdin: bytes
    seccomp: bytes


class Text(NamedTuple):
    """Received bytes, up to a limit, and whether there were more."""

    data: bytes
    truncated: bool


class Ended(NamedTuple):
    """The end of a run: `reason` is the limit that ended it, None if it ended by itself."""

    exit_code: int
    reason: Reason | None
    stdout: Text
    stderr: Text
    time_ms: float
    cpu_ms: float
    memory_kb: int


class Run:
    """A program under bubblewrap, done by `wait` on the calling thread, which must live longer than the run.

    The kernel ends bubblewrap with the thread that started it, not only with the process. `stop` tells whether the
    run is to end before its limits.
    """

    def __init__(self, job: Job, stop: Callable[[], bool]) -> None:
        self._job = job
        self._stop = stop
        self._outputs = {"stdout": bytearray(), "stderr": bytearray()}
        self._over: set[str] = set()
        self._status = b""
        self._reason: Reason | None = None
        self._first: int | None = None
        self._first_handle: int | None = None
        self._began = 0.0
        self._program_began = 0.0
        self._peak_kb = 0
        self._cpu_ms = 0.0

    def wait(self) -> Ended:
        """Run the program to its end and return how it ended; `NotBegun` if it did not begin."""
        with ExitStack() as opened:
            process, status, handle = self._start(opened)
            begun = time.monotonic()
            try:
                self._watch(opened, process, status, handle)
            finally:
                spent, exit_code = self._reap(process)
            if self._first is None:
                raise NotBegun(_first_line(self._outputs["stderr"]) or f"bubblewrap ended with {exit_code}")
            return self._ended(exit_code, spent, self._seconds(time.monotonic() - (self._began or begun)))

    def _start(self, opened: ExitStack) -> tuple["subprocess.Popen[bytes]", int, int]:
        job = self._job
        status, status_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        opened.callback(os.close, status)
        with ExitStack() as handed:
            handed.callback(os.close, status_end)
            handed.callback(os.close, os.dup2(status_end, STATUS_FD))
            handed.callback(os.close, os.dup2(_sealed(handed, job.seccomp), FILTER_FD))
            handed.callback(os.close, os.dup2(_sealed(handed, job.script), SCRIPT_FD))
            process = subprocess.Popen(
                job.command,
                stdin=_sealed(handed, job.stdin),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env={},
                pass_fds=(STATUS_FD, FILTER_FD, SCRIPT_FD),
                bufsize=0,
            )
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            opened.callback(pipe.close)
            os.set_blocking(pipe.fileno(), False)
        handle = os.pidfd_open(process.pid)
        opened.callback(os.close, handle)
        return process, status, handle

    def _watch(self, opened: ExitStack, process: "subprocess.Popen[bytes]", status: int, handle: int) -> None:
        """Read until bubblewrap has ended; all of its namespace has ended by then."""
        assert process.stdout is not None
        assert process.stderr is not None
        pipes = {process.stdout.fileno(): "stdout", process.stderr.fileno(): "stderr"}
        with selectors.DefaultSelector() as selector:
            for descriptor in (*pipes, status, handle):
                selector.register(descriptor, selectors.EVENT_READ)
            started = looked = time.monotonic()
            is_running = True
            while is_running:
                for key, _ in selector.select(POLL_S):
                    if key.fd in pipes:
                        self._read(selector, key.fd, pipes[key.fd])
                    elif key.fd == status:
                        self._read_first_process(opened, selector, status, process.pid)
                    else:
                        is_running = False
                now = time.monotonic()
                self._check_time(process, started, now)
                if now - looked >= POLL_S:
                    looked = now
                    self._look()
            for descriptor, name in pipes.items():
                self._drain(descriptor, name)

    def _read_first_process(
        self, opened: ExitStack, selector: selectors.BaseSelector, status: int, parent: int
    ) -> None:
        """Read the first process's number from bubblewrap's first line, which comes before the program begins."""
        data = os.read(status, _CHUNK)
        self._status += data
        if not data:
            selector.unregister(status)
        elif self._first is None and b"\n" in self._status:
            first = int(json.loads(self._status.split(b"\n")[0])["child-pid"])
            self._first = first
            self._began = time.monotonic()
            with suppress(OSError):
                handle = os.pidfd_open(first)
                opened.callback(os.close, handle)
                if _parent_of(first) == parent:  # else it has ended, and the number may be another's
                    self._first_handle = handle

    def _read(self, selector: selectors.BaseSelector, descriptor: int, name: str) -> None:
        data = _receive(descriptor)
        if data == b"":
            selector.unregister(descriptor)
        elif data is not None:
            self._keep(name, data)

    def _drain(self, descriptor: int, name: str) -> None:
        """Read the rest of a pipe after the end."""
        while data := _receive(descriptor):
            self._keep(name, data)

    def _keep(self, name: str, data: bytes) -> None:
        output = self._outputs[name]
        room = self._job.bounds.output_bytes - len(output)
        output += data[:room]
        if len(data) > room:
            self._over.add(name)
            self._end("stdout" if name == "stdout" else "stderr")

    def _check_time(self, process: "subprocess.Popen[bytes]", started: float, now: float) -> None:
        if self._first is None:
            if now - started > START_S or self._stop():
                self._reason = self._reason or "stopped"
                _kill_unbegun(process)
        elif now - self._began > self._job.bounds.time_ms / 1000:
            self._end("time")
        elif self._stop():
            self._end("stopped")

    def _look(self) -> None:
        if self._first is None or self._first_handle is None:
            return
        now = tree.usage(self._first, self._job.script_path)
        if now is None:
            return
        if now.processes > 1 and now.memory_kb > self._peak_kb:
            now = now._replace(memory_kb=tree.shared_fairly_kb(self._first, now.memory_kb))
        self._peak_kb = max(self._peak_kb, now.memory_kb)
        self._cpu_ms = max(self._cpu_ms, now.cpu_ms)
        self._program_began = now.began or self._program_began
        if now.memory_kb > self._job.bounds.memory_kb:
            self._end("memory")
        elif now.files > MOST_FILES:
            self._end("files")
        elif now.cpu_ms > self._job.bounds.time_ms * (os.cpu_count() or 1):
            self._end("cpu")

    def _end(self, reason: Reason) -> None:
        """Kill the first process of the namespace, and with it all others; bubblewrap then ends by itself."""
        if self._first is None or self._first_handle is None:
            return
        if self._reason is None:
            self._reason = reason
            last = tree.usage(self._first, self._job.script_path)
            if last is not None:
                peak = tree.peak_kb(self._first, self._job.script_path)
                self._peak_kb = max(self._peak_kb, last.memory_kb if last.processes == 1 else 0, peak)
                self._cpu_ms = max(self._cpu_ms, last.cpu_ms)
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._first_handle, signal.SIGKILL)

    def _seconds(self, since_namespace: float) -> float:
        """Return the seconds of the interpreter, without its preparation if its beginning was seen."""
        if not self._program_began:
            return since_namespace
        return min(since_namespace, max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - self._program_began))

    def _reap(self, process: "subprocess.Popen[bytes]") -> tuple[tuple[float, int], int]:
        """Wait for bubblewrap and return the processor time and peak of all that it waited for, and its exit code."""
        if self._first_handle is None:
            _kill_unbegun(process)
        else:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first_handle, signal.SIGKILL)
        _, code, spent = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(code)
        return ((spent.ru_utime + spent.ru_stime) * 1000, spent.ru_maxrss), process.returncode

    def _ended(self, exit_code: int, spent: tuple[float, int], seconds: float) -> Ended:
        cpu_ms, memory_kb = spent
        stdout, stderr = (Text(bytes(self._outputs[name]), name in self._over) for name in ("stdout", "stderr"))
        return Ended(
            exit_code=exit_code,
            reason=self._reason,
            stdout=stdout,
            stderr=stderr,
            time_ms=seconds * 1000,
            cpu_ms=max(cpu_ms, self._cpu_ms),
            memory_kb=max(memory_kb, self._peak_kb),
        )


def _sealed(opened: ExitStack, data: bytes) -> int:
    """Return an open file of some bytes, positioned at its start, that nobody can change or enlarge."""
    descriptor = os.memfd_create("sandbox", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    opened.callback(os.close, descriptor)
    with open(os.dup(descriptor), "wb") as file:
        file.write(data)
    os.fchmod(descriptor, 0o444)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _receive(descriptor: int) -> bytes | None:
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _kill_unbegun(process: "subprocess.Popen[bytes]") -> None:
    """Kill a bubblewrap that reported no first process, and the process that it may have made.

    That process waits for bubblewrap without end and would outlive it. A stopped bubblewrap makes no further one.
    """
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGSTOP)  # Popen would reap it and lose its usage
        _wait_for(process.pid, b"TZ")
        children = children_of(process.pid)
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        if children:
            os.kill(process.pid, signal.SIGCONT)  # it reaps the other by itself, and ends
            _wait_for(process.pid, b"Z")
        os.kill(process.pid, signal.SIGKILL)


def _wait_for(process: int, states: bytes) -> None:
    """Wait until a process is in one of the states, or for half a second."""
    for _ in range(500):
        fields = _stat_of(process)
        if not fields or fields[0] in states:
            return
        time.sleep(0.001)


def children_of(process: int) -> list[int]:
    """Return the children of a process, by the parent ids of all processes: not every kernel lists children."""
    numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [number for number in numbers if _parent_of(number) == process]


def _stat_of(process: int) -> list[bytes]:
    """Return the fields of /proc/…/stat after the name: the state, the parent's number and so on."""
    with suppress(OSError), open(f"/proc/{process}/stat", "rb", buffering=0) as file:
        return file.read(1024).rpartition(b")")[2].split()
    return []


def _parent_of(process: int) -> int | None:
    fields = _stat_of(process)
    return int(fields[1]) if len(fields) > 1 else None


def _first_line(data: bytes | bytearray) -> str:
    return bytes(data[:300]).decode(errors="replace").strip().partition("\n")[0]
