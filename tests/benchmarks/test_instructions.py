"""Hot paths run no more bytecode, and hold no more memory, than they did, which no load of the machine changes.

Counted are the instructions of our own code, and the bytes that a path holds at most at once. The numbers hold for one
version of Python and of Pydantic. `make golden` writes them after a change that is meant.
"""

import asyncio
import gc
import json
import os
import platform
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import CodeType
from typing import Any, cast

import pydantic
import pytest
from benchmarks.cases import CASES, OTHERS
from benchmarks.drivers import kernel
from tests.golden_files import FOLDER

from core_tessie.tables import TABLES
from edge.access import READER, Actor
from edge.auth.tokens import Tokens
from edge.data.conditions import kind_of
from edge.ports import Database
from edge.ports.events import Draft
from edge.runtimes import live_wire

GOLDEN = FOLDER / "instructions.json"
ALLOWED = 1.05
"""Times the instructions that a path may take before the test fails."""
WARM = 70
"""Calls before a path is counted: caches are filled, and ids are drawn."""
SOURCES = str(Path(__file__).parents[2] / "src")
NOW = datetime(2026, 11, 30, tzinfo=UTC)
BOUND = Actor("phone", READER, frozenset({"5YJ3E1EA7KF000001"}))

type HotPath = Callable[[], Awaitable[Any]]


def awaitable(function: Callable[[], object]) -> HotPath:
    async def call() -> object:
        return function()

    return call


def paths() -> dict[str, HotPath]:
    """Return the hot paths by name: requests through the kernel, a scoped statement, a token, an event."""
    driver = kernel("warning", len)
    tokens = Tokens("core-tessie-api", ["k" * 32])
    token = tokens.issue(BOUND, datetime.now(UTC), timedelta(hours=1))
    scope, _ = TABLES.scope(kind_of(BOUND), READER)
    draft = Draft("drive.recorded", {"vin": "5YJ3E1EA7KF000001", "distance_mi": 12.5}, "5YJ3E1EA7KF000001")
    return {case.name: driver.prepare(case) for case in [*CASES, OTHERS[0]]} | {
        "token": awaitable(lambda: tokens.read(token)),
        "scoped statement": awaitable(lambda: scope.plan("SELECT id FROM drives WHERE id = ?")),
        "event": awaitable(lambda: live_wire.sse(live_wire.document(draft, 7, NOW))),
    }


async def instructions(call: HotPath) -> int:
    """Return the instructions of our own code that one call runs; the least of some calls.

    Threads of other tests are counted, too, and what a collection of garbage runs.
    """
    for _ in range(WARM):
        await call()
    return min([await _count(call) for _ in range(5)])


async def _count(call: HotPath) -> int:
    monitoring = sys.monitoring
    count = 0

    def on_instruction(code: CodeType, _offset: int) -> object:
        nonlocal count
        if not code.co_filename.startswith(SOURCES):
            return monitoring.DISABLE
        count += 1
        return None

    monitoring.use_tool_id(monitoring.PROFILER_ID, "instructions")
    monitoring.register_callback(monitoring.PROFILER_ID, monitoring.events.INSTRUCTION, on_instruction)
    monitoring.set_events(monitoring.PROFILER_ID, monitoring.events.INSTRUCTION)
    try:
        await call()
    finally:
        monitoring.set_events(monitoring.PROFILER_ID, monitoring.events.NO_EVENTS)
        monitoring.free_tool_id(monitoring.PROFILER_ID)
    return count


async def memory(call: HotPath) -> int:
    """Return the bytes that one call holds at most at once; the least of some calls, as a cache may grow in one."""
    for _ in range(WARM):
        await call()
    gc.disable()
    tracemalloc.start()
    try:
        return min([await _peak(call) for _ in range(5)])
    finally:
        tracemalloc.stop()
        gc.enable()


async def _peak(call: HotPath) -> int:
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    result = await call()
    _, peak = tracemalloc.get_traced_memory()
    del result
    return peak - before


async def measured() -> dict[str, dict[str, int]]:
    return {
        "instructions": {name: await instructions(call) for name, call in paths().items()},
        "bytes": {name: await memory(call) for name, call in paths().items()},
    }


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), "pydantic": pydantic.VERSION}


@pytest.mark.golden
def test_hot_paths_take_no_more_instructions_and_memory() -> None:
    counts = asyncio.run(measured())
    assert min(counts["instructions"].values()) > 5
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(versions() | counts, indent=2) + "\n", encoding="utf-8")
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    if {name: golden[name] for name in versions()} != versions():
        pytest.skip(f"the counts are those of Python {golden['python']} with Pydantic {golden['pydantic']}")
    more = {
        (kind, name): (golden[kind][name], count)
        for kind, by_name in counts.items()
        for name, count in by_name.items()
        if count > ALLOWED * golden[kind][name]
    }
    assert more == {}


def test_hot_paths_leave_no_reference_cycles() -> None:
    """A cycle around an exception cost a 422 a tenth of its time: the collector has to find it."""
    calls = paths() | {"caller's database": awaitable(lambda: TABLES.scoped(cast("Database", None), BOUND))}

    async def cycles() -> dict[str, int]:
        counts = {name: min([await _cycles(call) for _ in range(3)]) for name, call in calls.items()}
        return {name: count for name, count in counts.items() if count}

    assert asyncio.run(cycles()) == {}


async def _cycles(call: HotPath) -> int:
    """Return the number of objects that ten calls leave to the collector, which is to look at nothing else."""
    await call()
    gc.freeze()
    gc.disable()
    try:
        for _ in range(10):
            await call()
        return gc.collect()
    finally:
        gc.enable()


def test_a_longer_path_is_noticed() -> None:
    driver = kernel("warning", len)
    call = driver.prepare(CASES[0])

    async def twice() -> None:
        await call()
        await call()

    async def case() -> tuple[int, int]:
        return await instructions(call), await instructions(twice)

    once, doubled = asyncio.run(case())
    assert doubled > 1.8 * once


def test_more_memory_is_noticed() -> None:
    call = kernel("warning", len).prepare(CASES[0])

    async def larger() -> None:
        held = bytes(2_000)
        await call()
        del held

    async def case() -> tuple[int, int]:
        return await memory(call), await memory(larger)

    before, after = asyncio.run(case())
    assert after >= before + 2_000
