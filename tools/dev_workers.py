"""`make dev-workers`: the same as `make dev`, in real workerd with real Pyodide."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

from apps import DEFAULT, ROOT, load
from companions import begin
from dev import HOST, Place, chosen, greet, surroundings
from edge.ports.executor import Executor
from edge.runtimes.local.parent import GRACE, follow, launcher_pid


def main() -> int:
    """Start the Worker, let its clock tick once if it never has, and wait for its end."""
    place = chosen()
    if place.host != HOST:
        raise SystemExit(f"error: HOST={place.host}: workerd listens on {HOST} alone here; `make dev` takes HOST")
    follow(launcher_pid())
    environment = surroundings(place)
    greet(environment)
    remote = executor(place.package, environment.values)
    pythonpath = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tools")])
    values = {"ENVIRONMENT": "development"} | remote | environment.values | {"PYTHONPATH": pythonpath}
    serving = subprocess.Popen(command(place), cwd=ROOT, env=values, stdout=subprocess.PIPE, text=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: end(serving))
    pass_on(serving, place)
    end(serving)
    return serving.wait()


def executor(package: str, configured: Mapping[str, str]) -> dict[str, str]:
    """Return the address of Piston's dialect over this machine's sandbox, for an app that runs programs.

    workerd enforces no limits here: a loop in a Dynamic Worker would stop it whole.
    """
    runs_programs = any(field.port is Executor for field in load(package).settings.fields)
    if not runs_programs or configured.get("EXECUTOR_URL"):
        return {}
    url = str(begin("sims.piston")["url"])
    print(f"Programs run in this machine's sandbox, by Piston's dialect at {url}", flush=True)
    return {"EXECUTOR_URL": url, "EXECUTOR_DIALECT": "piston"}


def end(serving: subprocess.Popen[str]) -> None:
    """Have the Worker's host end, in good order or after some seconds without."""
    serving.terminate()
    timer = threading.Timer(3 * GRACE, serving.kill)
    timer.daemon = True
    timer.start()


def command(place: Place) -> list[str]:
    """Return pyedge's command line: a variable or secret of the app's that the environment has is the Worker's."""
    own = [] if place.package == DEFAULT else ["--env", place.package.replace("_", "-")]
    names = [field.name for field in load(place.package).settings.fields if field.port is None]
    forwarded = [word for name in names for word in ("--from-env", name)]
    serve = [sys.executable, "-m", "pyedge", "serve", "--port", place.port, "--state", str(place.state / "workers")]
    return [*serve, *own, *forwarded]


def pass_on(serving: subprocess.Popen[str], place: Place) -> None:
    """Forward the output of the Worker's host, until it ends."""
    assert serving.stdout is not None
    for line in serving.stdout:
        print(line, end="", flush=True)
        if line.startswith("ready"):
            tick(place, place.state / "workers" / "ticked")


def tick(place: Place, mark: Path) -> None:
    """Fire each cron trigger once in the life of a state folder: a newcomer need not wait four hours for the first."""
    if mark.exists():
        return
    for cron in crons(place.package):
        try:
            with urlopen(f"{place.url}/cdn-cgi/handler/scheduled?cron={quote(cron)}") as answer:
                answer.read()
        except HTTPError as fault:  # the log has said why; the next tick is another try
            fault.close()
            print(f"the job of {cron} failed", flush=True)
    mark.touch()


def crons(package: str) -> Iterable[str]:
    """Return the cron expressions of an app."""
    return sorted({cron for cron, _ in load(package).jobs})


if __name__ == "__main__":
    sys.exit(main())
