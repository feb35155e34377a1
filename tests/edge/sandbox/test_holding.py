# ruff: noqa: E501 - programs in one line
"""The sandbox beside its attacks: the probe sees a weak one, measures are true, and nothing is left behind."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from tests.edge.sandbox.executors import needs_sandbox

from edge.clients.execution.compose import Script
from edge.ports import PortError
from edge.ports.executor import Execution, Language, Limits, Program
from edge.runtimes.local.sandbox import probe
from edge.runtimes.local.sandbox.command import PROCESSES, Cage
from edge.runtimes.local.sandbox.interpreters import node_here, python_at, python_here, tools
from edge.runtimes.local.sandbox.keepers import Keepers, Report, host_user
from edge.runtimes.local.sandbox.run import MOST_FILES, Bounds, Job, NotBegun, Run
from edge.runtimes.local.sandbox.sandbox import QUEUED, LocalSandbox
from edge.runtimes.local.sandbox.seccomp import AARCH64, X86_64, filter_here, filter_of

pytestmark = [needs_sandbox, pytest.mark.slow]
ROOT = Path(__file__).parents[3]
LIMITS = Limits(3_000, 128, 64 * 1024)


def run(sandbox: LocalSandbox, source: str, limits: Limits = LIMITS, language: Language = "python") -> Execution:
    return asyncio.run(sandbox.run(Program(language, source, limits=limits)))


class Weak(Cage):
    """A cage with parts of its command taken out or put in."""

    def __init__(self, cage: Cage, without: tuple[tuple[str, ...], ...], more: tuple[str, ...] = ()) -> None:
        super().__init__(cage.way, tools(), cage.interpreter)
        self._without = without
        self._more = more

    def command(self, limits: Limits, user: int) -> list[str]:
        command = super().command(limits, user)
        for option in self._without:
            place = next(n for n in range(len(command)) if command[n : n + len(option)] == list(option))
            del command[place : place + len(option) + (option == ("--seccomp",))]
        bwrap = command.index(tools()["bwrap"])
        return [*command[: bwrap + 1], *self._more, *command[bwrap + 1 :]]


WEAKER: dict[str, tuple[tuple[tuple[str, ...], ...], tuple[str, ...], set[str]]] = {
    "no filter of calls": ((("--seccomp",),), (), {"host socket", "user namespace", "hidden memory"}),
    "the host's files": ((), ("--ro-bind", "/etc", "/etc"), {"passwords"}),
    "processes without end": (((f"--nproc={PROCESSES}",),), (), {"forks"}),
    "the host's environment": ((("--clearenv",),), ("--setenv", "TOKEN", "x"), {"environment"}),
}


@pytest.fixture(scope="module")
def keepers() -> Iterator[Keepers]:
    pool = Keepers(1)
    yield pool
    pool.close()


@pytest.mark.parametrize("weakness", WEAKER)
def test_probe_refuses_a_weak_sandbox(keepers: Keepers, weakness: str) -> None:
    way = probe.ways()[0]
    python = python_here() if way == "root" else python_at("/usr/bin/python3")
    assert python is not None
    keeper = keepers.take()

    def attempt(cage: probe.Confinement, script: Script, limits: Limits) -> Report:
        return keeper.run(cage.job(script, limits, keeper.user, filter_here() or b""))

    try:
        whole = Cage(way, tools(), python)
        assert probe.attack(attempt, whole) is None
        without, more, broken = WEAKER[weakness]
        fault = probe.attack(attempt, Weak(whole, without, more))
    finally:
        keepers.give_back(keeper)
    assert fault is not None
    assert all(name in fault for name in broken), fault


def test_missing_confinement_is_reported_with_its_reason() -> None:
    keeper = probe.find(
        lambda *_: Report({"exit_code": 1}, b"not JSON", b"bwrap: setting up uid map: Permission denied")
    )
    assert not keeper.cages
    assert "only remote executors run programs" in keeper.reason
    assert "setting up uid map: Permission denied" in keeper.reason


def test_filters_are_whole_for_both_machines() -> None:
    for machine in (X86_64, AARCH64):
        compiled = filter_of(machine)
        assert len(compiled) % 8 == 0
        assert 100 < len(compiled) // 8 < 4096
        assert len(set(machine.denied)) == len(machine.denied)
        assert not {machine.socket, machine.clone, machine.ioctl} & set(machine.denied)


def test_users_of_two_slots_and_two_servers_differ() -> None:
    here = {host_user(slot) for slot in range(4)}
    assert len(here) == 4
    other = subprocess.run(
        [sys.executable, "-c", "from edge.runtimes.local.sandbox.keepers import host_user; print(host_user(0))"],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(other.stdout) not in here


def test_interpreters_are_found_with_their_versions() -> None:
    assert python_here().version.startswith("3.")
    node = node_here()
    assert node is None or int(node.version.split(".")[0]) >= 18
    assert node_here("/nowhere/node") is None
    assert python_at("/nowhere/python") is None


def test_memory_and_time_are_reported_correctly(sandbox: LocalSandbox) -> None:
    program = "import resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    for megabytes in (5, 60):
        ended = run(sandbox, f"block = b'x' * ({megabytes} << 20)\n{program}", Limits(3000, 200, 1000))
        truth = int(ended.stdout)
        assert ended.memory_kb is not None
        assert abs(ended.memory_kb - truth) < max(8 * 1024, 0.1 * truth), ended
    ended = run(sandbox, "import time\nstart = time.process_time()\nwhile time.process_time() - start < 0.3: pass")
    assert ended.cpu_ms is not None
    assert 290 < ended.cpu_ms < 400, ended
    ended = run(sandbox, "import time\ntime.sleep(0.4)")
    assert ended.time_ms is not None
    assert ended.cpu_ms is not None
    assert 400 <= ended.time_ms < 1500
    assert ended.cpu_ms < 100


def test_memory_of_all_processes_counts(sandbox: LocalSandbox) -> None:
    source = (
        "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        block = b'x' * (20 << 20)\n"
        "        time.sleep(0.4)\n        os._exit(0)\ntime.sleep(0.6)"
    )
    ended = run(sandbox, source, Limits(5000, 200, 1000))
    assert ended.status == "ok", ended
    assert ended.memory_kb is not None
    assert 75 * 1024 < ended.memory_kb < 150 * 1024
    assert run(sandbox, source, Limits(5000, 60, 1000)).status == "memory"


def test_limits_beyond_the_largest_are_refused(sandbox: LocalSandbox) -> None:
    for limits in (Limits(60_000), Limits(10), Limits(1000, 4096), Limits(1000, 128, 1)):
        assert run(sandbox, "print(1)", limits).status == "refused"


def test_run_that_nobody_waits_for_is_ended(sandbox: LocalSandbox) -> None:
    async def leave() -> float:
        started = time.monotonic()
        running = asyncio.create_task(sandbox.run(Program("python", "while True: pass", limits=Limits(15_000))))
        await asyncio.sleep(0.4)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        for _ in range(2):  # both slots are free again
            assert (await sandbox.run(Program("python", "print(1)"))).status == "ok"
        return time.monotonic() - started

    assert asyncio.run(leave()) < 10


def test_full_queue_turns_programs_away_at_once(sandbox: LocalSandbox) -> None:
    async def crowd() -> list[Execution]:
        program = Program("python", "pass")
        sandbox._waiting += QUEUED + sandbox.parallel
        try:
            return [await sandbox.run(program)]
        finally:
            sandbox._waiting -= QUEUED + sandbox.parallel

    (ended,) = asyncio.run(crowd())
    assert (ended.status, "too many" in ended.message) == ("unavailable", True)


def test_keeper_that_was_killed_is_replaced(sandbox: LocalSandbox) -> None:
    run(sandbox, "print(1)")
    for process in keepers_of(sandbox):
        os.kill(process, signal.SIGKILL)
    seen = [run(sandbox, "print(1)").status for _ in range(4)]
    assert seen[-2:] == ["ok", "ok"]
    assert set(seen) <= {"ok", "unavailable"}


def cages_of(user: int) -> dict[int, int]:
    """Return the processes of bubblewrap in a user's runs, and their parents; other tests run programs meanwhile."""
    parents = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            name, _, rest = (process / "stat").read_text().rpartition(")")
            is_of_user = process.stat().st_uid == user or str(user) in (process / "cmdline").read_text()
            if name.endswith("(bwrap") and is_of_user:
                parents[int(process.name)] = int(rest.split()[1])
    return parents


@pytest.mark.parametrize("moments", [0, 2, 4])
def test_run_that_is_stopped_while_it_begins_leaves_nothing(sandbox: LocalSandbox, moments: int) -> None:
    asyncio.run(sandbox.probe())
    assert sandbox._result is not None
    cage = sandbox._result.cages["python"]
    assert isinstance(cage, Cage)
    bounds = Bounds(LIMITS.time_ms, LIMITS.memory_mb * 1024, LIMITS.output_bytes)
    user = host_user(9)
    seen: dict[int, int] = {}

    def is_over(checks: Iterator[int]) -> bool:
        if not seen:  # a look takes long, and the other runs are to be stopped as they begin
            seen.update(cages_of(user))
        return next(checks) >= moments

    for _ in range(6):
        job = Job(cage.command(LIMITS, user), "/main.py", bounds, b"while True: pass", b"", filter_here() or b"")
        checks = iter(range(10_000))
        with suppress(NotBegun):
            assert Run(job, partial(is_over, checks)).wait().reason == "stopped"
    time.sleep(0.3)
    assert seen or moments == 0
    assert 1 not in cages_of(user).values()  # no orphan is left


def test_sandbox_that_closes_ends_its_runs() -> None:
    box = LocalSandbox(slots=1)

    async def leave() -> Execution:
        await box.probe()
        running = asyncio.ensure_future(box.run(Program("python", "while True: pass", limits=Limits(15_000))))
        await asyncio.sleep(0.4)
        await asyncio.to_thread(box.close)
        return await running

    started = time.monotonic()
    assert asyncio.run(leave()).status == "unavailable"
    assert time.monotonic() - started < 10
    assert not keepers_of(box)


def test_sandbox_that_cannot_begin_says_so() -> None:
    box = LocalSandbox(slots=1)
    try:
        asyncio.run(box.probe())
        assert box._result is not None
        (cage, *_) = [cage for cage in box._result.cages.values() if isinstance(cage, Cage)]
        cage._tools = {**cage._tools, "bwrap": "/nowhere/bwrap"}
        ended = run(box, "print(1)", language="python" if cage.interpreter.kind == "python" else "javascript")
        assert (ended.status, "No such file" in ended.message) == ("unavailable", True), ended
        with pytest.raises(PortError):
            asyncio.run(box.run_script(Script("python", "", "", ""), LIMITS))
    finally:
        cage._tools = tools()
        box.close()


def keepers_of(sandbox: LocalSandbox) -> list[int]:
    """Return the processes of a sandbox's keepers: each is the child of its guard."""
    guards = [keeper._process.pid for keeper in sandbox._keepers._all if keeper._process is not None]
    return [keeper for guard in guards for keeper in children(guard)]


def children(parent: int | None = None) -> list[int]:
    """Return the processes that a process has started."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == (parent or os.getpid()):
                pids.append(int(path.parent.name))
    return pids


MIXED = [
    "print(1)",
    "while True: pass",
    "import os\nwhile True: os.fork()",
    "import os\nif os.fork() == 0:\n    os.setsid()\n    import time\n    time.sleep(60)",
    "import os\nos.kill(os.getpid(), 9)",
    "while True: print('x' * 10_000)",
    "x = [bytearray(1 << 20) for _ in range(1000)]",
    "import time\ntime.sleep(60)",
    "for path in ('/tmp/left', '/dev/shm/left'):\n    open(path, 'w').write('x' * 10_000)",
]


def files_left() -> list[str]:
    """Return the files that users of runs own in the folders where everybody may write, and their shared memory."""
    users = {host_user(slot) for slot in range(8)}
    entries = [entry for folder in ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue") for entry in here(folder)]
    shared = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return [entry.path for entry in entries if owner(entry) in users] + [
        line for line in shared if int(line.split()[7]) in users
    ]


def here(folder: str) -> list[os.DirEntry[str]]:
    return list(os.scandir(folder)) if Path(folder).is_dir() else []


def owner(entry: os.DirEntry[str]) -> int | None:
    with suppress(OSError):
        return entry.stat(follow_symlinks=False).st_uid
    return None


def state() -> tuple[int, int, set[str]]:
    """Return the descriptors of this process, the mounts, and the processes of sandboxes of the machine's runs."""
    users = {str(host_user(slot)) for slot in range(8)}
    running = set()
    for path in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            match = re.search(r"^Uid:\s+(\d+)", path.read_text(), re.MULTILINE)
            if match and match[1] in users:
                running.add(path.parent.name)
    return len(os.listdir("/proc/self/fd")), len(Path("/proc/self/mounts").read_text().splitlines()), running


def leave_nothing(sandbox: LocalSandbox, runs: int) -> None:
    async def all_of_them() -> list[Execution]:
        limits = Limits(150, 64, 4_096)
        programs = [Program("python", MIXED[n % len(MIXED)], limits=limits) for n in range(runs)]
        results: list[Execution] = []
        for start in range(0, runs, 32):
            results += await asyncio.gather(*(sandbox.run(program) for program in programs[start : start + 32]))
        return results

    run(sandbox, "print(1)")
    before = state()
    ended = asyncio.run(all_of_them())
    assert {result.status for result in ended} <= {"ok", "time", "memory", "output", "crashed", "exception"}, ended
    after = state()
    assert after[1:] == (before[1], set())
    assert files_left() == []
    assert after[0] <= before[0] + 2
    for child in keepers_of(sandbox):
        assert not children(child), "a keeper has no process left"
        assert len(os.listdir(f"/proc/{child}/fd")) <= 4
        assert "\nState:\tZ" not in Path(f"/proc/{child}/status").read_text()


def test_mixed_runs_leave_nothing(sandbox: LocalSandbox) -> None:
    leave_nothing(sandbox, 24)


@pytest.mark.soak
def test_five_hundred_runs_leave_nothing(sandbox: LocalSandbox) -> None:
    leave_nothing(sandbox, 500)


SERVER = """
import asyncio, sys
from edge.ports.executor import Limits, Program
from edge.runtimes.local.sandbox.sandbox import LocalSandbox
box = LocalSandbox(slots=2)
async def main():
    await box.probe()
    print("ready", flush=True)
    source = "import os\\nfor _ in range(3): os.fork()\\nwhile True: pass"
    await asyncio.gather(*(box.run(Program("python", source, limits=Limits(15_000, 256))) for _ in range(2)))
asyncio.run(main())
"""


def test_nothing_outlives_a_server_that_was_killed() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], env={"PYTHONPATH": str(ROOT / "src")}, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    time.sleep(0.7)
    descendants = tree(server.pid)
    assert len(descendants) >= 8
    server.kill()
    server.wait()
    server.stdout.close()
    deadline = time.monotonic() + 10
    while (left := [pid for pid in descendants if is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def tree(process: int) -> list[int]:
    pids = children(process)
    return [*pids, *(pid for child in pids for pid in tree(child))]


def is_alive(process: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


PID_ONE = """
import asyncio, os
from pathlib import Path
from edge.ports.executor import Limits, Program
from edge.runtimes.local.sandbox.sandbox import LocalSandbox
assert os.getpid() == 1, os.getpid()
box = LocalSandbox(slots=2)
async def main():
    sources = ["print(1)", "while True: pass", "import os\\nos.fork()\\nwhile True: os.fork()", "print('x' * 99_999)"]
    for n in range(RUNS):
        ended = await box.run(Program("python", sources[n % 4], limits=Limits(150, 64, 4096)))
        assert ended.status in {"ok", "time", "memory", "output"}, ended
asyncio.run(main())
found = [path for path in Path("/proc").glob("[0-9]*/status") if "bwrap" in path.read_text() or "State:\\tZ" in path.read_text()]
print("left", len(found), flush=True)
box.close()
"""


def as_first_process(runs: int) -> str:
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", PID_ONE.replace("RUNS", str(runs))]
    done = subprocess.run(
        command,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("a namespace of processes cannot be made here")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_server_as_first_process_leaves_no_zombie() -> None:
    assert as_first_process(8) == "left 0\n"


@pytest.mark.soak
def test_server_as_first_process_leaves_no_zombie_in_five_hundred_runs() -> None:
    assert as_first_process(500) == "left 0\n"


def test_files_without_end_are_bounded_by_number(sandbox: LocalSandbox) -> None:
    source = f"import os\nfor n in range({MOST_FILES // 2}):\n    os.close(os.open(f'/tmp/{{n}}', os.O_CREAT))"
    assert run(sandbox, source).status == "ok"
    ended = run(sandbox, source.replace(str(MOST_FILES // 2), "10**9"))
    assert (ended.status, ended.message) == ("memory", f"made more than its limit of {MOST_FILES} files")
