"""How the tests are spread over processes; the fixtures of both runtimes come from the plugin."""

import os

pytest_plugins = ["edge.testing.plugin"]


def pytest_xdist_auto_num_workers() -> int:
    """Return two a core: half of a test's time is waiting for servers, timers and other processes."""
    return 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2 * (os.cpu_count() or 1)
