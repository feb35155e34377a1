"""The Worker with a sandbox, and its members."""

from pathlib import Path

import pytest
from tests.devcapsules.conftest import ENV

from devcapsules.app import app
from edge.testing import Client
from edge.testing.runner import Runner


@pytest.fixture
def sandboxed(tmp_path: Path) -> Runner[Client]:
    """Return a runner on the local runtime with a sandbox for programs."""
    return Runner(app, tmp_path / "state", ENV, [])
