"""The pytest plugin: cases on both runtimes, and the Workers that they share. `-p edge.testing.plugin` loads it."""

from collections.abc import Iterator

import pytest

from edge.testing.host import Workers


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks of cases on two runtimes."""
    config.addinivalue_line("markers", "slow: more than a second, or in workerd; left out of `make test-fast`")
    config.addinivalue_line(
        "markers",
        "local_only(reason): a case that workerd cannot run, or answers otherwise; the reasons are the table of "
        "differences",
    )


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Deselect, in workerd, the cases that are marked as local ones."""
    selected: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        callspec = getattr(item, "callspec", None)
        in_workerd = callspec is not None and callspec.params.get("runtime") == "workers"
        (left if in_workerd and item.get_closest_marker("local_only") else selected).append(item)
    items[:] = selected
    config.hook.pytest_deselected(items=left)


@pytest.fixture(params=["local", pytest.param("workers", marks=pytest.mark.slow)])
def runtime(request: pytest.FixtureRequest) -> str:
    """Return each runtime's name: a test that takes this runs once on each."""
    name: str = request.param
    return name


RUNNING: list[Workers] = []
"""The Workers of this test process, once a test has asked for them: they may be stopped between two tests."""


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """Return the Workers that all tests of a process share; each starts with the first test that needs it."""
    running = Workers()
    RUNNING.append(running)
    yield running
    running.stop()
