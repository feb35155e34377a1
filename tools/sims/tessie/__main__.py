"""`python -m sims.tessie`: serve the fleet until it is ended."""

import argparse
import json
from typing import ClassVar

from sims.server import arguments, serve
from sims.tessie.cars import ANCHOR
from sims.tessie.faults import BadRule, Faults, Rule
from sims.tessie.fleet import Fleet, epoch
from sims.tessie.server import DEFAULT_TOKEN, Simulator


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
    parser = arguments("sims.tessie", __doc__)
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same history")
    parser.add_argument("--start", type=_instant, default=float(ANCHOR), help="ISO instant the history begins at")
    parser.add_argument("--until", type=_instant, help="ISO instant to pin the clock to; the real clock without it")
    parser.add_argument("--cars", type=int, help="number of cars; those beyond the fleet's own are copies")
    parser.add_argument("--token", default=DEFAULT_TOKEN, help="the only valid access token")
    parser.add_argument("--faults", type=_rules, default=[], help="JSON list of rules, as for PUT /_sim/faults")
    parser.add_argument(
        "--fleet-account", action="store_true", help="open the endpoints that answer 403 to ordinary owners"
    )
    parser.add_argument("--log", action="store_true", help="log requests on stderr")
    return parser.parse_args()


class LoggingSimulator(Simulator):
    """A simulator that logs requests on stderr."""

    options: ClassVar = {"log_level": "info", "access_log": True}


def main() -> None:
    """Print the address to stdout; serve until interrupted or, with `--until-eof`, until stdin ends."""
    options = _arguments()
    fleet = Fleet(seed=options.seed, start=options.start, until=options.until, number=options.cars)
    for car in fleet:
        car.grow()
    kind = LoggingSimulator if options.log else Simulator
    sim = kind(
        fleet, token=options.token, faults=options.faults, fleet_account=options.fleet_account, port=options.port
    )
    serve(options, sim, lambda: {"url": sim.url, "token": sim.token, "vins": sim.vins})


if __name__ == "__main__":
    main()
