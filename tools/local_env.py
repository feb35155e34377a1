"""The environment of an app on one's own machine: settings, an administrator's key, and a Tessie to talk to."""

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from apps import ROOT
from edge.parts.callers import HASHED
from edge.parts.keys import hashed
from edge.runtimes.local.dev_vars import read_dev_vars

DEV_VARS = ROOT / ".dev.vars"
TESSIE = ("TESSIE_API_KEY", "TESSIE_BASE_URL")


@dataclass(frozen=True, slots=True)
class Environment:
    """What the app is started with; `simulator` is the process of the simulated Tessie, or None on a real one.

    `key` is the administrator's where it was made just now: only its hash is kept.
    """

    values: dict[str, str]
    simulator: subprocess.Popen[str] | None
    key: str | None


def prepare(state: Path, dev_vars: Path = DEV_VARS) -> Environment:
    """Return the variables of `.dev.vars` and the environment, which goes before; what is missing is made.

    Without a Tessie key or address the fleet is simulated: by a process that ends when this one does.
    """
    given = read_dev_vars(dev_vars) | dict(os.environ)
    made, key = {}, None
    if not given.get("ADMIN_API_KEY"):
        made["ADMIN_API_KEY"], key = _admin_key(state)
    if not given.get("JWT_SECRET_KEY"):
        made["JWT_SECRET_KEY"] = _kept(state / "jwt_secret_key", secrets.token_urlsafe(32))
    if any(given.get(name) for name in TESSIE):
        return Environment(given | made, None, key)
    simulator = _simulate()
    assert simulator.stdout is not None
    ready = json.loads(simulator.stdout.readline() or "null")
    if ready is None:
        raise SystemExit("error: the simulated Tessie did not start")
    simulated = {"TESSIE_BASE_URL": ready["url"], "TESSIE_API_KEY": ready["token"]}
    return Environment(given | made | simulated, simulator, key)


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


def _admin_key(state: Path) -> tuple[str, str | None]:
    """Return the setting of the administrator's key, which is its hash, and at the first start the key itself."""
    key = secrets.token_urlsafe(24)
    made = f"{HASHED}{hashed(key)}"
    setting = _kept(state / "admin_api_key", made)
    return setting, key if setting == made else None


def _kept(path: Path, fresh: str) -> str:
    """Return what a file holds; where there is none, make it of what is given, readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(fresh)
    return path.read_text(encoding="ascii").strip()
