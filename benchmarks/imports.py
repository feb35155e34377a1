"""The cost of importing the small API of each framework, and each Worker, each time in a fresh process."""

import os
import subprocess
import sys
from collections.abc import Mapping
from statistics import median

_MEASURE = """
import sys, time
before, started = len(sys.modules), time.process_time_ns()
{statement}
print((time.process_time_ns() - started) / 1e6, len(sys.modules) - before)
"""

STATEMENTS = {
    "this kernel": "import benchmarks.peers.kernel",
    "pydantic alone": "import pydantic; pydantic.BaseModel",
    "dict + regex + json.dumps, no features": "import benchmarks.peers.bare",
    "Falcon": "import benchmarks.peers.falcon_api",
    "Kinglet": "import benchmarks.peers.kinglet_api",
    "Starlette": "import benchmarks.peers.starlette_api",
    "FastAPI, response models": "import benchmarks.peers.fastapi_api",
}

APPS = ("core_tessie", "platform_api", "discord_bot", "vinyl_vault", "klear_karma", "devcapsules")
PYDANTIC = "Pydantic, one model"
_ONE_MODEL = "import pydantic; pydantic.create_model('One', name=(str, ...))"
WORKERS = {
    PYDANTIC: _ONE_MODEL,
    "the same and asyncio, which Pyodide has loaded": f"import asyncio; {_ONE_MODEL}",
    **{app: f"import {app}.app" for app in APPS},
}


def measure(statements: Mapping[str, str], rounds: int) -> dict[str, tuple[float, int]]:
    """Return for each the median CPU milliseconds and the number of modules, after one round that writes bytecode."""
    times: dict[str, list[tuple[float, int]]] = {name: [] for name in statements}
    for number in range(rounds + 1):
        for name, statement in statements.items():
            once = _once(statement)
            if number:
                times[name].append(once)
    return {name: (median(ms for ms, _ in runs), runs[0][1]) for name, runs in times.items()}


def _once(statement: str) -> tuple[float, int]:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-c", _MEASURE.format(statement=statement)]
    printed = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.split()
    return float(printed[0]), int(printed[1])
