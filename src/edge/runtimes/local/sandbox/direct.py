"""One run of a program that its own runtime confines: a process without namespaces, for where bubblewrap does not work.

It is part of the small process of `keeper`, as `run` is.
"""

import ctypes
import os
import resource
import signal
import subprocess
from contextlib import ExitStack

from edge.runtimes.local.sandbox import tree
from edge.runtimes.local.sandbox.run import Job, NotBegun, Own, Run, sealed

HEAD_BYTES = 10
"""Digits before the program on standard input: the length of the program, which the harness reads first."""
ENVIRONMENT = {"LANG": "C.UTF-8", "NO_COLOR": "1", "DENO_DIR": "/dev/null/none", "DENO_NO_UPDATE_CHECK": "1"}
"""The whole environment; a cache that cannot be made holds nothing of another run."""

_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_PR_SET_NO_NEW_PRIVS = 38
_libc = ctypes.CDLL(None, use_errno=True)


class _Filter(ctypes.Structure):
    """`struct sock_fprog`: the number of instructions, and their address."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


class Direct(Run):
    """A program in a process of its own. It can start no other, so its own memory and time are all there is."""

    def _start(self, opened: ExitStack) -> tuple["subprocess.Popen[bytes]", int, int]:
        job = self._job
        keeper = os.getpid()
        status, status_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        opened.callback(os.close, status)
        os.close(status_end)  # nobody reports a first process: it is the one that is started here
        with ExitStack() as handed:
            stdin = sealed(handed, b"%*d" % (HEAD_BYTES, len(job.script)) + job.script + job.stdin)
            try:
                process = subprocess.Popen(
                    job.command,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd="/",
                    env=ENVIRONMENT,
                    bufsize=0,
                    preexec_fn=lambda: _confine(job, keeper),  # noqa: PLW1509 - a keeper has one thread
                )
            except subprocess.SubprocessError:
                raise NotBegun("the limits of the program cannot be set") from None
        self._begin(process, self._hold(opened, process))
        assert self._first_handle is not None
        return process, status, self._first_handle

    def _usage(self) -> tree.Usage | None:
        return None if self._first is None else tree.usage_of(self._first)

    def _peak(self) -> int:
        return 0 if self._first is None else tree.peak_kb_of(self._first)


def _confine(job: Job, keeper: int) -> None:
    """Set the limits of the process that becomes the program; an exception keeps it from beginning."""
    assert job.own is not None
    os.setsid()
    _bound(job.own)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(job.own.user, job.own.user, job.own.user)
        os.setresuid(job.own.user, job.own.user, job.own.user)
    _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:
        raise OSError("the keeper has ended")
    _control(_PR_SET_NO_NEW_PRIVS, 1)
    instructions = _Filter(len(job.seccomp) // 8, job.seccomp)
    _control(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(instructions))


def _bound(own: Own) -> None:
    limits = {
        resource.RLIMIT_DATA: own.data_bytes,
        resource.RLIMIT_CPU: own.cpu_s,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_STACK: 8 << 20,
    }
    if os.geteuid() == 0:  # the user of this run has no other processes; an ordinary user has
        limits[resource.RLIMIT_NPROC] = own.processes
    for name, value in limits.items():
        _, hard = resource.getrlimit(name)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (most, most + (name == resource.RLIMIT_CPU)))


def _control(option: int, *arguments: object) -> None:
    rest = [*arguments, *[0] * (4 - len(arguments))]
    if _libc.prctl(option, *rest) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
