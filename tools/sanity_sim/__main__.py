"""`python -m sanity_sim`: serve a project of Sanity until told to end."""

import argparse
import json
import os
import sys
import threading

from sanity_sim.server import SanitySim

_SAID = ("url", "project_id", "dataset", "read_token", "write_token", "webhook_secret")


def main() -> None:
    """Say where on stdout, and serve until interrupted or, with `--until-eof`, until stdin ends."""
    parser = argparse.ArgumentParser(prog="sanity_sim", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin ends")
    given = parser.parse_args()
    with SanitySim(given.port) as sim:
        print(json.dumps({name: getattr(sim, name) for name in _SAID}), flush=True)
        if not given.until_eof:
            threading.Event().wait()
        while os.read(sys.stdin.fileno(), 4_096):
            pass


if __name__ == "__main__":
    main()
