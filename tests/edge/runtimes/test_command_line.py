"""The command line of the local runtime."""

import gc
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.runtimes.local import __main__ as command_line
from edge.runtimes.local.runtime import LocalRuntime


@pytest.fixture
def _collector() -> Iterator[None]:
    """Leave the thresholds of the tests' collector as they were."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)


@pytest.mark.slow
@pytest.mark.usefixtures("_collector")
def test_server_runs_with_a_collector_that_looks_at_new_objects_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    before = gc.get_freeze_count()
    made = [[number] for number in range(20_000)]

    async def run(runtime: LocalRuntime, listening: socket.socket, _watched: Path | None) -> bool:
        listening.close()
        await runtime.stop()
        seen.append((gc.get_freeze_count(), gc.get_threshold()[0]))
        return False

    monkeypatch.setattr(command_line, "run", run)
    mask = os.umask(0)
    try:
        state = [
            "--state",
            str(tmp_path / "state"),
            "--migrations",
            str(tmp_path),
            "--env-file",
            str(tmp_path / "none"),
        ]
        assert command_line.main(["serve", "tests.edge.runtimes.tiny:app", "--port", "0", *state]) == 0
    finally:
        os.umask(mask)
    [(frozen, young)] = seen
    assert frozen - before > len(made) > 10_000
    assert young == command_line.YOUNG
