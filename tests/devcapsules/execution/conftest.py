"""The Worker with a sandbox, and members of it."""

from pathlib import Path

import pytest
from tests.devcapsules.conftest import ENV

from devcapsules.app import app
from edge.testing import Client
from edge.testing.runner import Runner


@pytest.fixture
def sandboxed(tmp_path: Path) -> Runner[Client]:
    """Return a runner on the local runtime, whose programs run in the sandbox."""
    return Runner(app, tmp_path / "state", ENV, [])
