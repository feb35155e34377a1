"""Every attack ends cleanly within its limits, and none reaches the host."""

import asyncio
import platform
from time import monotonic

import pytest
from tests.edge.sandbox.attacks import BREACH, CANARY, NODE_ATTACKS, PORT, PYTHON_ATTACKS, SOCKET, Attack
from tests.edge.sandbox.conftest import Host

from edge.ports.executor import Execution, Language, Limits, Program
from edge.runtimes.local.sandbox.sandbox import LocalSandbox

pytestmark = pytest.mark.slow

MEMORY_MB = 96
OUTPUT_BYTES = 16 * 1024
EXHAUSTED = frozenset({"time", "memory"})
"""Limits of a program without end: which of them it hits first is a matter of the machine."""


def test_there_are_enough_attacks() -> None:
    assert len(PYTHON_ATTACKS) >= 60
    assert len(NODE_ATTACKS) >= 25
    for attacks in (PYTHON_ATTACKS, NODE_ATTACKS):
        assert len({attack.name for attack in attacks}) == len(attacks)


@pytest.mark.parametrize("attack", PYTHON_ATTACKS, ids=lambda attack: attack.name)
def test_attack_in_python_ends_clean(sandbox: LocalSandbox, host: Host, attack: Attack) -> None:
    attempt(sandbox, host, attack, "python")


@pytest.mark.parametrize("attack", NODE_ATTACKS, ids=lambda attack: attack.name)
def test_attack_in_node_ends_clean(sandbox: LocalSandbox, host: Host, attack: Attack) -> None:
    attempt(sandbox, host, attack, "javascript")


def attempt(sandbox: LocalSandbox, host: Host, attack: Attack, language: Language) -> None:
    source = attack.source
    if platform.machine() != "x86_64" and any(
        mark in source for mark in ("libc.syscall", ".syscall(", "mmap.PROT_EXEC")
    ):
        pytest.skip("a number of a system call of x86-64")
    for mark, value in ((CANARY, str(host.canary)), (PORT, str(host.port)), (SOCKET, host.socket)):
        source = source.replace(mark, value)
    began = monotonic()
    limits = Limits(attack.time_ms, MEMORY_MB, OUTPUT_BYTES)
    ended = asyncio.run(sandbox.run(Program(language, source, limits=limits)))
    assert monotonic() - began < attack.time_ms / 1000 + 15  # a slow machine has its allowance
    allowed = {*attack.statuses, *(EXHAUSTED if EXHAUSTED.intersection(attack.statuses) else ())}
    assert ended.status in allowed, ended
    check_harm(ended, host)


def check_harm(ended: Execution, host: Host) -> None:
    assert BREACH not in ended.stdout, ended
    assert host.secret not in repr(ended)
    assert host.canary.read_text() == host.secret
    assert len(ended.stdout.encode()) <= OUTPUT_BYTES * 3  # a byte that is no text is shown as three
    for listener in host.listeners:
        with pytest.raises(BlockingIOError):
            listener.accept()
