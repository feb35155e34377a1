"""The benchmark runs, and all its implementations give the same answers; no time is asserted."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MISSING = [name for name in ("blacksheep", "falcon", "fastapi", "kinglet", "litestar") if find_spec(name) is None]


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} not installed: `make bench` installs them")
def test_all_implementations_give_the_same_answers() -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [sys.executable, "-m", "benchmarks", "--quick"]
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    tables = run.stdout.strip().split("\n\n")
    assert [len(table.splitlines()) for table in tables] == [14, 9, 10]
