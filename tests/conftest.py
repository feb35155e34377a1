"""How the tests are spread over processes, and which are left out in workerd."""

import os

import pytest


def pytest_xdist_auto_num_workers() -> int:
    """Return two a core: half of a test's time is waiting for servers, timers and other processes."""
    return 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Leave out, in workerd, what a test says cannot be had there."""
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        callspec = getattr(item, "callspec", None)
        in_workerd = callspec is not None and callspec.params.get("run") == "workers"
        (left if in_workerd and item.get_closest_marker("local_only") else kept).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)
