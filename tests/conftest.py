"""The tests' processes and temporary files; both runtimes' fixtures come from the plugin."""

import os
import shutil
import tempfile
from pathlib import Path

pytest_plugins = ["edge.testing.plugin"]

ROOT = Path(__file__).parents[1]
MEMORY = Path("/dev/shm")
ENOUGH = 4 * 2**30
"""Bytes that must be free in memory before temporary files go there; a whole run writes some 600 MB."""


def pytest_xdist_auto_num_workers() -> int:
    """Return two a core: half of a test's time is waiting for servers, timers and other processes."""
    return 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2 * (os.cpu_count() or 1)


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
