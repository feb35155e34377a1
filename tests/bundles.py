"""Bundles of packages from npm, which `make test` makes; tests of TypeScript need one of them."""

import pytest

from build_assets import BUNDLES
from edge.clients.execution.compose import keep_stripper

BUNDLED = BUNDLES / "devcapsules"
TOOL = BUNDLED / "sucrase.js"
needs_bundles = pytest.mark.skipif(not TOOL.is_file(), reason="build/bundles is made by `make test`")


def keep_tool() -> None:
    """Keep the tool that takes types out of TypeScript, as an app does that finds it among its static files."""
    if TOOL.is_file():
        keep_stripper(TOOL.read_text(encoding="utf-8"))
