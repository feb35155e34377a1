"""`make dev`: an app on one's own machine, on SQLite, with a simulated fleet where there is no Tessie key."""

import os
import subprocess
import sys
from pathlib import Path

from apps import DEFAULT, ROOT
from build_assets import target
from edge.ports import PortError
from local_env import Environment, prepare

HOST = "127.0.0.1"


def main() -> int:
    """Prepare the environment, say what there is, and become the server."""
    package = os.environ.get("APP") or DEFAULT
    port, state = os.environ.get("PORT") or "8787", Path(os.environ.get("STATE") or ROOT / ".state")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise SystemExit(f"error: PORT={port} is no port: give a number from 1 to 65535")
    if not (ROOT / "src" / package / "app.py").is_file():
        raise SystemExit(f"error: there is no app {package} in src/")
    subprocess.run([sys.executable, ROOT / "tools" / "build_assets.py", package], check=True, stdout=subprocess.DEVNULL)
    try:
        environment = prepare(state)
    except (PortError, OSError) as fault:
        raise SystemExit(f"error: {fault}") from None
    greet(environment, port, state)
    os.chdir(ROOT)
    os.execve(sys.executable, command(package, port, state), environment.values | {"PYTHONPATH": str(ROOT / "src")})


def command(package: str, port: str, state: Path) -> list[str]:
    """Return the server's command line."""
    serve = [sys.executable, "-m", "edge.runtimes.local", "serve", f"{package}.app:app", "--host", HOST, "--port", port]
    places = ["--state", str(state), "--assets", str(target(package)), "--env-file", str(ROOT / ".dev.vars")]
    return [*serve, *places, "--migrations", str(ROOT / "migrations"), "--reload", str(ROOT / "src")]


def greet(environment: Environment, port: str, state: Path) -> None:
    """Tell what to try first. A key that was made here is shown, one that the owner has set is not."""
    fleet = "a simulated fleet (set TESSIE_API_KEY in .dev.vars for your own)" if environment.simulator else "Tessie"
    key_file = state / "admin_api_key"
    made = key_file.exists() and key_file.read_text().strip() == environment.values["ADMIN_API_KEY"]
    key = environment.values["ADMIN_API_KEY"] if made else "$ADMIN_API_KEY"
    url = f"http://{HOST}:{port}"
    print(
        f"Cars:     {fleet}\n"
        f"Console:  {url}/    reference: {url}/docs\n"
        f"API key:  {key}{'    (kept in ' + str(key_file) + ')' if made else ''}\n"
        f"Try:      curl -H 'Authorization: Bearer {key}' '{url}/d1/vehicles?select=display_name,battery_pct'",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
