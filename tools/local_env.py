"""The environment of an app on one's own machine: settings, an administrator's key, and a Tessie to talk to."""

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from apps import ROOT
from edge.runtimes.local.dev_vars import read_dev_vars

DEV_VARS = ROOT / ".dev.vars"
TESSIE = ("TESSIE_API_KEY", "TESSIE_BASE_URL")


@dataclass(frozen=True, slots=True)
class Environment:
    """What the app is started with; `simulator` is the process of the simulated Tessie, or None on a real one."""

    values: dict[str, str]
    simulator: subprocess.Popen[str] | None


def prepare(state: Path, dev_vars: Path = DEV_VARS) -> Environment:
    """Return the variables of `.dev.vars` and the environment, which goes before; what is missing is made.

    Without a Tessie key or address the fleet is simulated: by a process that ends when this one does.
    """
    given = read_dev_vars(dev_vars) | dict(os.environ)
    made = {} if given.get("ADMIN_API_KEY") else {"ADMIN_API_KEY": _admin_key(state)}
    if any(given.get(name) for name in TESSIE):
        return Environment(given | made, None)
    simulator = _simulate()
    assert simulator.stdout is not None
    ready = json.loads(simulator.stdout.readline() or "null")
    if ready is None:
        raise SystemExit("error: the simulated Tessie did not start")
    return Environment(given | made | {"TESSIE_BASE_URL": ready["url"], "TESSIE_API_KEY": ready["token"]}, simulator)


def _simulate() -> subprocess.Popen[str]:
    """Start the simulated Tessie on a free port. It ends when its input does, so when this process is gone."""
    path = os.pathsep.join([str(ROOT / "tools"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "tessie_sim", "--port", "0", "--until-eof"]
    simulator = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C is for the server, which still talks to it while it stops
    )
    assert simulator.stdin is not None
    os.set_inheritable(simulator.stdin.fileno(), True)
    return simulator


def _admin_key(state: Path) -> str:
    """Return the key that was made at the first start, readable by its owner alone."""
    path = state / "admin_api_key"
    if not path.exists():
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(file, "w", encoding="ascii") as key:
            key.write(secrets.token_urlsafe(24))
    return path.read_text(encoding="ascii").strip()
