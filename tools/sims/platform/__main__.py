"""`python -m sims.platform`: serve platform_api on a state of its own until it is ended."""

import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from apps import ROOT
from sims.sanity import SanitySim
from sims.server import announce, arguments

API_KEY = "platform-sim-key-of-no-secret"


def main() -> None:
    """Print the address to stdout; serve until interrupted or, with `--until-eof`, until stdin ends."""
    options = arguments("sims.platform", __doc__).parse_args()
    with SanitySim() as sanity, tempfile.TemporaryDirectory() as state:
        server = start(sanity, Path(state), options.port)
        try:
            announce(options, {"url": address(server), "api_key": API_KEY})
        finally:
            server.terminate()
            server.wait(20)


def start(sanity: SanitySim, state: Path, port: int) -> subprocess.Popen[str]:
    """Start the platform's own server."""
    command = [sys.executable, "-m", "edge.runtimes.local", "serve", "platform_api.app:app", "--port", str(port)]
    command += ["--state", str(state), "--migrations", str(ROOT / "migrations")]
    own = {
        "API_KEY": API_KEY,
        "RATE_LIMITER": "off",
        "LOG_LEVEL": "error",
        "SANITY_API_URL": sanity.url,
        "SANITY_PROJECT_ID": sanity.project_id,
        "SANITY_DATASET": sanity.dataset,
        "SANITY_API_READ_TOKEN": sanity.read_token,
        "PYTHONPATH": str(ROOT / "src"),
    }
    return subprocess.Popen(
        command,
        cwd=state,
        env=os.environ | own,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def address(server: subprocess.Popen[str]) -> str:
    """Return the address that the server prints; read and drop its later output."""
    assert server.stdout is not None
    output = ""
    for line in server.stdout:
        output += line
        if match := re.search(r"http://127\.0\.0\.1:\d+", line):
            threading.Thread(target=server.stdout.read, daemon=True).start()
            return match[0]
    raise SystemExit(f"error: the platform did not start:\n{output}")


if __name__ == "__main__":
    main()
