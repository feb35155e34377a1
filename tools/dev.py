"""`make dev`: an app on one's own machine, on SQLite, beside stand-ins for the services that are not configured."""

import ipaddress
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from apps import DEFAULT, ROOT, state_of
from build_assets import target
from edge.ports import PortError
from edge.runtimes.local.parent import follow, launcher_pid
from local_env import DEV_VARS, Environment, prepare

HOST = "127.0.0.1"


def main() -> int:
    """Prepare the environment, print a summary, and become the server."""
    place = chosen()
    follow(launcher_pid())
    environment = surroundings(place)
    greet(environment)
    os.chdir(ROOT)
    os.execve(sys.executable, command(place), environment.values | {"PYTHONPATH": str(ROOT / "src")})


@dataclass(frozen=True, slots=True)
class Place:
    """How an app is served: its package, its port, the folder of its state, and the address that it listens on."""

    package: str
    port: str
    state: Path
    host: str = HOST

    @property
    def url(self) -> str:
        """The address to call: 127.0.0.1 if it listens on all addresses."""
        address = ipaddress.ip_address(self.host)
        host = f"[{self.host}]" if address.version == 6 else self.host
        return f"http://{HOST if address.is_unspecified else host}:{self.port}"


def chosen() -> Place:
    """Return the place that APP, PORT, STATE and HOST describe, or the defaults; exit with one line if invalid."""
    place = Place(
        package := os.environ.get("APP") or DEFAULT,
        os.environ.get("PORT") or "8787",
        state_of(package),
        os.environ.get("HOST") or HOST,
    )
    if not is_address(place.host):
        raise SystemExit(f"error: HOST={place.host} is not an address: give 127.0.0.1, or 0.0.0.0 inside a container")
    if not place.port.isdigit() or not 0 < int(place.port) < 65536:
        raise SystemExit(f"error: PORT={place.port} is not a port: give a number from 1 to 65535")
    if not (ROOT / "src" / place.package / "app.py").is_file():
        raise SystemExit(f"error: there is no app {place.package} in src/")
    return place


def is_address(text: str) -> bool:
    """Tell whether a text is an IP address; a host name is not, as some shells set HOST to the machine's."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def surroundings(place: Place, dev_vars: Path = DEV_VARS) -> Environment:
    """Build the app's static files and return its environment; exit with one line if that fails."""
    build = [sys.executable, str(ROOT / "tools" / "build_assets.py"), place.package]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    try:
        return prepare(place.package, place.state, place.url, dev_vars)
    except PortError as fault:
        reason = str(fault)
    except OSError as fault:
        reason = f"the state folder {place.state} cannot be used: {fault.strerror or fault}"
    print(f"error: {reason}", file=sys.stderr)
    raise SystemExit(2)


def command(place: Place) -> list[str]:
    """Return the server's command line."""
    serve = [sys.executable, "-m", "edge.runtimes.local", "serve", f"{place.package}.app:app", "--host", place.host]
    places = ["--port", place.port, "--state", str(place.state), "--assets", str(target(place.package))]
    files = ["--env-file", str(ROOT / ".dev.vars"), "--migrations", str(ROOT / "migrations")]
    parent = launcher_pid()
    ending = [] if parent is None else ["--parent", str(parent)]
    return [*serve, *places, *files, *ending, "--reload", str(ROOT / "src")]


def greet(environment: Environment) -> None:
    """Print the app's addresses and keys, and a first call to try."""
    print("\n".join(f"{heading + ':':9} {text}" for heading, text in environment.notes.items()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
