"""Runs schemathesis over an app's OpenAPI document, with the settings that it needs."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRIED = ["--suppress-health-check", "filter_too_much"]
"""How hard it is to draw a value is the generator's matter."""


def check(url: str, document: str, header: str, examples: int, *options: str) -> str:
    """Run it against an address with a header, and return its output; fail if it reports a failure."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", "tests/schemathesis.toml", "run"]
    command += [document, "--url", url, "--header", header, "--no-color", "--seed", "1"]
    command += ["--max-examples", str(examples), "--continue-on-failure", *TRIED, *options]
    env = os.environ | {"SCHEMATHESIS_HOOKS": "tests.schemathesis_hooks"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    return done.stdout
