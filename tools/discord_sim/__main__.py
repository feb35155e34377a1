"""`python -m discord_sim`: a Discord to try a bot and webhooks with, until told to end."""

import argparse
import json
import os
import sys
import threading

from discord_sim.server import DiscordSim


def main() -> None:
    """Serve, say where on stdout, and end when interrupted or when stdin ends."""
    parser = argparse.ArgumentParser(prog="discord_sim", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin ends")
    parser.add_argument("--interactions-url", help="the bot that POST /_sim/interactions is for")
    given = parser.parse_args()
    with DiscordSim(given.port, interactions_url=given.interactions_url) as sim:
        print(json.dumps(sim.about()), flush=True)
        if not given.until_eof:
            threading.Event().wait()
        while os.read(sys.stdin.fileno(), 4_096):
            pass


if __name__ == "__main__":
    main()
