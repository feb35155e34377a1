"""Runs scripts that drive Chromium: each prints its report as one JSON object."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pyedge.client import node

in_chromium = pytest.mark.skipif(
    not any(map(shutil.which, ("chromium-headless-shell", "chromium"))), reason="there is no Chromium here"
)

_CASE = re.compile(r"^  async (\w+)\(\) \{$", re.MULTILINE)


def cases_of(script: Path) -> list[str]:
    """Return the names of a script's cases."""
    return _CASE.findall(script.read_text(encoding="utf-8"))


def run_script(script: Path, *arguments: str, seconds: float) -> dict[str, Any]:
    """Run a script to its end, and return its report: for one with cases, their results by name."""
    command = [node(), str(script), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert run.returncode == 0, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    return report
