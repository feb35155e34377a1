"""The tests' processes, order and temporary files; both runtimes' fixtures come from the plugin."""

import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from zlib import crc32

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["edge.testing.plugin"]

ROOT = Path(__file__).parents[1]
MEMORY = Path("/dev/shm")
ENOUGH = 4 * 2**30
"""Bytes that must be free in memory before temporary files go there; a whole run writes some 600 MB."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return two a core: half of a slow test's time is waiting for servers, timers and other processes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if is_fast_ring(config) else 2 * cores


def is_fast_ring(config: pytest.Config) -> bool:
    """Tell whether slow tests are left out."""
    return "not slow" in config.option.markexpr


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out a file whose tests are all slow, without importing it, where slow tests are left out."""
    is_file = collection_path.suffix == ".py" and is_fast_ring(config)
    return True if is_file and "\npytestmark = pytest.mark.slow\n" in collection_path.read_text() else None


IN_WORKERD = re.compile(r"\[(.+-)?workers(-.+)?\]$")
"""Ends the name of a test that runs in workerd beside one that runs locally."""
WHOLE = ("tests/contracts/", "tests/workers/", "tests/tools/", "tests/test_")
"""Tests of the runtimes and of the commands: all of them run each time."""
SHARE = 8
"""One of this many cases of an app runs in workerd too in `make test`; all of them do in `make soak`."""


class SharedWorkers(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Distribute the tests by file, and those in workerd by folder, so that each Worker starts in one process."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the group of a test; a process runs all tests of a group."""
        return group(nodeid)


def group(nodeid: str) -> str:
    """Return the name of a test's group: its file, or its folder in workerd."""
    file = nodeid.partition("::")[0]
    folder = file.rpartition("/")[0]
    return f"{folder} in workerd" if IN_WORKERD.search(nodeid) or folder == "tests/workers" else file


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the Workers with the last test of a group: each one that idles takes 2 % of a core."""
    if nextitem is None or group(nextitem.nodeid) != group(item.nodeid):
        for running in sys.modules["edge.testing.plugin"].RUNNING:
            running.stop()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharedWorkers:
    """Return the scheduler, which takes the groups in the order of the tests."""
    config.option.loadscopereorder = False
    return SharedWorkers(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Compile the tests of a new checkout before the processes start, each of which would compile all of them."""
    is_new = not (ROOT / ".hypothesis").is_dir()
    if is_new and not sys.dont_write_bytecode and (config.getoption("numprocesses") or 0) > 1:
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0"]
        for run in [subprocess.Popen([*command, *half], cwd=ROOT, stdout=subprocess.DEVNULL) for half in _halves()]:
            run.wait()


def _halves() -> tuple[list[str], list[str]]:
    """Return the places of all tests as two groups; the first has most of those whose inputs Hypothesis draws."""
    folder = Path(__file__).parent
    first = [str(folder / name) for name in ("core_tessie", "klear_karma", "vinyl_vault")]
    places = sorted(str(path) for path in folder.iterdir() if path.is_dir() or path.match("test_*.py"))
    return first, [place for place in places if place not in first and not place.endswith("__pycache__")]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage once after collecting, and never again in all that was collected: it takes half of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make soak` alone runs in workerd, and let groups that take long begin first."""
    begun = set[str]()
    for item in items:
        if IN_WORKERD.search(item.nodeid) and not item.nodeid.startswith(WHOLE):
            file = item.nodeid.partition("::")[0]
            if file in begun and crc32(item.nodeid.encode()) % SHARE:
                item.add_marker(pytest.mark.soak)
            begun.add(file)
    items.sort(key=lambda item: (not IN_WORKERD.search(item.nodeid), item.get_closest_marker("slow") is None))


def _keep_files_in_memory() -> None:
    """Put temporary files, also those of child processes, into memory: thousands of databases wait for no disk."""
    if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _compile_little() -> None:
    """Spare each workerd the optimizing of its interpreter, and each Node the compiling of its tools.

    Most end before the seconds that it takes are won back.
    """
    os.environ.setdefault("MINIFLARE_WORKERD_V8_FLAGS", "--no-wasm-dynamic-tiering --no-wasm-tier-up")
    os.environ.setdefault("NODE_COMPILE_CACHE", str(ROOT / "build" / "node_code"))


_keep_files_in_memory()
_compile_little()
