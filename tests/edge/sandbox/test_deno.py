"""Deno without permissions, where bubblewrap does not work: the same attacks and programs, and its own."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from tests.edge.sandbox.attacks import NODE_ATTACKS, Attack, attacks
from tests.edge.sandbox.conftest import Host
from tests.edge.sandbox.test_attacks import attempt
from tests.edge.sandbox.test_executors import CASES, Case
from tests.edge.sandbox.test_holding import children, keepers_of

from edge.clients.execution.compose import Script, has_stripper, transforms
from edge.ports.executor import Call, Limits, Program, Status
from edge.runtimes.local.sandbox import probe
from edge.runtimes.local.sandbox.deno import DenoCage, deno_here
from edge.runtimes.local.sandbox.keepers import Keepers, Report
from edge.runtimes.local.sandbox.sandbox import LocalSandbox
from edge.runtimes.local.sandbox.seccomp import filter_here

pytestmark = [
    pytest.mark.skipif(deno_here() is None, reason="the npm package of Deno is optional, and not here"),
    pytest.mark.slow,
]
DENO_ATTACKS = attacks("deno")
SHORT = {"imported text", "connection by Deno", "typed arrays that grow", "internal operations"}
"""Attacks of Deno's own kind that `make test` tries; `make soak` tries all."""
SHORT_NODE = {"endless loop", "a gigabyte of output", "the host's file"}
SHORT_PROGRAMS = {"reads in JavaScript", "types", "throws in TypeScript"}
START_MS = 15_000
"""A limit that no start exceeds on a busy machine, for attacks that are to end before their limit."""
OTHERWISE: dict[str, tuple[Status, ...]] = {
    "children without end": ("ok", "exception", "time", "memory"),
    "workers without end": ("ok", "exception", "memory", "crashed", "output", "time"),
    "kills all": ("ok", "exception", "crashed"),
    "kills the first process": ("ok", "exception"),
    "environment": ("ok", "exception"),
    "datagrams": ("ok", "exception"),
    "listener": ("ok", "exception"),
    "descriptors of the server": ("ok", "exception"),
    "report written to disk": ("ok", "exception"),
    "debugger": ("ok", "exception", "crashed"),
    "buffers that grow": ("memory", "crashed"),
    "abort": ("crashed", "exception"),
    "flags of the engine": ("memory", "time", "crashed"),
    "waits on shared memory": ("time", "exception"),
}
"""Attacks that Deno refuses with an exception, or ends otherwise than Node does."""


@pytest.fixture(scope="module")
def deno() -> Iterator[LocalSandbox]:
    box = LocalSandbox(slots=2, way="deno")
    assert "without permissions" in asyncio.run(box.probe())
    yield box
    box.close()


def soak_unless(names: set[str], cases: Sequence[Attack | Case]) -> list[Any]:
    assert names <= {case.name for case in cases}
    return [pytest.param(case, id=case.name, marks=() if case.name in names else pytest.mark.soak) for case in cases]


def patient(attack: Attack) -> Attack:
    return attack if "time" in attack.statuses else attack._replace(time_ms=START_MS)


@pytest.mark.parametrize("attack", soak_unless(SHORT_NODE, NODE_ATTACKS))
def test_attack_of_node_ends_clean_in_deno(deno: LocalSandbox, host: Host, attack: Attack) -> None:
    attempt(deno, host, patient(attack._replace(statuses=OTHERWISE.get(attack.name, attack.statuses))), "javascript")


@pytest.mark.parametrize("attack", soak_unless(SHORT, DENO_ATTACKS))
def test_attack_on_deno_ends_clean(deno: LocalSandbox, host: Host, attack: Attack) -> None:
    attempt(deno, host, patient(attack), "javascript")
    assert not list(Path("/tmp").glob("attack.*"))


PROGRAMS = [case for case in CASES if case.language != "python"]


@pytest.mark.parametrize("case", soak_unless(SHORT_PROGRAMS, PROGRAMS))
def test_deno_says_the_same_of_a_program(deno: LocalSandbox, case: Case) -> None:
    limits = case.limits if case.status == "time" else case.limits._replace(time_ms=START_MS)
    program = Program(case.language, case.source, case.stdin, limits)
    if transforms(program) is not None and not has_stripper():
        pytest.skip("build/bundles is made by `make test`")
    ended = asyncio.run(deno.run(program))
    assert (ended.status, ended.stdout) == (case.status, case.stdout), ended
    assert "main.cjs" not in ended.stderr
    assert "data:" not in ended.stderr
    assert ended.memory_kb is not None
    assert 10_000 < ended.memory_kb < 128 * 1024


def test_deno_returns_values_and_runs_no_python(deno: LocalSandbox) -> None:
    limits = Limits(START_MS)
    program = Program("javascript", "function f(a) { return [a, -0]; }", limits=limits, call=Call("f", '[["i", "5"]]'))
    assert asyncio.run(deno.run(program)).value == '["l",[["i","5"],["f","-0.0"]]]'
    assert asyncio.run(deno.run(Program("python", "print(1)"))).status == "refused"
    assert asyncio.run(deno.languages()).keys() == {"javascript", "typescript"}


def test_deno_is_probed_by_attacks_and_must_be_allowed() -> None:
    pool = Keepers(1)
    keeper = pool.take()
    interpreter = deno_here()
    assert interpreter is not None

    def attempt_one(cage: probe.Confinement, script: Script, limits: Limits) -> Report:
        if cage.way != "deno":
            return Report({"exit_code": 1}, b"not JSON", b"bwrap: setting up uid map: Permission denied")
        return keeper.run(cage.job(script, limits, keeper.user, filter_here() or b""))

    try:
        weak = DenoCage(interpreter._replace(command=(*interpreter.command, "--allow-read")))
        fault = probe.attack(attempt_one, weak)
        assert fault is not None
        assert {"files", "passwords", "permissions"} <= set(fault.partition(": ")[2].split(", ")), fault
        assert not probe.find(attempt_one).cages
        found = probe.find(attempt_one, with_deno=True)
    finally:
        keeper.close()
    assert found.cages.keys() == {"node"}
    assert found.reason.startswith(f"Deno {interpreter.version} without permissions")
    refusal = "setting up uid map: Permission denied" if which("bwrap") else "bwrap not found"
    assert refusal in found.reason


def test_runs_of_deno_leave_nothing(deno: LocalSandbox) -> None:
    async def all_of_them(runs: int) -> set[str]:
        sources = ["console.log(1)", "while (true);", "process.abort()", "while (true) console.log('x'.repeat(9999))"]
        programs = [Program("javascript", sources[n % 4], limits=Limits(900, 96, 4096)) for n in range(runs)]
        return {ended.status for ended in await asyncio.gather(*(deno.run(program) for program in programs))}

    asyncio.run(deno.run(Program("javascript", "1")))
    before = len(os.listdir("/proc/self/fd"))
    assert asyncio.run(all_of_them(8)) <= {"ok", "time", "crashed", "output"}
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    for keeper in keepers_of(deno):
        assert not children(keeper)
        assert len(os.listdir(f"/proc/{keeper}/fd")) <= 4


def test_missing_deno_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert deno_here() is None
    found = probe.find(lambda *_: pytest.fail("nothing to try"), "deno")
    assert not found.cages
    assert "Deno 2 not found" in found.reason
