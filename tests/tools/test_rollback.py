"""A roll-back as in docs/deploy.md, by wrangler against a stand-in account."""

import os
import subprocess

import pytest

from apps import ROOT
from pyedge.client import NODE_MODULES
from sims.cloudflare import StorageSim
from sims.cloudflare.scripts_api import Script, Version
from wrangler_command import OFFLINE, wrangler

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not NODE_MODULES.joinpath("wrangler").is_dir(), reason="wrangler is run by `make test`"),
]

WORKER, ENVIRONMENT = "klear-karma-api-staging", "klear-karma-staging"


def back(sim: StorageSim, version: str) -> subprocess.CompletedProcess[str]:
    """Run the roll-back to a version."""
    command = wrangler("rollback", version, "--env", ENVIRONMENT, "--message", "back", "--yes")
    environ = os.environ | OFFLINE | sim.environment
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_version_before_is_deployed_again() -> None:
    with StorageSim() as sim:
        script = sim.workers.setdefault(WORKER, Script())
        numbers = [f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2)]
        script.versions += [Version(number, {"main_module": "worker.py", "bindings": []}, {}, []) for number in numbers]
        script.deployed = script.versions[1]
        done = back(sim, numbers[0])
        assert (done.returncode, script.deployed.number) == (0, numbers[0]), done.stdout + done.stderr
        assert back(sim, "00000000-0000-4000-8000-000000000009").returncode != 0
        assert script.deployed.number == numbers[0]
