"""`python -m sims.tessie`: serve the fleet until told to end."""

import argparse
import json
import os
import sys
import threading

from starlette.applications import Starlette

from sims.tessie.cars import ANCHOR
from sims.tessie.faults import BadRule, Faults, Rule
from sims.tessie.fleet import Fleet, epoch
from sims.tessie.server import DEFAULT_TOKEN, HOST, create_app, listen, server_of


def _instant(text: str) -> float:
    """Epoch seconds of an ISO 8601 instant."""
    return epoch(text)


def _rules(text: str) -> list[Rule]:
    """Fault rules of a JSON list."""
    faults = Faults()
    try:
        faults.replace(json.loads(text))
    except BadRule as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from wrong
    return faults.rules


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sims.tessie", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same history")
    parser.add_argument("--start", type=_instant, default=float(ANCHOR), help="ISO instant the history begins at")
    parser.add_argument("--until", type=_instant, help="ISO instant to pin the clock to; the real clock without it")
    parser.add_argument("--token", default=DEFAULT_TOKEN, help="the only valid access token")
    parser.add_argument("--faults", type=_rules, default=[], help="JSON list of rules, as for PUT /_sim/faults")
    parser.add_argument("--fleet-account", action="store_true", help="open what answers 403 to ordinary owners")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin ends")
    parser.add_argument("--log", action="store_true", help="log requests on stderr")
    return parser.parse_args()


def _end_with_stdin() -> None:
    """End at once when the parent closes the pipe or dies."""
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    os._exit(0)


def _app(given: argparse.Namespace) -> tuple[Starlette, Fleet]:
    fleet = Fleet(seed=given.seed, start=given.start, until=given.until)
    for one in fleet:
        one.grow()
    return create_app(fleet, token=given.token, faults=given.faults, fleet_account=given.fleet_account), fleet


def main() -> None:
    """Bind, say where on stdout, and serve."""
    given = _arguments()
    app, fleet = _app(given)
    bound = listen(given.port)
    # Listening before the line is out: a client may connect at once.
    bound.listen(128)
    url = f"http://{HOST}:{bound.getsockname()[1]}"
    print(json.dumps({"url": url, "token": given.token, "vins": fleet.vins}), flush=True)
    if given.until_eof:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    server_of(app, log=given.log).run(sockets=[bound])


if __name__ == "__main__":
    main()
